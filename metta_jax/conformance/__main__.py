"""Replays recorded runs through the engine and prints one line for each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from metta_jax.conformance.check import EQUAL, check_runs


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if all runs are equal, 1 if one differs, 2 if one cannot be read or replayed."""
    parser = argparse.ArgumentParser(prog="python -m metta_jax.conformance", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="RUN.npz", help="a recorded run of the original engine")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time (default: %(default)s)")
    parser.add_argument("--path", choices=["wide", "narrow"], help="path of the engine (default: the device's)")
    args = parser.parse_args(arguments)
    worst = EQUAL
    for status, line in check_runs(args.files, args.jobs, args.path):
        print(line, flush=True)
        worst = max(worst, status)
    return worst


if __name__ == "__main__":
    sys.exit(main())
