"""The formula of the diversity bonus, by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import diversity_factors

NEAR, FAR = np.exp(-1.0), np.exp(-3.0)


def factors(reward: list, group: list, similarity: float, diversity: float) -> np.ndarray:
    made = diversity_factors(
        jnp.asarray(reward, jnp.float32),
        jnp.asarray(group, jnp.int32),
        similarity_coef=similarity,
        diversity_coef=diversity,
    )
    assert made.dtype == jnp.float32
    return np.asarray(made)


def test_two_groups() -> None:
    """Group 7 has mean 2 and deviation 1, group 4 mean 5 and none: whoever is not at 5 is infinitely far from it."""
    made = factors([1, 5, 3, 5], [7, 4, 7, 4], 0.5, 0.25)
    expected = [1 + 0.5 * NEAR + 0.25, 1 + 0.5 + 0.25 * (1 - FAR), 1 + 0.5 * NEAR + 0.25, 1 + 0.5 + 0.25 * (1 - FAR)]
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_every_other_group_counts_once() -> None:
    """However many agents it has: for those at 5, group 7 (two agents) is at 1 - e^-3, group 0 (one) at 1."""
    made = factors([1, 3, 5, 5, 2], [7, 7, 4, 4, 0], 0.0, 1.0)
    np.testing.assert_allclose(made[2:4], 1 + ((1 - FAR) + 1) / 2, rtol=1e-5)
    np.testing.assert_allclose(made[4], 1 + (0 + 1) / 2, rtol=1e-5)  # at the mean of group 7


def test_without_other_groups_and_without_coefficients() -> None:
    np.testing.assert_allclose(factors([1, 3], [2, 2], 1.0, 1.0), 1 + NEAR, rtol=1e-5)
    np.testing.assert_array_equal(factors([1, 3, -2], [0, 1, 1], 0.0, 0.0), 1.0)


def test_a_batch_is_its_rows() -> None:
    reward = jax.random.normal(jax.random.key(0), (3, 6), jnp.float32)
    group = jnp.asarray([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [3, 3, 3, 3, 3, 3]], jnp.int32)
    whole = factors(reward.tolist(), group.tolist(), 0.3, 0.7)
    for i in range(3):
        np.testing.assert_allclose(factors(reward[i].tolist(), group[i].tolist(), 0.3, 0.7), whole[i], rtol=1e-6)
    with pytest.raises(ValueError, match=r"group: shape \(2,\) is not that of reward, \(3,\)"):
        factors([1, 2, 3], [0, 1], 0.1, 0.1)
