"""The arguments of `metta-jax sweep`."""

from __future__ import annotations

import argparse
from typing import Any

from metta_jax.cli.parser import add_import, late, place, positive, seconds

_DESCRIPTION = """\
Runs many trainings in one world, with values of some fields drawn from a search space, and reports which learn best.

Writes to the directory: study.db, the database of the study; trials/<number>/, the run of each trial; results.duckdb
and sweep.html; and compiled/, a compilation cache that trials share.
Run the same command again to continue: interrupted trials resume from their checkpoints. Control-C stops all workers
after their current updates."""

_EXAMPLES = """\
a space is a YAML or JSON file:
  world: forage
  trainer: {total_timesteps: 1_000_000}
  fields:
    optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}
    ppo.ent_coef: {low: 0.0, high: 0.02}
    update_epochs: {low: 1, high: 3}
    agent: [fast, default]

examples:
  metta-jax sweep space.yaml --trials 64 --workers 4
  metta-jax sweep space.yaml --trials 64 --workers 4 --device cuda:0 cuda:1      two workers on each
  metta-jax sweep --study space --storage postgresql://user@host/sweeps          a worker on another machine"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "sweep", help="search for the best settings with many runs", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    parser.add_argument("space", nargs="?", type=place, help="YAML or JSON, see below (default: the study's)")
    parser.add_argument("--trials", type=positive, help="number of runs (default: 16, or the study's)")
    parser.add_argument("--workers", type=positive, default=1, help="processes on this machine (default: 1)")
    parser.add_argument("--world", help="use this world instead of the space's")
    parser.add_argument("--study", help="name of the study (default: the name of the space's file)")
    parser.add_argument("--storage", help="database URL for SQLAlchemy (default: study.db in the directory)")
    parser.add_argument("--out", type=place, help="the directory (default: sweeps/<study>)")
    parser.add_argument("--device", nargs="+", default=[], help="cpu, cuda:0, ...: assigned to workers in turn")
    parser.add_argument("--max-minutes", type=seconds, default=float("inf"), help="start no trial after this time")
    parser.add_argument("--heartbeat", type=positive, default=15, help="seconds; a worker is dead after 4 missed ones")
    parser.add_argument("--report", action="store_true", help="run no trials, only write the results and the page")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)  # process id of the command that started this one
    add_import(parser)
    parser.set_defaults(run=late("metta_jax.cli.sweep"))
