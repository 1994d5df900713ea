"""Replays recorded runs through the engine and prints one line for each."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from metta_jax.conformance.compare import compare
from metta_jax.conformance.runs import load_run

EQUAL, DIFFERENT, UNREADABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if all runs are equal, 1 if one differs, 2 if one cannot be read or replayed."""
    parser = argparse.ArgumentParser(prog="python -m metta_jax.conformance", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="RUN.npz", help="a recorded run of the original engine")
    return max(_check(path) for path in parser.parse_args(arguments).files)


def _check(path: str) -> int:
    started = time.perf_counter()
    try:
        run = load_run(path)
        difference = compare(run)
    except ValueError as error:
        print(f"{path}: cannot be replayed: {error}", flush=True)
        return UNREADABLE
    seconds = time.perf_counter() - started
    verdict = "equal" if difference is None else str(difference)
    print(f"{run.name}: {run.num_steps} steps, {run.num_agents} agents: {verdict} ({seconds:.1f} s)", flush=True)
    return EQUAL if difference is None else DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
