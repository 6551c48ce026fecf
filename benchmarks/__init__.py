"""`python -m benchmarks` is `rushlight bench`; the code is in src/rushlight/_bench, so that an installed package has it too."""
