"""Recorded runs of the original engine, replayed and compared: `python -m metta_jax.conformance RUN.npz ...`."""

from __future__ import annotations

from metta_jax.conformance.compare import Difference, compare, first_difference
from metta_jax.conformance.replay import Rollout, make_engine, scan_rollout
from metta_jax.conformance.runs import RecordedRun, load_run

__all__ = [
    "Difference",
    "RecordedRun",
    "Rollout",
    "compare",
    "first_difference",
    "load_run",
    "make_engine",
    "scan_rollout",
]
