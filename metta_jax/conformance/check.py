"""Recorded runs, checked one by one or several at a time."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import jax

from metta_jax.conformance.compare import compare
from metta_jax.conformance.runs import load_run

EQUAL, DIFFERENT, UNREADABLE = 0, 1, 2


def check_runs(paths: Sequence[str], jobs: int) -> Iterator[tuple[int, str]]:
    """Status and report line of every file, in order; `jobs` files at a time, each in a process of its own."""
    if min(jobs, len(paths)) <= 1:
        yield from map(check_run, paths)
        return
    # JAX has threads, so processes are started anew and not forked. Nearly all of a check is compiling.
    with ProcessPoolExecutor(min(jobs, len(paths)), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(check_run, paths)


def check_run(path: str) -> tuple[int, str]:
    """Replays the run in a file: EQUAL, DIFFERENT or UNREADABLE, and what to print."""
    started = time.perf_counter()
    try:
        run = load_run(path)
        difference = compare(run)
    except ValueError as error:
        return UNREADABLE, f"{path}: cannot be replayed: {error}"
    finally:
        jax.clear_caches()  # the next run is another program; kept ones would fill the memory
    seconds = time.perf_counter() - started
    verdict = "equal" if difference is None else str(difference)
    status = EQUAL if difference is None else DIFFERENT
    return status, f"{run.name}: {run.num_steps} steps, {run.num_agents} agents: {verdict} ({seconds:.1f} s)"
