"""Arithmetic that a compiler must not contract."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels.rounding import quotient, round_half_away, rounded


def _numbers(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


@pytest.mark.parametrize("size", [3, 24, 4096])
def test_a_product_is_rounded_before_it_is_added(size: int) -> None:
    a, b, c = (_numbers(seed, size) for seed in range(3))
    got = jax.jit(lambda a, b, c: (c + rounded(a * b), c - rounded(a * b)))(a, b, c)
    np.testing.assert_array_equal(got[0], c + a * b)
    np.testing.assert_array_equal(got[1], c - a * b)


@pytest.mark.parametrize("size", [3, 24, 4096])
def test_a_division_by_one_number_for_all(size: int) -> None:
    a, b = _numbers(0, size), np.float32(3.7)
    got = jax.jit(lambda a, b: quotient(a, jnp.broadcast_to(b, a.shape)))(a, b)
    np.testing.assert_array_equal(got, a / b)


def test_halves_are_rounded_away_from_zero() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388609.0, -0.0], np.float32)
    np.testing.assert_array_equal(jax.jit(round_half_away)(x), [1, 2, 3, -1, -2, 0, 8388609, 0])


def test_a_product_is_rounded_before_its_halves_are_looked_at() -> None:
    x = np.arange(-2000, 2000, dtype=np.int32).astype(np.float32) / np.float32(400)
    product = (x * np.float32(100)).astype(np.float32)
    whole = np.trunc(product)
    expected = whole + np.where(np.abs(product - whole) >= 0.5, np.sign(product), 0)
    np.testing.assert_array_equal(jax.jit(lambda x: round_half_away(x * jnp.float32(100)))(x), expected)
