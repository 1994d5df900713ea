"""Moments of a gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from metta_jax.rl.train_state import Params, TrainState


def compute_gradient_stats(grads: Params) -> dict[str, float]:
    """Mean, variance (n - 1) and L2 norm over all leaves of a gradient, as Python floats; {} for no leaves.

    Args:
      grads: a pytree of arrays, or a TrainState, whose mean gradient since the last optimizer step is taken.
    """
    if isinstance(grads, TrainState):
        count = jnp.maximum(grads.grads.count, 1).astype(jnp.float32)
        grads = jax.tree.map(lambda total: total / count, grads.grads.total)
    if not jax.tree.leaves(grads):
        return {}
    mean, variance, norm = jax.device_get(gradient_moments(grads))
    return {"grad/mean": float(mean), "grad/variance": float(variance), "grad/norm": float(norm)}


def gradient_moments(grads: Params) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean, variance (n - 1) and L2 norm over all leaves, float32 [] each."""
    leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(grads)]
    size = sum(leaf.size for leaf in leaves)
    mean = sum((jnp.sum(leaf) for leaf in leaves), jnp.zeros((), jnp.float32)) / size
    # Two passes: the difference of two large sums would cancel.
    deviation = sum((jnp.sum(jnp.square(leaf - mean)) for leaf in leaves), jnp.zeros((), jnp.float32))
    return mean, deviation / max(size - 1, 1), global_norm(grads)


def global_norm(grads: Params) -> jax.Array:
    """sqrt of the sum of squares of all leaves, float32 []."""
    squares = (jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(grads))
    return jnp.sqrt(sum(squares, jnp.zeros((), jnp.float32)))
