"""Recorded runs, checked one by one or several at a time."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import jax

from metta_jax.conformance.compare import compare
from metta_jax.conformance.replay import make_engine
from metta_jax.conformance.runs import load_run

EQUAL, DIFFERENT, UNREADABLE = 0, 1, 2


def check_runs(paths: Sequence[str], jobs: int, engine_path: str | None = None) -> Iterator[tuple[int, str]]:
    """Status and report line of every file, in order; `jobs` files at a time, each in a process of its own."""
    check = partial(check_run, engine_path=engine_path)
    if min(jobs, len(paths)) <= 1:
        yield from map(check, paths)
        return
    # JAX has threads, so processes are spawned, not forked. Nearly all of a check is compiling.
    with ProcessPoolExecutor(min(jobs, len(paths)), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(check, paths)


def check_run(path: str, engine_path: str | None = None) -> tuple[int, str]:
    """Replay the run in a file: EQUAL, DIFFERENT or UNREADABLE, and what to print.

    `engine_path` is "wide", "narrow", or None for what the default device takes.
    """
    started = time.perf_counter()
    try:
        run = load_run(path)
        difference = compare(run, partial(make_engine, engine_path=engine_path))
    except ValueError as error:
        return UNREADABLE, f"{path}: cannot be replayed: {error}"
    finally:
        jax.clear_caches()  # the next run is another program; kept ones would fill the memory
    seconds = time.perf_counter() - started
    verdict = "equal" if difference is None else str(difference)
    status = EQUAL if difference is None else DIFFERENT
    return status, f"{run.name}: {run.num_steps} steps, {run.num_agents} agents: {verdict} ({seconds:.1f} s)"
