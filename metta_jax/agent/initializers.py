"""Initial values of parameters.

An initializer turns standard normal numbers of the parameter's shape into the parameter. All parameters of a network
are made from one long draw: XLA needs a third of a second to compile a draw, a draw per parameter would take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

Initializer = Callable[[jax.Array], jax.Array]

INITIALIZATIONS = ("Orthogonal", "Xavier", "Normal", "max_0_01")


def initialization_name(written: str) -> str:
    """The name as `INITIALIZATIONS` has it; the original's files write it in any case.

    Raises ValueError("Invalid initialization method: X") for an unknown one.
    """
    for name in INITIALIZATIONS:
        if written.lower() == name.lower():
            return name
    raise ValueError(f"Invalid initialization method: {written}")


def kernel_initializer(initialization: str, nonlinearity: str | None) -> Initializer:
    """Initializer of a kernel [..., in, out] (leading axes belong to `in`) by the original's name for it.

    Raises ValueError("Invalid initialization method: X") for an unknown one.
    """
    initialization = initialization_name(initialization)
    if initialization == "Orthogonal":
        return orthogonal(math.sqrt(2.0) if nonlinearity == "nn.Tanh" else 1.0)
    if initialization == "Xavier":
        return lambda noise: uniform(xavier_limit(noise.shape))(noise)
    if initialization == "Normal":
        return lambda noise: normal(normal_std(noise.shape))(noise)
    return uniform(0.01)


def largest_weight(initialization: str | None, kernel: jax.Array) -> jax.Array:
    """float32 []: the "largest weight" that weight clipping is relative to; `kernel` holds the initial weights."""
    initialization = None if initialization is None else initialization_name(initialization)
    if initialization == "Xavier":
        return jnp.asarray(xavier_limit(kernel.shape), jnp.float32)
    if initialization == "Normal":
        return jnp.asarray(normal_std(kernel.shape), jnp.float32)
    if initialization == "max_0_01":
        return jnp.asarray(0.01, jnp.float32)
    return jnp.max(jnp.abs(kernel)).astype(jnp.float32)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Orthogonal columns or rows (whichever are fewer), times gain (Saxe et al. 2014; uniform as in Mezzadri 2007)."""

    def initialize(noise: jax.Array) -> jax.Array:
        rows, columns = math.prod(noise.shape[:-1]), noise.shape[-1]
        matrix = noise.reshape(rows, columns)
        basis, triangle = jnp.linalg.qr(matrix if rows >= columns else matrix.T)
        # The sign makes the distribution uniform over the orthogonal matrices.
        basis = basis * jnp.where(jnp.diagonal(triangle) < 0, -1.0, 1.0)[None, :]
        return (gain * (basis if rows >= columns else basis.T)).reshape(noise.shape)

    return initialize


def scaled_orthogonal(limit: float) -> Initializer:
    """Orthogonal, scaled so that the largest absolute value is `limit`."""

    def initialize(noise: jax.Array) -> jax.Array:
        table = orthogonal()(noise)
        return limit / jnp.max(jnp.abs(table)) * table

    return initialize


def uniform(limit: float) -> Initializer:
    """Uniform in (-limit, limit): the normal distribution function, shifted and scaled."""
    return lambda noise: limit * jax.lax.erf(noise * math.sqrt(0.5))


def uniform_fan_in(num_inputs: int) -> Initializer:
    """Uniform up to 1 / sqrt(in): for layers whose initialization the configuration does not name."""
    return uniform(1.0 / math.sqrt(num_inputs))


def normal(std: float) -> Initializer:
    """Normal with mean 0."""
    return lambda noise: std * noise


def truncated_normal(std: float) -> Initializer:
    """Normal with mean 0, cut at two standard deviations, by inverting the distribution function."""
    inside = math.erf(math.sqrt(2.0))  # the probability of |z| < 2
    root = math.sqrt(0.5)
    return lambda noise: std / root * jax.lax.erf_inv(inside * jax.lax.erf(noise * root))


def constant(value: float) -> Initializer:
    """One value everywhere."""
    return lambda noise: jnp.full(noise.shape, value, jnp.float32)


def xavier_limit(shape: tuple[int, ...]) -> float:
    """sqrt(6 / (in + out)) of the flattened kernel [in, out] (Glorot and Bengio 2010)."""
    return math.sqrt(6.0 / (math.prod(shape[:-1]) + shape[-1]))


def normal_std(shape: tuple[int, ...]) -> float:
    """sqrt(2 / in)."""
    return math.sqrt(2.0 / math.prod(shape[:-1]))
