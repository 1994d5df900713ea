"""Two and four real processes make the run that one makes; when one is gone, the others say so and end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from metta_jax.cli.processes import LOST, PREEMPTED
from metta_jax.store.train_state import read_trainer_info
from tests.parallel.started import (
    UPDATE,
    end,
    finish,
    metrics,
    start,
    wait_for_updates,
    worker_and_watcher,
    write_config,
)

TOLERANCE = 1e-4
RATIO_TOLERANCE = 1e-3  # of explained variance: a quotient of two small variances, in which roundings are large


def assert_same_run(actual: Path, expected: Path) -> None:
    """Counts of the log are equal, other numbers up to the rounding of sums."""
    here, there = metrics(actual), metrics(expected)
    assert len(here) == len(there) > 0
    compared = 0
    for one, two in zip(here, there, strict=True):
        for name in two:
            if name.startswith(("losses/", "experience/", "episode/", "metric/agent_step", "metric/epoch")):
                near = RATIO_TOLERANCE if name == "losses/explained_variance" else TOLERANCE
                np.testing.assert_allclose(one[name], two[name], rtol=near, atol=near, err_msg=name)
                compared += 1
    assert compared > 10 * len(there)


@pytest.mark.slow
@pytest.mark.parametrize("row_groups", [1, 4])
def test_several_processes_make_the_run_of_one(row_groups: int, tmp_path: Path) -> None:
    """With the rows of all processes, and with their own."""
    runs = {}
    for count in (1, 2, 4):
        runs[count] = tmp_path / f"of_{count}"
        results = finish(start(write_config(tmp_path / f"{count}.json", runs[count], 6, row_groups), count))
        for index, (code, out, err) in enumerate(results):
            assert code == 0, err
            assert not err
            assert ("agent steps" in out) == (index == 0), "the first process speaks for all"
    assert_same_run(runs[2], runs[1])
    assert_same_run(runs[4], runs[1])
    # and goes on with another number of them, from the files of any
    for first, then in ((2, 1), (4, 2), (1, 4)):
        for code, _, err in finish(
            start(write_config(tmp_path / "more.json", runs[first], 6 + then, row_groups), then)
        ):
            assert code == 0, err
        assert [record["metric/epoch"] for record in metrics(runs[first])] == list(range(1, 7 + then))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "number", "then"),
    [(0, signal.SIGKILL, 1), (1, signal.SIGKILL, 2), (0, signal.SIGSTOP, 4), (1, signal.SIGSTOP, 1)],
)
def test_a_process_that_is_gone_ends_the_others(victim: int, number: signal.Signals, then: int, tmp_path: Path) -> None:
    """And the run resumes with another number of processes."""
    config = write_config(tmp_path / "run.json", tmp_path / "run", 1_000_000)
    processes = start(config, 2)
    try:
        wait_for_updates(tmp_path / "run", 5)
        worker, *_ = worker_and_watcher(processes[victim])
        begin = time.monotonic()
        worker.send_signal(number)
        other = processes[1 - victim]
        _, err = other.communicate(timeout=120)
        assert time.monotonic() - begin < 60
        assert other.returncode == LOST, err
        assert err.count("\n") == 1
        line = f"metta-jax: process {1 - victim}: stopped because process {victim} of this run died or hangs; nothing"
        assert err.startswith(line), err
    finally:
        end(processes)
    saved = read_trainer_info(tmp_path / "run" / "checkpoints")
    assert saved is not None
    assert saved.epoch >= 4
    for code, _, problem in finish(start(write_config(config, tmp_path / "run", saved.epoch + 3), then)):
        assert code == 0, problem
    assert metrics(tmp_path / "run")[-1]["metric/agent_step"] == (saved.epoch + 3) * UPDATE


@pytest.mark.slow
@pytest.mark.parametrize("told", [(1,), (0, 1)], ids=["one", "all"])
def test_a_signal_stops_all_after_the_same_update_and_all_is_saved(told: tuple[int, ...], tmp_path: Path) -> None:
    config = write_config(tmp_path / "run.json", tmp_path / "run", 1_000_000)
    processes = start(config, 2)
    try:
        wait_for_updates(tmp_path / "run", 3)
        for index in told:
            processes[index].send_signal(signal.SIGTERM)
        results = finish(processes)
    finally:
        end(processes)
    assert [code for code, _, _ in results] == [PREEMPTED, PREEMPTED], results
    assert not any(err for _, _, err in results)
    saved = read_trainer_info(tmp_path / "run" / "checkpoints")
    assert saved is not None
    assert saved.epoch == metrics(tmp_path / "run")[-1]["metric/epoch"]
