from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import calculate_anneal_beta, calculate_prioritized_sampling_params
from metta_jax.rl.sampling import draw_rows, row_probabilities


def test_probabilities_by_hand() -> None:
    advantages = jnp.array([[1.0, -3.0], [0.0, 0.0], [-0.5, 0.5]])  # m = 4, 0, 1
    q = np.array([2.0, 0.0, 1.0])  # alpha = 1/2
    expected = (q + 1e-6) / (3.0 + 1e-6)
    np.testing.assert_allclose(np.asarray(row_probabilities(advantages, prio_alpha=0.5)), expected, rtol=1e-6)


def test_alpha_zero_is_uniform_with_weights_of_one() -> None:
    advantages = jax.random.normal(jax.random.key(0), (8, 3))
    probabilities = row_probabilities(advantages, prio_alpha=0.0)
    np.testing.assert_allclose(np.asarray(probabilities), 1 / 8, rtol=2e-6)
    _, weights = draw_rows(jax.random.key(1), probabilities, 4, beta=jnp.float32(0.6))
    np.testing.assert_allclose(np.asarray(weights), 1.0, atol=1e-6)


def test_priorities_that_are_not_finite_count_as_zero() -> None:
    advantages = jnp.array([[1.0, 1.0], [jnp.nan, 1.0], [jnp.inf, 0.0]])
    probabilities = np.asarray(row_probabilities(advantages, prio_alpha=1.0))
    np.testing.assert_allclose(probabilities, [1.0, 5e-7, 5e-7], rtol=1e-5)


def test_rows_are_different_and_weights_follow_the_formula() -> None:
    probabilities = jnp.array([0.5, 0.25, 0.125, 0.125])
    for seed in range(20):
        indices, weights = draw_rows(jax.random.key(seed), probabilities, 3, beta=jnp.float32(0.4))
        assert indices.dtype == jnp.int32
        assert weights.shape == (3, 1)
        assert len(set(indices.tolist())) == 3
        expected = (4 * np.asarray(probabilities)[np.asarray(indices)]) ** -0.4
        np.testing.assert_allclose(np.asarray(weights)[:, 0], expected, rtol=1e-5)


def test_draws_follow_the_probabilities() -> None:
    # One after another without replacement: P(first, second) = p_i * p_j / (1 - p_i).
    p = np.array([0.5, 0.3, 0.2])
    draw = jax.vmap(lambda key: draw_rows(key, jnp.asarray(p, jnp.float32), 2, beta=jnp.float32(1.0))[0])
    pairs = np.asarray(draw(jax.random.split(jax.random.key(0), 20_000)))
    for i in range(3):
        for j in range(3):
            if i != j:
                share = np.mean((pairs[:, 0] == i) & (pairs[:, 1] == j))
                assert share == pytest.approx(p[i] * p[j] / (1 - p[i]), abs=0.012)


def test_all_rows_can_be_drawn() -> None:
    indices, _ = draw_rows(jax.random.key(0), jnp.full((6,), 1 / 6), 6, beta=jnp.float32(0.6))
    assert sorted(indices.tolist()) == list(range(6))


@pytest.mark.parametrize(
    ("epoch", "alpha", "expected"), [(0, 1.0, 0.6), (50, 1.0, 0.8), (100, 1.0, 1.0), (100, 0.5, 0.8), (100, 0.0, 0.6)]
)
def test_beta(epoch: int, alpha: float, expected: float) -> None:
    beta = calculate_anneal_beta(epoch=epoch, total_timesteps=1000, batch_size=10, prio_alpha=alpha, prio_beta0=0.6)
    assert isinstance(beta, float)
    assert beta == pytest.approx(expected, rel=1e-6)


def test_beta_of_a_run_shorter_than_a_batch() -> None:
    assert calculate_anneal_beta(1, total_timesteps=5, batch_size=10, prio_alpha=1.0, prio_beta0=0.4) == 1.0


def test_beta_never_exceeds_one() -> None:
    """Epochs outnumber the rollouts of a run with several epochs for each: 0.6 + 0.4 * 320 / 100 would be 1.88."""
    for epoch in (100, 101, 320):
        assert calculate_anneal_beta(epoch, 1000, 10, prio_alpha=1.0, prio_beta0=0.6) == 1.0
        device = jax.jit(lambda epoch: calculate_anneal_beta(epoch, 1000, 10, prio_alpha=1.0, prio_beta0=0.6))
        assert float(device(jnp.int32(epoch))) == 1.0
    # One below, it is what it was.
    assert calculate_anneal_beta(99, 1000, 10, prio_alpha=1.0, prio_beta0=0.6) == pytest.approx(0.996, rel=1e-6)


def test_beta_on_the_device_has_the_bits_of_the_host() -> None:
    fused = jax.jit(lambda epoch: calculate_anneal_beta(epoch, 10**7, 8192, prio_alpha=0.7, prio_beta0=0.55))
    for epoch in [0, 1, 2, 3, 7, 100, 333, 1000, 1219, 4001]:
        host = calculate_anneal_beta(epoch, 10**7, 8192, prio_alpha=0.7, prio_beta0=0.55)
        assert float(fused(jnp.int32(epoch))) == host


def test_second_name() -> None:
    assert calculate_prioritized_sampling_params is calculate_anneal_beta
