"""A sweep of two processes is killed, and resumed: no trial is lost, and none is run twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import duckdb
import jax
import psutil
import pytest

from metta_jax.monitor import read_json_lines
from metta_jax.sweep import Sweep, last_attempts

ROOT = Path(__file__).resolve().parents[2]
NUM_TRIALS, NUM_UPDATES, BATCH = 16, 12, 16

SPACE = f"""
world: default
environment: {{num_envs: 1, num_maps: 1}}
trainer:
  total_timesteps: {NUM_UPDATES * BATCH}
  batch_size: {BATCH}
  minibatch_size: {BATCH}
  bptt_horizon: 4
  checkpoint: {{checkpoint_interval: 3}}
metric: losses/entropy
pruner: none
fields:
  optimizer.learning_rate: {{low: 1e-4, high: 1e-2, log: true}}
  ppo.ent_coef: {{low: 0.0, high: 0.02}}
"""


@contextlib.contextmanager
def _started(directory: Path) -> Generator[subprocess.Popen[str]]:
    """The command with two workers; whatever is left of it at the end of the block is killed."""
    command = ["sweep", "space.yaml", "--trials", str(NUM_TRIALS), "--workers", "2", "--out", "out", "--heartbeat", "2"]
    # Every trial compiles; what was compiled once is kept.
    cache = str(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": cache, "JAX_PLATFORMS": "cpu"}
    with subprocess.Popen(
        [sys.executable, "-m", "metta_jax", *command],
        cwd=directory,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            for one in _family(process.pid):
                one.kill()


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _wait_for_updates(directory: Path, count: int) -> None:
    """Until all runs together have made so many updates."""
    deadline = time.monotonic() + 400
    while sum(file.read_text().count("\n") for file in directory.glob("out/trials/*/metrics.jsonl")) < count:
        assert time.monotonic() < deadline, "the sweep does not advance"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_killed_sweep_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    for number, count in ((signal.SIGKILL, 3 * NUM_UPDATES + 5), (signal.SIGTERM, 8 * NUM_UPDATES + 5)):
        with _started(tmp_path) as process:
            _wait_for_updates(tmp_path, count)
            if number == signal.SIGKILL:
                for one in _family(process.pid):
                    one.kill()
                process.wait(60)
            else:
                process.terminate()
                assert process.wait(120) == 0
                assert process.stdout is not None
                assert "trials are left: the same command continues" in process.stdout.read()
    with _started(tmp_path) as process:
        output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    assert "are left" not in output

    with contextlib.closing(Sweep("space", tmp_path / "out")) as sweep:
        attempts = sweep.attempts()
        last = last_attempts(attempts)
    assert [attempt.slot for attempt in last] == list(range(NUM_TRIALS))
    assert {attempt.state for attempt in last} == {"complete"}
    # One attempt of a slot came to its end, the others were interrupted, and all had the same values.
    assert sum(attempt.state == "complete" for attempt in attempts) == NUM_TRIALS
    interrupted = [attempt for attempt in attempts if attempt.state == "died"]
    assert 1 <= sum(not attempt.was_stopped for attempt in interrupted) <= 2  # of each worker that was killed
    for attempt in interrupted:
        assert attempt.values == last[attempt.slot].values
    assert len({tuple(attempt.values.values()) for attempt in last}) == NUM_TRIALS
    for slot in range(NUM_TRIALS):  # every update of every run is there, once: those that were killed resumed
        records = read_json_lines(tmp_path / "out" / "trials" / f"{slot:04d}" / "metrics.jsonl")
        assert [record["step"] for record in records] == [BATCH * (i + 1) for i in range(NUM_UPDATES)]
    with duckdb.connect(str(tmp_path / "out" / "results.duckdb"), read_only=True) as database:
        found = database.execute("SELECT count(*), count(DISTINCT slot), sum(attempts) FROM trials").fetchone()
    assert found == (NUM_TRIALS, NUM_TRIALS, NUM_TRIALS + len(interrupted))
    assert (tmp_path / "out" / "sweep.html").stat().st_size > 2000
