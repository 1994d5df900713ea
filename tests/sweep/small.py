"""Sweeps whose runs cost nothing: `train` is replaced by a formula of the learning rate."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metta_jax.monitor import Logger, RunConfig
from metta_jax.sweep import Sweep, SweepSpace, worker

TOTAL, NUM_UPDATES = 1280, 10
SPACE = SweepSpace(
    world="forage",
    environment={"num_envs": 2, "num_maps": 1},
    trainer={"total_timesteps": TOTAL, "bptt_horizon": 16, "batch_size": 128, "minibatch_size": 128},
    fields={
        "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "update_epochs": {"low": 1, "high": 3},
        "agent": ["fast", "default"],
    },
)


def open_sweep(directory: Path, *, num_trials: int | None = 4, space: SweepSpace | None = SPACE, **more: Any) -> Sweep:
    return Sweep("small", directory, space=space, num_trials=num_trials, **more)


def formula(run: RunConfig) -> float:
    """The best learning rate is 1e-3."""
    return -abs(math.log10(run.trainer.optimizer.learning_rate) + 3)


def fake_training(
    monkeypatch: pytest.MonkeyPatch, *, reward_fn: Callable[[RunConfig], float] = formula
) -> list[RunConfig]:
    """Let workers train by a formula; what they train is added to the list."""
    runs: list[RunConfig] = []

    def train(run: RunConfig, *, loggers: Sequence[Logger], **_: object) -> SimpleNamespace:
        runs.append(run)
        directory = Path(run.trainer.run_dir)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "metrics.jsonl").open("w") as file:
            for update in range(1, NUM_UPDATES + 1):
                metrics = {"overview/reward": reward_fn(run) * update / NUM_UPDATES}
                step = update * TOTAL // NUM_UPDATES
                print(json.dumps({"step": step, **metrics}), file=file, flush=True)
                for logger in loggers:
                    logger.log(metrics, step)
        return SimpleNamespace(is_finished=True)

    monkeypatch.setattr(worker, "train", train)
    return runs


def let_processes_die(directory: Path) -> None:
    """Make the last sign of life of every running trial an hour old."""
    with sqlite3.connect(directory / "study.db") as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')")
    database.close()
