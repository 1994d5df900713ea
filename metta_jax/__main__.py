"""Runs the command line: `python -m metta_jax`."""

import sys

from metta_jax.cli import main

if __name__ == "__main__":
    sys.exit(main())
