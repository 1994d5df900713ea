"""Convolutions against a plain loop, their gradients against XLA's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent.convolution import convolve

CASES = [
    # images, kernel, stride, padding
    ((3, 11, 11, 4), (5, 5, 4, 6), (3, 3), (0, 0)),
    ((3, 7, 6, 2), (3, 2, 2, 5), (2, 1), (1, 0)),
    ((17, 5, 6, 3), (3, 3, 3, 4), (1, 1), (1, 1)),
    ((2, 5, 6, 3), (2, 3, 3, 4), (1, 1), (0, 2)),
    ((3, 3, 3, 2), (3, 3, 2, 4), (1, 1), (0, 0)),
    ((3, 3, 3, 2), (3, 3, 2, 4), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize(("images", "kernel", "stride", "padding"), CASES)
def test_equals_a_loop_and_has_its_gradient(
    images: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int], wide: bool
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=images).astype(np.float32)
    w = generator.normal(size=kernel).astype(np.float32)

    def xla(x: jax.Array, w: jax.Array) -> jax.Array:
        pads = [(amount, amount) for amount in padding]
        return jax.lax.conv_general_dilated(x, w, stride, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    @jax.jit
    def both(x: jax.Array, w: jax.Array, weight: jax.Array) -> tuple[jax.Array, ...]:
        ours, pull_ours = jax.vjp(lambda x, w: convolve(x, w, stride, padding, wide=wide), x, w)
        _, pull_xla = jax.vjp(xla, x, w)
        return ours, *pull_ours(weight), *pull_xla(weight)

    expected = loop(x, w, stride, padding)
    weight = generator.normal(size=expected.shape).astype(np.float32)
    ours, d_x, d_w, d_x_xla, d_w_xla = both(x, w, weight)
    # Sums of up to a few hundred products of order 1 in float32, in another order.
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d_x, d_x_xla, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d_w, d_w_xla, rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_bfloat16() -> None:
    x, w = jnp.ones((3, 5, 5, 2), jnp.bfloat16), jnp.ones((3, 3, 2, 4), jnp.bfloat16)
    out, pull = jax.vjp(lambda x, w: convolve(x, w, (1, 1), (1, 1)), x, w)
    assert {out.dtype, *(g.dtype for g in pull(out))} == {jnp.dtype(jnp.bfloat16)}


def loop(x: np.ndarray, w: np.ndarray, stride: tuple[int, int], padding: tuple[int, int]) -> np.ndarray:
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    rows, columns = ((x.shape[1 + axis] - w.shape[axis]) // stride[axis] + 1 for axis in (0, 1))
    out = np.zeros((len(x), rows, columns, w.shape[3]), np.float32)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride[0], column * stride[1]
            window = x[:, top : top + w.shape[0], left : left + w.shape[1]]
            out[:, row, column] = np.einsum("nhwc,hwco->no", window, w)
    return out
