"""Matrix products and the token scatter."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [..., in] times kernel [in, out].

    XLA's CPU backend computes the kernel's gradient as x^T g, which is up to 3 times slower than g^T x for few outputs
    (forward and backward of 512 x 16: 2.0 against 0.7 us per row; of 600 x 64: 15 % slower). Contracting with the
    transposed kernel makes autodiff choose the other form; without the barrier XLA folds the transposition away.
    """
    num_inputs, num_outputs = kernel.shape
    rows = x.reshape(-1, num_inputs)
    if num_outputs < num_inputs and num_outputs <= 128:
        transposed = jax.lax.optimization_barrier(kernel.T)
        product = jax.lax.dot_general(rows, transposed, (((1,), (1,)), ((), ())))
    else:
        product = rows @ kernel
    return product.reshape(*x.shape[:-1], num_outputs)


def product(a: jax.Array, b: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """`a` and `b` contracted over an axis of each, added up in float32."""
    contracted = (((axes[0],), (axes[1],)), ((), ()))
    return jax.lax.dot_general(a, b, contracted, preferred_element_type=jnp.float32)


def rounded(x: jax.Array, dtype: Any) -> jax.Array:
    """`x` in `dtype`, really rounded to it: XLA may leave out a rounding to bfloat16 before a float32 computation.

    It does so in one program and not in the other, depending on the surrounding operations, and then the policy that is
    trained is not the one that acted: probability ratios began at 1 +- 0.01.
    """
    if jnp.dtype(dtype) != jnp.bfloat16:
        return x.astype(dtype)
    return jax.lax.reduce_precision(x.astype(jnp.float32), exponent_bits=8, mantissa_bits=7).astype(dtype)


def scatter_tokens(
    location: jax.Array,
    channel: jax.Array,
    value: jax.Array,
    height: int,
    width: int,
    num_channels: int,
    *,
    wide: bool = False,
) -> jax.Array:
    """Write tokens into boxes: float32 [boxes, height, width, channels]; of tokens that meet the later one wins.

    location, channel, value: [boxes, M] (uint8, int32, uint8). location = row << 4 | column; tokens outside the box
    are dropped. "Later wins" is a maximum over (position in the list, value): a plain scatter with duplicate indices
    has no defined order in XLA. The maximum needs 16 bits for up to 256 tokens, which also halves the memory traffic;
    on one CPU core it takes 1.3 us for 200 tokens into 11 x 11 x 24, a plain write 0.8. A GPU has such a maximum for 32
    bits only (`wide`), and does it with a loop of compare-and-swap for 16.
    """
    size = height * width * num_channels
    # One spare cell at the end of every box takes what is dropped, so that all indices are in bounds.
    inside, index = _cells(location, channel, height, width, num_channels)
    index = jnp.where(inside, index, size)
    num_boxes, num_tokens = location.shape
    dtype = jnp.uint16 if num_tokens <= 256 and not wide else jnp.uint32
    stamped = jnp.arange(num_tokens, dtype=dtype)[None, :] << 8 | value.astype(dtype)

    def fill(index: jax.Array, stamped: jax.Array) -> jax.Array:
        return jnp.zeros(size + 1, dtype).at[index].max(stamped, mode="promise_in_bounds")

    # By box, not into one flat array: boxes can then be divided among devices.
    newest = jax.vmap(fill)(index, stamped)[:, :size]
    return (newest & 255).astype(jnp.float32).reshape(num_boxes, height, width, num_channels)


def scatter_unique_tokens(
    location: jax.Array, channel: jax.Array, value: jax.Array, height: int, width: int, num_channels: int
) -> jax.Array:
    """The same where no two tokens meet, in the form that an accelerator prefers: a plain write of single bytes.

    Which of two tokens would win is undefined. `scatter_tokens` moves four times the bytes on a GPU.
    """
    size = height * width * num_channels
    inside, index = _cells(location, channel, height, width, num_channels)
    num_boxes, num_tokens = location.shape
    # Dropped tokens go beyond the box, each to its own place, so that all indices are unique.
    index = jnp.where(inside, index, size + jnp.arange(num_tokens, dtype=jnp.int32)[None, :])

    def fill(index: jax.Array, value: jax.Array) -> jax.Array:
        return jnp.zeros(size, jnp.uint8).at[index].set(value, mode="drop", unique_indices=True)

    boxes = jax.vmap(fill)(index, value.astype(jnp.uint8))
    return boxes.astype(jnp.float32).reshape(num_boxes, height, width, num_channels)


def _cells(
    location: jax.Array, channel: jax.Array, height: int, width: int, num_channels: int
) -> tuple[jax.Array, jax.Array]:
    """Whether each token is inside the box, bool [boxes, M], and its index in the flat box, int32 [boxes, M]."""
    row = (location >> 4).astype(jnp.int32)
    column = (location & 15).astype(jnp.int32)
    inside = (location != 255) & (row < height) & (column < width) & (channel >= 0) & (channel < num_channels)
    return inside, (row * width + column) * num_channels + channel
