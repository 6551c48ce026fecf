import sys

from rushlight._bench.cli import main

sys.exit(main())
