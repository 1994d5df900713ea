"""Initial values: orthogonality, bounds, moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from metta_jax.agent.components.tokens import padded_table
from metta_jax.agent.initializers import (
    INITIALIZATIONS,
    kernel_initializer,
    largest_weight,
    orthogonal,
    scaled_orthogonal,
    truncated_normal,
    uniform,
)


def noise(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (3, 3, 4, 20)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    kernel = np.asarray(orthogonal(1.5)(noise(*shape)))
    assert kernel.shape == shape
    matrix = kernel.reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 1.5**2 * np.eye(len(product)), atol=1e-5)


def test_orthogonal_gain_follows_the_nonlinearity() -> None:
    for nonlinearity, gain in (("nn.Tanh", math.sqrt(2)), ("nn.ReLU", 1.0), (None, 1.0)):
        kernel = np.asarray(kernel_initializer("Orthogonal", nonlinearity)(noise(20, 20)))
        np.testing.assert_allclose(np.linalg.svd(kernel)[1], gain, rtol=1e-5)


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_kernels_and_their_largest_weight(initialization: str) -> None:
    kernel: Any = np.asarray(kernel_initializer(initialization, "nn.ReLU")(noise(3, 3, 20, 100)))
    largest = float(largest_weight(initialization, kernel))
    num_inputs = 180
    if initialization == "Orthogonal":
        assert largest == np.abs(kernel).max()
    elif initialization == "Normal":
        assert largest == pytest.approx(math.sqrt(2 / num_inputs))
        assert kernel.std() == pytest.approx(largest, rel=0.02)
    else:
        bound = math.sqrt(6 / (num_inputs + 100)) if initialization == "Xavier" else 0.01
        assert largest == pytest.approx(bound)
        assert 0.99 * bound < np.abs(kernel).max() <= bound
        assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_unknown_initialization() -> None:
    with pytest.raises(ValueError, match="Invalid initialization method: Zeros"):
        kernel_initializer("Zeros", None)


def test_uniform_is_flat() -> None:
    values = np.asarray(uniform(2.0)(noise(20_000)))
    share, _ = np.histogram(values, bins=8, range=(-2, 2))
    np.testing.assert_allclose(share / 20_000, 1 / 8, atol=0.01)  # four standard errors


def test_truncated_normal() -> None:
    values = np.asarray(truncated_normal(0.02)(noise(20_000)))
    assert 0.0399 < np.abs(values).max() <= 0.04 + 1e-6
    assert values.std() == pytest.approx(0.02 * 0.8796, rel=0.02)  # of a normal cut at two standard deviations


def test_tables() -> None:
    assert np.abs(scaled_orthogonal(0.1)(noise(100, 16))).max() == pytest.approx(0.1)
    table = np.asarray(padded_table()(noise(256, 8)))
    assert (table[255] == 0).all()
    assert (table[:255] != 0).all()
