from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metta_jax.rl import create_optimizer
from metta_jax.rl.optimizer import clip_factor, muon_labels

PARAMS = {"w": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.array([0.1, -0.2])}


def _gradient(step: int) -> dict[str, jax.Array]:
    key = jax.random.key(step)
    return {"w": jax.random.normal(key, (2, 2)), "b": jax.random.normal(key, (2,))}


def test_adam_with_l2_equals_the_formula() -> None:
    beta1, beta2, eps, decay, rate = 0.8, 0.95, 1e-3, 0.1, 0.05
    optimizer = create_optimizer(type="adam", beta1=beta1, beta2=beta2, eps=eps, weight_decay=decay)
    params: Any = PARAMS
    state = optimizer.init(PARAMS)
    expected = {name: np.asarray(value, np.float64) for name, value in PARAMS.items()}
    mean = {name: np.zeros_like(value) for name, value in expected.items()}
    square = {name: np.zeros_like(value) for name, value in expected.items()}
    for step in range(1, 6):
        grads = _gradient(step)
        updates, state = optimizer.update(grads, state, params, learning_rate=jnp.float32(rate))
        params = optax.apply_updates(params, updates)
        for name in expected:
            g = np.asarray(grads[name], np.float64) + decay * expected[name]
            mean[name] = beta1 * mean[name] + (1 - beta1) * g
            square[name] = beta2 * square[name] + (1 - beta2) * g**2
            corrected = mean[name] / (1 - beta1**step), square[name] / (1 - beta2**step)
            expected[name] = expected[name] - rate * corrected[0] / (np.sqrt(corrected[1]) + eps)
    for name in expected:
        np.testing.assert_allclose(np.asarray(params[name]), expected[name], rtol=2e-5)


def test_learning_rate_is_data() -> None:
    optimizer = create_optimizer(type="adam", beta1=0.9, beta2=0.999, eps=1e-12, weight_decay=0.0)
    update = jax.jit(lambda rate: optimizer.update(_gradient(0), optimizer.init(PARAMS), PARAMS, learning_rate=rate)[0])
    small, large = update(jnp.float32(0.01)), update(jnp.float32(0.1))
    # The first step of adam moves every parameter by the learning rate.
    np.testing.assert_allclose(np.abs(np.asarray(small["w"])), 0.01, rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.asarray(large["w"])), 0.1, rtol=1e-5)


def test_muon_takes_hidden_matrices_only() -> None:
    params = {
        "core": {"kernel": jnp.ones((4, 4)), "bias": jnp.ones(4)},
        "_action_embeds_": {"embedding": jnp.ones((10, 4))},
        "_value_": {"kernel": jnp.ones((4, 1))},
        "cnn": {"kernel": jnp.ones((3, 3, 2, 4))},
        "attn": {"queries": jnp.ones((10, 4)), "class_token": jnp.ones((2, 4)), "query_kernel_0": jnp.ones((4, 4))},
    }
    assert muon_labels(params) == {
        "core": {"kernel": "muon", "bias": "adam"},
        "_action_embeds_": {"embedding": "adam"},
        "_value_": {"kernel": "adam"},
        "cnn": {"kernel": "adam"},
        "attn": {"queries": "adam", "class_token": "adam", "query_kernel_0": "muon"},
    }


def test_muon_orthogonalizes_matrices_and_leaves_the_rest_to_adam() -> None:
    params = {"w": jnp.ones((8, 32)), "b": jnp.ones(8)}
    grads = {"w": jax.random.normal(jax.random.key(1), (8, 32)), "b": jnp.arange(1.0, 9.0)}
    optimizer = create_optimizer(type="muon", beta1=0.9, beta2=0.999, eps=1e-12, weight_decay=0.0)
    updates: Any = optimizer.update(grads, optimizer.init(params), params, learning_rate=jnp.float32(0.1))[0]
    # Five Newton-Schulz steps bring every singular value near 1, not to it; 0.2 sqrt(32) is the factor for the shape.
    singular = np.linalg.svd(np.asarray(updates["w"]) / (-0.1 * 0.2 * np.sqrt(32.0)), compute_uv=False)
    assert singular.min() > 0.5
    assert singular.max() < 1.3
    np.testing.assert_allclose(np.asarray(updates["b"]), -0.1, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 32), (128, 512), (512, 128), (64, 64)])
def test_muon_moves_a_matrix_as_far_as_adam_does(shape: tuple[int, int]) -> None:
    """Orthogonal [m, n] has entries of size 1 / sqrt(max(m, n)); times 0.2 sqrt(max(m, n)) that is 0.2, as of adam."""
    params, grads = {"w": jnp.zeros(shape)}, {"w": jax.random.normal(jax.random.key(1), shape)}
    optimizer = create_optimizer(type="muon", beta1=0.9, beta2=0.999, eps=1e-12, weight_decay=0.0)
    updates: Any = optimizer.update(grads, optimizer.init(params), params, learning_rate=jnp.float32(0.1))[0]
    assert float(jnp.sqrt(jnp.mean(jnp.square(updates["w"])))) == pytest.approx(0.1 * 0.2, rel=0.25)


def test_muon_decay_is_decoupled() -> None:
    zero = jax.tree.map(jnp.zeros_like, PARAMS)
    optimizer = create_optimizer(type="muon", beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.5)
    updates: Any = optimizer.update(zero, optimizer.init(PARAMS), PARAMS, learning_rate=jnp.float32(0.1))[0]
    for name in PARAMS:
        np.testing.assert_allclose(np.asarray(updates[name]), -0.05 * np.asarray(PARAMS[name]), rtol=1e-6)


@pytest.mark.parametrize("type", ["adam", "muon"])
def test_states_have_no_weak_types(type: str) -> None:
    optimizer = create_optimizer(type=type, beta1=0.9, beta2=0.999, eps=1e-12, weight_decay=0.1)
    state = optimizer.init(PARAMS)
    _, after = optimizer.update(_gradient(0), state, PARAMS, learning_rate=jnp.float32(0.1))
    assert not any(leaf.weak_type for leaf in jax.tree.leaves((state, after)))


def test_other_types_are_rejected() -> None:
    with pytest.raises(ValueError, match="optimizer.type: 'sgd' is not one of 'adam', 'muon'"):
        create_optimizer(type="sgd", beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0)


def test_clip_factor() -> None:
    assert float(clip_factor(jnp.float32(0.25), 0.5)) == 1.0
    assert float(clip_factor(jnp.float32(2.0), 0.5)) == pytest.approx(0.5 / (2.0 + 1e-6), rel=1e-7)
    assert float(clip_factor(jnp.float32(0.0), 0.5)) == 1.0
