"""Initial weights of parameter layers: orthogonal, uniform and normal matrices, always drawn in float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]

INITIALIZATIONS = ("Orthogonal", "Xavier", "Normal", "max_0_01")


def kernel_initializer(initialization: str, nonlinearity: str | None) -> Initializer:
    """Initializer of a kernel [..., in, out] (leading axes belong to `in`) for an initialization of agents.md's table.

    Raises ValueError("Invalid initialization method: X") for an unknown one.
    """
    if initialization == "Orthogonal":
        return orthogonal(math.sqrt(2.0) if nonlinearity == "nn.Tanh" else 1.0)
    if initialization == "Xavier":
        return lambda key, shape, dtype=jnp.float32: uniform(key, shape, xavier_limit(shape), dtype)
    if initialization == "Normal":
        return lambda key, shape, dtype=jnp.float32: jax.random.normal(key, shape, dtype) * normal_std(shape)
    if initialization == "max_0_01":
        return lambda key, shape, dtype=jnp.float32: uniform(key, shape, 0.01, dtype)
    raise ValueError(f"Invalid initialization method: {initialization}")


def largest_weight(initialization: str, kernel: jax.Array) -> jax.Array:
    """float32 []: the "largest weight" that weight clipping is relative to; `kernel` holds the initial weights."""
    if initialization == "Xavier":
        return jnp.asarray(xavier_limit(kernel.shape), jnp.float32)
    if initialization == "Normal":
        return jnp.asarray(normal_std(kernel.shape), jnp.float32)
    if initialization == "max_0_01":
        return jnp.asarray(0.01, jnp.float32)
    return jnp.max(jnp.abs(kernel)).astype(jnp.float32)


def orthogonal(gain: float) -> Initializer:
    """Orthogonal columns or rows (whichever are fewer), times gain: Saxe et al. 2014, uniform by Mezzadri 2007."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = jax.random.normal(key, (max(rows, columns), min(rows, columns)), jnp.float32)
        basis, triangle = jnp.linalg.qr(tall)
        # The sign makes the distribution uniform over the orthogonal matrices.
        basis = basis * jnp.sign(jnp.diagonal(triangle))[None, :]
        matrix = basis if rows >= columns else basis.T
        return (gain * matrix).reshape(shape).astype(dtype)

    return init


def uniform(key: jax.Array, shape: tuple[int, ...], limit: float, dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Uniform in [-limit, limit)."""
    return jax.random.uniform(key, shape, dtype, -limit, limit)


def xavier_limit(shape: tuple[int, ...]) -> float:
    """sqrt(6 / (in + out)) of the flattened kernel [in, out] (Glorot and Bengio 2010)."""
    return math.sqrt(6.0 / (math.prod(shape[:-1]) + shape[-1]))


def normal_std(shape: tuple[int, ...]) -> float:
    """sqrt(2 / in)."""
    return math.sqrt(2.0 / math.prod(shape[:-1]))
