"""Matrix product and token scatter against plain loops."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.agent.arrays import matmul, scatter_tokens, scatter_unique_tokens

HEIGHT, WIDTH, CHANNELS = 3, 4, 5

scatter = jax.jit(scatter_tokens, static_argnums=(3, 4, 5), static_argnames="wide")
scatter_unique = jax.jit(scatter_unique_tokens, static_argnums=(3, 4, 5))


def loop(location: np.ndarray, channel: np.ndarray, value: np.ndarray) -> np.ndarray:
    boxes = np.zeros((len(location), HEIGHT, WIDTH, CHANNELS), np.float32)
    for box, locations, channels, values in zip(boxes, location, channel, value, strict=True):
        for where, which, what in zip(locations.tolist(), channels.tolist(), values.tolist(), strict=True):
            row, column = where >> 4, where & 15
            if where != 255 and row < HEIGHT and column < WIDTH and 0 <= which < CHANNELS:
                box[row, column, which] = what
    return boxes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scatter_equals_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    # Few cells and channels: nearly every token meets another one. Rows and columns reach beyond the box.
    location = (generator.integers(0, 4, (2, 30)) << 4 | generator.integers(0, 5, (2, 30))).astype(np.uint8)
    location[generator.random((2, 30)) < 0.1] = 255
    channel = generator.choice([0, 1, 2, 4, 5, 255], (2, 30)).astype(np.int32)
    value = generator.integers(0, 256, (2, 30)).astype(np.uint8)
    expected = loop(location, channel, value)
    for wide in (False, True):
        boxes = scatter(location, channel, value, HEIGHT, WIDTH, CHANNELS, wide=wide)
        assert boxes.dtype == jnp.float32
        np.testing.assert_array_equal(boxes, expected)
    # Of tokens that meet, only the last one stays: then the plain write does it too.
    for row in range(2):
        pairs = list(zip(location[row].tolist(), channel[row].tolist(), strict=True))
        location[row, [pair in pairs[slot + 1 :] for slot, pair in enumerate(pairs)]] = 255
    boxes = scatter_unique(location, channel, value, HEIGHT, WIDTH, CHANNELS)
    assert boxes.dtype == jnp.float32
    np.testing.assert_array_equal(boxes, expected)


@pytest.mark.parametrize("num_tokens", [256, 257])
def test_later_wins_for_long_lists(num_tokens: int) -> None:
    location = np.zeros((1, num_tokens), np.uint8)
    channel = np.zeros((1, num_tokens), np.int32)
    value = np.arange(num_tokens, dtype=np.int64)[::-1][None].astype(np.uint8)
    boxes = scatter(location, channel, value, HEIGHT, WIDTH, CHANNELS)
    assert float(boxes[0, 0, 0, 0]) == float(value[0, -1])


@pytest.mark.parametrize(("num_inputs", "num_outputs"), [(3, 7), (7, 3), (200, 150)])
def test_matmul_and_its_gradient(num_inputs: int, num_outputs: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2, 5, num_inputs)).astype(np.float32)
    kernel = generator.normal(size=(num_inputs, num_outputs)).astype(np.float32)
    weight = generator.normal(size=(2, 5, num_outputs)).astype(np.float32)
    product, pull = jax.vjp(matmul, jnp.asarray(x), jnp.asarray(kernel))
    d_x, d_kernel = pull(jnp.asarray(weight))
    np.testing.assert_allclose(product, x @ kernel, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d_x, weight @ kernel.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d_kernel, np.einsum("nti,nto->io", x, weight), rtol=1e-4, atol=1e-4)
