"""The benchmarks against PyTorch: `rushlight bench`, or `python -m benchmarks` in a checkout."""
