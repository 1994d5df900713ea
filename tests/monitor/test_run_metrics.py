"""Metric names: all that is known after an update, in one flat dict."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.monitor import (
    MemoryMonitor,
    Stopwatch,
    SystemMonitor,
    collect_metrics,
    due_weight_metrics,
    epoch_line,
    timing_metrics,
)
from tests.rl.training import variant


def _collect(update: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    return collect_metrics(update or {}, **{"agent_step": 128, "epoch": 2, **parts})


@pytest.fixture
def loop() -> Callable[..., Stopwatch]:
    """Two updates of 100 agent steps: 1 s of rollout and 2 s of training, then 3 s and 4 s, and 2 s in between."""
    clock = SimpleNamespace(now=50.0)
    watch = Stopwatch(clock=lambda: clock.now)

    def run() -> Stopwatch:
        watch.start()
        for index, (rollout, train) in enumerate(((1.0, 2.0), (3.0, 4.0)), start=1):
            for name, seconds in (("_rollout", rollout), ("_train", train)):
                with watch.time(name):
                    clock.now += seconds
            clock.now += 2.0
            watch.lap_all(100 * index)
        return watch

    return run


def test_timing(loop: Callable[..., Stopwatch]) -> None:
    assert timing_metrics(loop(), 200) == pytest.approx(
        {
            "metric/total_time": 14.0,
            "metric/train_time": 10.0,
            "timing_per_epoch/sps": 100 / 9,
            "timing_per_epoch/msec/_rollout": 3000.0,
            "timing_per_epoch/msec/_train": 4000.0,
            "timing_per_epoch/frac/_rollout": 3 / 9,
            "timing_per_epoch/frac/_train": 4 / 9,
            "timing_cumulative/sps": 200 / 14,
            "timing_cumulative/frac/_rollout": 4 / 14,
            "timing_cumulative/frac/_train": 6 / 14,
        }
    )


def test_timing_before_any_time_has_passed() -> None:
    watch = Stopwatch()
    assert timing_metrics(watch, 100) == {"metric/total_time": 0.0, "metric/train_time": 0.0}
    assert watch.get_all_elapsed() == {}, "reading makes no timers"


def test_epoch_line(loop: Callable[..., Stopwatch]) -> None:
    assert epoch_line(7, timing_metrics(loop(), 200)) == "Epoch 7 - 11 steps/sec (57% train / 43% rollout)"
    assert epoch_line(0, {}) == "Epoch 0 - 0 steps/sec (0% train / 0% rollout)"
    fused = {"timing_per_epoch/msec/_train": 5.0, "timing_per_epoch/sps": 52_100.4}
    assert epoch_line(1, fused) == "Epoch 1 - 52,100 steps/sec (100% train / 0% rollout)"


def test_what_an_update_returns_keeps_its_names() -> None:
    """Gradient statistics are there only when they are due: here in every second epoch, of one to three an update."""
    training = variant("accumulated")
    state = training.init(jax.random.key(0))
    for _ in range(3):
        before = int(state.epoch)
        state, update = training.train_step(state)
        metrics = collect_metrics(update, agent_step=int(state.agent_step), epoch=int(state.epoch))
        due = any(epoch % 2 == 0 for epoch in range(before + 1, int(state.epoch) + 1))
        statistics = {"grad/mean", "grad/variance", "grad/norm", "grad/clipped_norm"}
        assert set(update) - set(metrics) == (set() if due else statistics)
        assert {type(value) for value in metrics.values()} == {int, float}
        assert (metrics["metric/agent_step"], metrics["metric/epoch"]) == (int(state.agent_step), int(state.epoch))
        assert metrics["overview/reward"] == metrics["episode/return_sum"] / metrics["episode/count"]
        assert metrics["losses/entropy"] == float(update["losses/entropy"])


def test_gradient_statistics_that_were_not_due_are_left_out() -> None:
    nothing = dict.fromkeys(("grad/mean", "grad/variance", "grad/norm", "grad/clipped_norm"), jnp.float32(jnp.nan))
    metrics = _collect({**nothing, "grad/skipped": jnp.int32(0)})
    assert {name for name in metrics if name.startswith("grad")} == {"grad/skipped"}


def test_rollout_statistics() -> None:
    stats = {
        "agent/heart.get": [1.0, 2.0, np.float32(6.0)],
        "game/deep/name": [jnp.int32(4)],
        "attributes/label": ["a", "b"],
        "attributes/mixed": [2.0, "b"],
        "reward": [1.0],
        "empty/list": [],
        "task_reward/simple/rewards.mean": [0.5, 1.5],
        "task_reward/medium/rewards.mean": [3.0],
    }
    metrics = _collect({"episode/count": jnp.int32(2), "episode/return_sum": jnp.float32(100.0)}, stats=stats)
    assert {name: value for name, value in metrics.items() if name.startswith("env_")} == {
        "env_agent/heart.get": 3.0,
        "env_game/deep/name": 4.0,
        "env_attributes/mixed": 2.0,
        "env_task_reward/simple/rewards.mean": 1.0,
        "env_task_reward/medium/rewards.mean": 3.0,
    }
    assert metrics["overview/reward"] == metrics["overview/reward_vs_total_time"] == 2.0, "the mean over tasks"
    assert len(stats["agent/heart.get"]) == 3, "the caller's lists stay"


def test_no_reward_without_an_episode() -> None:
    metrics = _collect({"episode/count": jnp.int32(0), "episode/return_sum": jnp.float32(0.0)})
    assert "overview/reward" not in metrics
    assert "overview/reward" not in _collect()


def test_evaluation_scores() -> None:
    scores = {"navigation/score": 0.5, "navigation/walls": np.float32(0.25), "memory/score": 1.0}
    metrics = _collect(evaluation=scores)
    assert {name: value for name, value in metrics.items() if name.startswith(("eval", "overview"))} == {
        "eval_navigation/score": 0.5,
        "eval_navigation/walls": 0.25,
        "eval_memory/score": 1.0,
        "overview/navigation_score": 0.5,
        "overview/memory_score": 1.0,
    }


def test_all_groups_together(loop: Callable[..., Stopwatch]) -> None:
    memory = MemoryMonitor()
    memory.add([np.zeros(1024 * 1024, np.uint8)], name="buffer")
    system = SystemMonitor(sampling_interval_sec=1000.0)
    try:
        metrics = _collect(
            {"parameters/learning_rate": jnp.float32(0.5)},
            timer=loop(),
            system=system,
            memory=memory,
            weights={"weights/svd_error/critic_1": "NaN"},
            parameters={"generation": 3, "latest_saved_policy_epoch": jnp.int32(60)},
        )
    finally:
        system.stop()
    assert metrics["overview/sps"] == metrics["timing_per_epoch/sps"]
    assert metrics["trainer_memory/buffer"] == 1.0
    assert metrics["monitor/process_threads"] >= 1
    assert metrics["weights/svd_error/critic_1"] == "NaN"
    assert metrics["parameters/learning_rate"] == 0.5
    assert (metrics["parameters/generation"], metrics["parameters/latest_saved_policy_epoch"]) == (3, 60)
    assert metrics["metric/total_time"] == 14.0
    assert not any(isinstance(value, float) and math.isnan(value) for value in metrics.values())


class _Agent:
    analyze_weights_interval = 10

    def weight_metrics(self, params: Any) -> dict[str, float]:
        return {"weights/weight_norm/x": float(params["x"])}


def test_weight_metrics_at_their_interval() -> None:
    calls = [due_weight_metrics(_Agent(), {"x": epoch}, epoch) for epoch in range(1, 21)]
    assert [epoch for epoch, metrics in enumerate(calls, start=1) if metrics] == [10, 20]
    assert calls[9] == {"weights/weight_norm/x": 10.0}
    assert due_weight_metrics(_Agent(), {"x": 1}, 22, previous=19)
    assert not due_weight_metrics(_Agent(), {"x": 1}, 22, previous=20)


def test_no_weight_metrics_at_an_interval_of_zero() -> None:
    class Never(_Agent):
        analyze_weights_interval = 0

    assert due_weight_metrics(Never(), {"x": 1}, 10) == {}
