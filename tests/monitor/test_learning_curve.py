"""The learning curve."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.monitor import plot_learning_curve
from metta_jax.monitor.learning_curve import _series, _smooth

RECORDS = [
    {"step": 0, "overview/reward": None, "losses/policy_loss": 0.1, "losses/value_loss": 0.2, "losses/entropy": 3.1},
    {"step": 1000, "overview/reward": 0.5, "losses/policy_loss": 0.0, "losses/entropy": 2.9},
    {"step": 2000, "overview/reward": 1.5, "losses/policy_loss": -0.1, "losses/value_loss": 0.1},
]


def test_a_png_is_written(tmp_path) -> None:
    path = plot_learning_curve(RECORDS, tmp_path / "new" / "curve.png", title="a run")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_missing_values_are_skipped() -> None:
    steps, rewards = _series(RECORDS, "step", "overview/reward")
    np.testing.assert_array_equal(steps, [1000, 2000])
    np.testing.assert_array_equal(rewards, [0.5, 1.5])


def test_smoothing_starts_unbiased_and_keeps_a_constant() -> None:
    np.testing.assert_allclose(_smooth(np.full(5, 3.0), 0.9), 3.0, rtol=1e-12)
    # Weights 0.5 * 0.5 and 0.5 of values 0 and 3, divided by 0.75.
    np.testing.assert_allclose(_smooth(np.array([0.0, 3.0]), 0.5), [0.0, 2.0], rtol=1e-12)


def test_no_reward_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match="none of 1 has a value for 'overview/reward'"):
        plot_learning_curve(RECORDS[:1], tmp_path / "curve.png")
