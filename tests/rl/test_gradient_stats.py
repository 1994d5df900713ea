from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import compute_gradient_stats


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
