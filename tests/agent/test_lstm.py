"""The LSTM layer against NumPy, and its own backward pass against autodiff of a plain loop."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent.lstm import lstm_layer

Arrays = tuple[np.ndarray, ...]


def make_inputs(num_steps: int) -> tuple[Arrays, np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = [(num_steps, 3, 4), (3, 5), (3, 5), (4, 20), (5, 20), (20,)]
    arrays = tuple(generator.normal(size=shape).astype(np.float32) for shape in shapes)
    return arrays, generator.random((num_steps, 3)) < 0.7


def plain(x: jax.Array, h: jax.Array, c: jax.Array, wi: jax.Array, wh: jax.Array, b: jax.Array, keep: jax.Array):
    outputs = []
    for step in range(x.shape[0]):
        mask = keep[step][:, None].astype(jnp.float32)
        h, c = h * mask, c * mask
        i, f, g, o = jnp.split(x[step] @ wi + h @ wh + b[None, :], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        outputs.append(h)
    return jnp.stack(outputs), h, c


def ours(
    x: jax.Array,
    h: jax.Array,
    c: jax.Array,
    wi: jax.Array,
    wh: jax.Array,
    b: jax.Array,
    keep: jax.Array,
    wide: bool = False,
):
    return lstm_layer(x, h, c, keep, wi, wh, b, wide=wide)


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("num_steps", [1, 6, 19])
def test_equals_a_plain_loop(num_steps: int, wide: bool) -> None:
    arrays, keep = make_inputs(num_steps)
    assert num_steps == 1 or 0 < keep.sum() < keep.size
    weights = tuple(np.random.default_rng(1).normal(size=shape) for shape in [(num_steps, 3, 5), (3, 5), (3, 5)])

    @jax.jit
    def both(arrays: Arrays, keep: np.ndarray, weights: Arrays) -> tuple:
        results = []
        for layer in (partial(ours, wide=wide), plain):
            out, pull = jax.vjp(lambda *a, layer=layer: layer(*a, keep), *arrays)
            results.append((out, pull(weights)))
        return tuple(results)

    weights = tuple(jnp.asarray(weight, jnp.float32) for weight in weights)
    (out, gradients), (expected, expected_gradients) = both(arrays, keep, weights)
    # Up to 19 steps of float32 arithmetic in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), out, expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), gradients, expected_gradients)


@pytest.mark.parametrize("wide", [True, False])
def test_a_reset_forgets_everything_before_it(wide: bool) -> None:
    arrays, _ = make_inputs(6)
    keep = np.ones((6, 3), bool)
    keep[2] = False
    run = jax.jit(partial(ours, wide=wide))
    out, _, _ = run(*arrays, keep)
    changed = (arrays[0].copy(), arrays[1] + 1, arrays[2] - 1, *arrays[3:])
    changed[0][:2] += 5
    other, _, _ = run(*changed, keep)
    np.testing.assert_array_equal(out[2:], other[2:])
    assert np.abs(np.asarray(out[:2] - other[:2])).min() > 0


def test_what_is_kept_for_the_backward_pass_changes_nothing_before_it() -> None:
    arrays, keep = make_inputs(19)
    weights = tuple(
        jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32) for shape in [(19, 3, 5), (3, 5), (3, 5)]
    )

    def results(kept: Any) -> Any:
        def layer(*arrays: Any) -> Any:
            x, h, c, wi, wh, b = arrays
            return lstm_layer(x, h, c, keep, wi, wh, b, wide=True, kept_dtype=kept)

        out, pull = jax.vjp(layer, *arrays)
        return out, pull(weights)

    (out, gradients), (rounded_out, rounded) = (
        jax.jit(results, static_argnums=0)(kept) for kept in (jnp.float32, jnp.bfloat16)
    )
    jax.tree.map(np.testing.assert_array_equal, out, rounded_out)
    for exact, other in zip(gradients, rounded, strict=True):
        error = np.abs(exact - other).max() / np.abs(exact).max()
        assert 1e-5 < error < 2e-2  # 8 bits, through 19 steps
