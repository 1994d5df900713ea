"""Float32 layers inside a bfloat16 network: exact forward, a backward pass that reads half the bytes.

What the backward pass needs is kept in another dtype, `kept`, and multiplied in it; sums are in float32. On an
accelerator a layer takes as long as its bytes, and what is kept for the backward pass is most of its memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.agent.activations import find_activation
from metta_jax.agent.arrays import product, rounded

# Derivatives of activations as functions of their output, which the next layer keeps anyway.
_BY_OUTPUT: dict[str | None, Callable[[jax.Array], jax.Array]] = {
    None: jnp.ones_like,
    "nn.ReLU": lambda y: (y > 0.0).astype(jnp.float32),
    "nn.Tanh": lambda y: 1.0 - y * y,
    "nn.Sigmoid": lambda y: y * (1.0 - y),
}


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def matmul_kept(kept: Any, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [..., in] times kernel [in, out], both of one dtype."""
    return product(x, kernel, (x.ndim - 1, 0)).astype(x.dtype)


def _matmul_forward(kept: Any, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return matmul_kept(kept, x, kernel), (rounded(x, kept), kernel)


def _matmul_backward(kept: Any, saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    gradient = gradient.astype(kept)
    d_kernel = product(x.reshape(-1, x.shape[-1]), gradient.reshape(-1, gradient.shape[-1]), (0, 0))
    # Otherwise the compiler puts the kernel's gradient off to the end, and its operands are kept until then.
    gradient, d_kernel = jax.lax.optimization_barrier((gradient, d_kernel))
    d_x = product(gradient, kernel.astype(kept), (gradient.ndim - 1, 1))
    return d_x.astype(kernel.dtype), d_kernel.astype(kernel.dtype)


matmul_kept.defvjp(_matmul_forward, _matmul_backward)


def activate_kept(kept: Any, nonlinearity: str | None, x: jax.Array) -> jax.Array:
    """The activation of that name, float32."""
    activation = find_activation(nonlinearity)
    return _activate(kept, nonlinearity, x) if nonlinearity in _BY_OUTPUT else activation(x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _activate(kept: Any, nonlinearity: str | None, x: jax.Array) -> jax.Array:
    return find_activation(nonlinearity)(x)


def _activate_forward(kept: Any, nonlinearity: str | None, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    y = find_activation(nonlinearity)(x)
    # Without the barrier the compiler keeps the input, in float32, and computes the output again.
    return y, jax.lax.optimization_barrier(rounded(y, kept))


def _activate_backward(kept: Any, nonlinearity: str | None, y: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    return (gradient * _BY_OUTPUT[nonlinearity](y.astype(jnp.float32)),)


_activate.defvjp(_activate_forward, _activate_backward)
