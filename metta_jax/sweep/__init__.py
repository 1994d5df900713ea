"""Hyperparameter search by many runs in one world. Needs optuna (the extra `sweep`).

A `SweepSpace` describes the search. Trials and their results are kept in an Optuna study, in a database that workers on
several machines can share. Every trial is a run of `metta_jax.trainer.train` in its own directory.
"""

from metta_jax.sweep.page import ranked, write_page
from metta_jax.sweep.results import write_results
from metta_jax.sweep.slots import Attempt, last_attempts
from metta_jax.sweep.space import Domain, SweepSpace, read_space, trial_run
from metta_jax.sweep.study import Sweep
from metta_jax.sweep.worker import work
from metta_jax.sweep.workers import run_workers

__all__ = [
    "Attempt",
    "Domain",
    "Sweep",
    "SweepSpace",
    "last_attempts",
    "ranked",
    "read_space",
    "run_workers",
    "trial_run",
    "work",
    "write_page",
    "write_results",
]
