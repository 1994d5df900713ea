"""The profiler: when it is armed, and a real trace."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from metta_jax.config import ProfilerConfig
from metta_jax.monitor import EpochProfiler
from metta_jax.monitor.intervals import is_due


def _armed_epochs(profiler: EpochProfiler, epochs: range, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs at whose end it was armed."""
    traced: list[str] = []
    monkeypatch.setattr(jax.profiler, "start_trace", traced.append)
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: traced.append("end"))
    for epoch in epochs:
        with profiler:
            pass
        profiler.on_epoch_end(epoch)
    with profiler:
        pass
    assert traced[1::2] == ["end"] * (len(traced) // 2)
    return [int(path.rpartition("_")[2]) for path in traced[::2]]


def test_multiples_and_the_300th(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = EpochProfiler(ProfilerConfig(interval_epochs=128), "run", tmp_path)
    assert _armed_epochs(profiler, range(1, 400), monkeypatch) == [128, 256, 300, 384]


def test_updates_of_several_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = EpochProfiler(ProfilerConfig(interval_epochs=100), "run", tmp_path)
    assert _armed_epochs(profiler, range(7, 410, 7), monkeypatch) == [105, 203, 301, 406]


def test_a_resumed_run_is_not_traced_for_what_is_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = EpochProfiler(ProfilerConfig(interval_epochs=100), "run", tmp_path)
    assert _armed_epochs(profiler, range(350, 420), monkeypatch) == [400]


def test_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = EpochProfiler(ProfilerConfig(interval_epochs=0), "run")
    assert _armed_epochs(profiler, range(1, 400), monkeypatch) == []
    with pytest.raises(ValueError, match="profile_dir: neither given"):
        EpochProfiler(ProfilerConfig(), "run")


def test_a_trace_is_written(tmp_path: Path) -> None:
    profiler = EpochProfiler(ProfilerConfig(interval_epochs=2, profile_dir=str(tmp_path)), "run")
    profiler.on_epoch_end(1)
    assert not profiler.is_armed
    profiler.on_epoch_end(2)
    assert profiler.is_armed
    with pytest.raises(KeyError), profiler:
        jax.block_until_ready(jnp.arange(4) + 1)
        raise KeyError
    assert not profiler.is_armed, "an error ends the trace too"
    assert [path.suffix for path in (tmp_path / "trace_run_epoch_2").rglob("*.xplane.pb")] == [".pb"]
    with profiler:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["trace_run_epoch_2"]


@pytest.mark.parametrize(
    ("epoch", "interval", "previous", "due"),
    [(4, 2, None, True), (5, 2, None, False), (5, 2, 3, True), (5, 2, 4, False), (9, 0, None, False), (1, 1, 0, True)],
)
def test_is_due(epoch: int, interval: int, previous: int | None, due: bool) -> None:
    assert is_due(epoch, interval, previous=previous) == due
