"""Layers that keep less for their backward pass: the forward pass is exact, gradients are near."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent.activations import find_activation
from metta_jax.agent.arrays import matmul
from metta_jax.agent.kept import activate_kept, matmul_kept


def test_what_a_product_keeps_changes_its_gradient_only() -> None:
    """The forward pass has all digits of float32; the backward pass those of bfloat16, 8 bits, in its operands."""
    generator = np.random.default_rng(0)
    x, kernel, weight = (
        jnp.asarray(generator.normal(size=shape), jnp.float32) for shape in [(4, 9, 70), (70, 30), (4, 9, 30)]
    )
    product, pull = jax.vjp(lambda *args: matmul_kept(jnp.bfloat16, *args), x, kernel)
    exact, exact_pull = jax.vjp(lambda *args: matmul_kept(jnp.float32, *args), x, kernel)
    np.testing.assert_array_equal(product, exact)
    np.testing.assert_allclose(exact, matmul(x, kernel), rtol=1e-5, atol=1e-5)
    for rounded, expected in zip(pull(weight), exact_pull(weight), strict=True):
        assert rounded.dtype == jnp.float32
        error = np.abs(rounded - expected).max() / np.abs(expected).max()
        assert 1e-5 < error < 2**-7  # of one product; those of a sum cancel in part


@pytest.mark.parametrize("name", [None, "nn.ReLU", "nn.Tanh", "nn.Sigmoid", "nn.GELU"])
def test_what_an_activation_keeps_changes_its_gradient_only(name: str | None) -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(40, 30)) * 2, jnp.float32)
    expected, exact_pull = jax.vjp(find_activation(name), x)
    (exact,) = exact_pull(jnp.ones_like(x))
    for kept, tolerance in ((jnp.float32, 1e-6), (jnp.bfloat16, 2**-7)):
        y, pull = jax.vjp(lambda x, kept=kept: activate_kept(kept, name, x), x)
        np.testing.assert_array_equal(y, expected)
        (gradient,) = pull(jnp.ones_like(x))
        assert gradient.dtype == jnp.float32
        np.testing.assert_allclose(gradient, exact, atol=tolerance)  # 1 - y * y of a y with 8 bits
