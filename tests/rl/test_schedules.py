from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import pytest

from metta_jax.config import LRSchedulerConfig
from metta_jax.rl.schedules import Schedule, learning_rate, schedule_name


def _rate(count: int, schedule: Schedule, warmup: int | None = None) -> float:
    return float(learning_rate(jnp.int32(count), base=0.1, schedule=schedule, num_rollouts=10, warmup=warmup))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "constant"),
        ({"schedule_type": "constant"}, "constant"),
        ({"enabled": True, "schedule_type": "constant", "warmup_steps": 3}, "constant"),
        ({"enabled": True}, "cosine"),
        ({"enabled": True, "anneal_lr": True}, "linear"),
        ({"enabled": True, "schedule_type": "exponential"}, "exponential"),
        ({"enabled": True, "schedule_type": "cosine", "anneal_lr": True}, "cosine"),
    ],
)
def test_name(settings: dict[str, Any], expected: str) -> None:
    assert schedule_name(LRSchedulerConfig.model_validate(settings)) == expected


@pytest.mark.parametrize(
    ("schedule", "quarter", "end"),
    [
        ("constant", 1.0, 1.0),
        ("cosine", 0.5 * (1 + math.cos(math.pi * 0.2)), 0.0),
        ("linear", 0.8, 0.0),
        ("exponential", 0.01**0.2, 0.01),
    ],
)
def test_factors(schedule: Schedule, quarter: float, end: float) -> None:
    assert _rate(0, schedule) == pytest.approx(0.1)
    assert _rate(2, schedule) == pytest.approx(0.1 * quarter, rel=1e-5)
    assert _rate(10, schedule) == pytest.approx(0.1 * end, abs=1e-8)
    assert _rate(25, schedule) == _rate(10, schedule)


def test_warmup_multiplies_the_schedule() -> None:
    assert [_rate(k, "linear", warmup=4) for k in range(5)] == pytest.approx(
        [0.1 * 1 / 4, 0.1 * 0.9 * 2 / 4, 0.1 * 0.8 * 3 / 4, 0.1 * 0.7, 0.1 * 0.6], rel=1e-5
    )


def test_constant_with_warmup() -> None:
    assert [_rate(k, "constant", warmup=4) for k in range(6)] == pytest.approx(
        [0.1 * 1 / 4, 0.1 * 2 / 4, 0.1 * 3 / 4, 0.1, 0.1, 0.1], rel=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup_steps": 5}, r"warmup_steps: 5 has no effect while enabled is False"),
        ({"schedule_type": "linear"}, r"schedule_type: 'linear' has no effect while enabled is False"),
        ({"enabled": False, "anneal_lr": True}, r"anneal_lr: True has no effect while enabled is False"),
    ],
)
def test_options_of_a_schedule_that_is_off_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LRSchedulerConfig.model_validate(settings)
    on = LRSchedulerConfig.model_validate({**settings, "enabled": True})
    with pytest.raises(ValueError, match=message):
        on.replace(enabled=False)
