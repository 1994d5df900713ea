from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import compute_gradient_stats
from tests.rl.training import variant


def test_moments_over_all_leaves() -> None:
    rng = np.random.default_rng(0)
    grads = {"a": rng.normal(3.0, 1e-3, (4, 5)).astype(np.float32), "b": [rng.normal(3.0, 1e-3, 7).astype(np.float32)]}
    flat = np.concatenate([grads["a"].ravel(), grads["b"][0]]).astype(np.float64)
    stats = compute_gradient_stats({"a": jnp.asarray(grads["a"]), "b": [jnp.asarray(grads["b"][0])]})
    assert stats["grad/mean"] == pytest.approx(flat.mean(), rel=1e-6)
    assert stats["grad/variance"] == pytest.approx(flat.var(ddof=1), rel=1e-2)
    assert stats["grad/norm"] == pytest.approx(np.linalg.norm(flat), rel=1e-6)
    assert all(type(value) is float for value in stats.values())
    assert f"{stats['grad/mean']:.2e}"


def test_no_leaves() -> None:
    assert compute_gradient_stats({}) == {}


def test_update_measures_the_mean_gradient_before_and_after_clipping() -> None:
    training = variant("accumulated")  # statistics in every second epoch
    state = training.init(jax.random.key(0))
    rng = np.random.default_rng(0)
    gradient = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0.25, 0.5, leaf.shape), leaf.dtype), state.params)
    state = state.replace(grads=state.grads.add(gradient).add(jax.tree.map(lambda leaf: 3 * leaf, gradient)))
    mean_gradient = compute_gradient_stats(jax.tree.map(lambda leaf: 2 * leaf, gradient))
    assert compute_gradient_stats(state) == pytest.approx(mean_gradient, rel=1e-6)

    stats = jax.device_get(training.optimize_step(state.replace(epoch=jnp.int32(1)), 2).gradient_stats)
    assert {f"grad/{name}": float(getattr(stats, name)) for name in ("mean", "variance", "norm")} == pytest.approx(
        mean_gradient, rel=1e-5
    )
    limit = training.config.ppo.max_grad_norm
    assert stats.norm > limit
    assert float(stats.clipped_norm) == pytest.approx(limit, rel=1e-4)
    not_due = jax.device_get(training.optimize_step(state, 2).gradient_stats)
    assert np.isnan([not_due.mean, not_due.variance, not_due.norm, not_due.clipped_norm]).all()
