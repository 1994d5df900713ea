"""What a run leaves behind, and the reward of full episodes."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from metta_jax.config.directories import paths_in
from metta_jax.trainer import EpisodeRewards, StopSignals, forget_records_after, forget_run


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


def _ended(count: float, length: float, reward: float) -> dict[str, float]:
    return {"episode/count": count, "episode/length_sum": length, "episode/return_sum": reward}


def test_rewards_are_those_of_full_episodes() -> None:
    rewards = EpisodeRewards(max_steps=100, window=2)
    assert rewards.add(_ended(0, 0, 0)) is None
    assert rewards.add(_ended(2, 60, 3)) is None, "most episodes were cut short"
    assert rewards.add(_ended(2, 180, 9)) == pytest.approx(100 * 12 / 240)
    assert rewards.add(_ended(1, 100, 7)) == pytest.approx(100 * 16 / 280)
    assert rewards.add(_ended(0, 0, 0)) == pytest.approx(7.0)
    assert rewards.add(_ended(0, 0, 0)) is None
    assert EpisodeRewards(max_steps=0).add(_ended(2, 60, 3)) == pytest.approx(1.5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
