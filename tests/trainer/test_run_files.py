"""What a run leaves behind, and the reward of full episodes."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.config import TrainerConfig
from metta_jax.config.directories import paths_in
from metta_jax.monitor import RunConfig, save_run_config
from metta_jax.trainer import EpisodeRewards, StopSignals, check_same_run, forget_records_after, forget_run
from metta_jax.trainer.train import chosen_device


def test_later_records_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    forget_records_after(path, 0)
    assert not path.exists()
    lines = [json.dumps({"step": step}) + "\n" for step in (10, 20, 30)]
    path.write_text("".join(lines) + '{"step": 4', encoding="utf-8")
    forget_records_after(path, 20)
    assert path.read_text(encoding="utf-8") == "".join(lines[:2])
    forget_records_after(path, 20)
    assert path.read_text(encoding="utf-8") == "".join(lines[:2])
    forget_records_after(path, 0)
    assert path.read_text(encoding="utf-8") == ""
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_run_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for name in ("checkpoints/model_0001", "checkpoints/trainer_state/3", "checkpoints/mine", "replays", "stats"):
        (tmp_path / name).mkdir(parents=True)
    databases = ("stats/all_0123abcd.duckdb", "stats/all_0123abcd.duckdb.wal", "stats/0123456789ab.duckdb")
    for name in ("metrics.jsonl", "notes.txt", "checkpoints/model_notes", "stats/notes.txt", *databases):
        (tmp_path / name).write_text("x", encoding="utf-8")
    forget_run(paths_in(str(tmp_path)))
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    mine = {"checkpoints/mine", "checkpoints/model_notes", "stats/notes.txt", "notes.txt"}
    assert left == {"checkpoints", "replays", "stats", *mine}
    forget_run(paths_in(str(tmp_path / "none")))


def test_a_run_may_go_on_at_another_place(tmp_path: Path) -> None:
    """The device and the engine's path are not what makes it another run."""
    trainer = TrainerConfig(run_dir=str(tmp_path), batch_size=32, minibatch_size=16, bptt_horizon=4)
    world = {"curriculum_path": "default", "num_envs": 4}
    (tmp_path / "checkpoints" / "trainer_state" / "3").mkdir(parents=True)

    def run(environment: dict[str, Any], agent: dict[str, Any]) -> RunConfig:
        return RunConfig.model_validate({"trainer": trainer, "environment": environment, "agent": agent})

    there = run({**world, "device": "cuda:0", "engine_path": "wide"}, {"preset": "fast", "device": "cuda"})
    save_run_config(tmp_path, trainer, dict(there.environment), there.agent)
    check_same_run(there)
    check_same_run(run(world, {"preset": "fast"}))
    with pytest.raises(ValueError, match="holds a run with another agent; give"):
        check_same_run(run(world, {"preset": "default"}))
    with pytest.raises(ValueError, match="another world: num_envs 4 there, 5 here; give"):
        check_same_run(run({**world, "num_envs": 5}, {"preset": "fast"}))


def test_the_device_of_a_run() -> None:
    def run(in_environment: str | None, in_agent: str | None) -> RunConfig:
        place = {} if in_environment is None else {"device": in_environment}
        agent = {"preset": "fast", "device": in_agent}
        return RunConfig.model_validate({"trainer": {}, "environment": place, "agent": agent})

    first, second = jax.devices()
    assert chosen_device(run(None, None)) is None
    assert chosen_device(run(None, "cpu:1")) == second
    assert chosen_device(run("cpu:0", "cpu:1")) == first
    assert chosen_device(run("cpu:0", "cpu:1"), "cpu:1") == second


def _ended(count: float, share: float, reward: float) -> dict[str, float]:
    return {"episode/count": count, "episode/share_sum": share, "episode/return_sum": reward}


def test_rewards_are_those_of_full_episodes() -> None:
    rewards = EpisodeRewards(window=2)
    assert rewards.add(_ended(0, 0, 0)) is None
    assert rewards.add(_ended(2, 0.6, 3)) == pytest.approx(3 / 0.6), "those that were cut short have a rate too"
    assert rewards.add(_ended(2, 1.8, 9)) == pytest.approx(12 / 2.4)
    assert rewards.add(_ended(1, 1.0, 7)) == pytest.approx(16 / 2.8)
    assert rewards.add(_ended(0, 0, 0)) == pytest.approx(7.0)
    assert rewards.add(_ended(0, 0, 0)) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_a_wish_and_the_second_acts(number: signal.Signals) -> None:
    def act(*_: object) -> None:
        raise RuntimeError("acted")

    before = signal.signal(number, act)
    try:
        with StopSignals() as stop:
            assert not stop.requested
            os.kill(os.getpid(), number)
            assert stop.requested
            with pytest.raises(RuntimeError, match="acted"):
                os.kill(os.getpid(), number)
        assert signal.getsignal(number) is act
    finally:
        signal.signal(number, before)


def test_a_signal_is_a_wish_to_what_is_around_it_too() -> None:
    """A run within a sweep: the sweep must not begin another one, and a second control-C ends both at once."""

    def act(*_: object) -> None:
        raise RuntimeError("acted")

    before = signal.signal(signal.SIGINT, act)
    try:
        with StopSignals() as outer:
            with StopSignals() as inner:
                os.kill(os.getpid(), signal.SIGINT)
                assert (inner.number, outer.number) == (signal.SIGINT, signal.SIGINT)
                with pytest.raises(RuntimeError, match="acted"):
                    os.kill(os.getpid(), signal.SIGINT)
            assert outer.requested
        assert signal.getsignal(signal.SIGINT) is act
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_hangup_that_is_ignored_stays_so() -> None:
    """As `nohup` starts programs."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_outside_the_main_thread_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with StopSignals() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]
    assert signal.getsignal(signal.SIGINT) is before
