"""`metta-jax sweep`: a search for the best settings with many runs."""

from __future__ import annotations

import argparse
from pathlib import Path

import jax

from metta_jax.cli.output import unbreakable_output
from metta_jax.cli.paths import writable_directory
from metta_jax.sweep import Sweep, last_attempts, ranked, read_space, run_workers, work, write_page, write_results
from metta_jax.sweep.workers import is_child_of


def run(options: argparse.Namespace) -> int:
    file: Path | None = options.space
    if file is None and options.study is None:
        raise ValueError("sweep: give a space, or the name of an existing --study")
    name: str = options.study or (file.stem if file is not None else "")
    directory = writable_directory("--out", options.out or Path("sweeps", name))
    space = None if file is None else read_space(file, world=options.world)
    sweep = Sweep(
        name,
        directory,
        storage=options.storage,
        space=space,
        num_trials=options.trials,
        heartbeat_s=options.heartbeat,
    )
    try:
        with unbreakable_output():
            return _sweep(sweep, options)
    finally:
        sweep.close()


def _sweep(sweep: Sweep, options: argparse.Namespace) -> int:
    def say(line: str) -> None:
        print(line, flush=True)

    parent: int | None = options.worker
    if options.report:
        _report(sweep)
        return 0
    if parent is None:
        say(f"study {sweep.name}: {sweep.num_trials} trials, {options.workers} workers, into {sweep.directory}")
    code = 0
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        # Trials that differ only in numbers share their compiled programs.
        jax.config.update("jax_compilation_cache_dir", str(sweep.directory.resolve() / "compiled"))
    if options.workers > 1:
        code = run_workers(_worker_command(sweep, options), options.workers, options.device)
    else:
        work(
            sweep,
            device=options.device[0] if options.device else None,
            max_seconds=60 * options.max_minutes,
            keep_going_fn=lambda: parent is None or is_child_of(parent),
            print_fn=say,
        )
    if parent is None and _report(sweep) == 0:
        return 0  # a worker may have died: others have done its work
    return code


def _worker_command(sweep: Sweep, options: argparse.Namespace) -> list[str]:
    """The arguments of a worker's process, without its device."""
    command = ["sweep", "--study", sweep.name, "--out", str(sweep.directory), "--heartbeat", str(options.heartbeat)]
    if options.storage is not None:
        command += ["--storage", options.storage]
    if options.max_minutes != float("inf"):
        command += ["--max-minutes", str(options.max_minutes)]
    for module in options.imports:
        command += ["--import", module]
    return command


def _report(sweep: Sweep) -> int:
    """Write and print the results; return the number of trials that are left."""
    attempts = last_attempts(sweep.attempts(), sweep.num_trials)
    order = ranked(sweep.space, attempts)
    for attempt in order[:3]:
        settings = " ".join(f"{path}={value}" for path, value in attempt.values.items())
        print(f"trial {attempt.slot}: {sweep.space.metric} {attempt.score:.5g} with {settings}")
    importances = sweep.importances()
    if importances:
        print(f"importance: {', '.join(f'{path} {share:.2f}' for path, share in importances.items())}")
    print(f"results {write_results(sweep, sweep.directory / 'results.duckdb')}")
    print(f"page {write_page(sweep, sweep.directory / 'sweep.html')}")
    left = sweep.num_trials - sum(attempt.state in ("complete", "pruned", "failed") for attempt in attempts)
    if left:
        print(f"{left} of {sweep.num_trials} trials are left: the same command continues")
    return left
