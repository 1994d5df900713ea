"""The categorical distribution over F flat actions, for n states."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def entropy(log_probs: jax.Array) -> jax.Array:
    """-sum p log p of log_probs [n, F]: float32 [n]. An action with probability 0 adds 0."""
    probs = jnp.exp(log_probs)
    return -jnp.sum(jnp.where(probs > 0, probs * log_probs, 0.0), axis=-1)


def sample(key: jax.Array, log_probs: jax.Array) -> jax.Array:
    """Flat actions int32 [n] drawn by the Gumbel-max trick (Gumbel 1954). Consumes the key."""
    noise = jax.random.gumbel(key, log_probs.shape, log_probs.dtype)
    return jnp.argmax(log_probs + noise, axis=-1).astype(jnp.int32)


def pick(log_probs: jax.Array, flat_action: jax.Array) -> jax.Array:
    """log_probs[i, flat_action[i]] as a masked sum, whose gradient is dense where a gather's would be a scatter."""
    index = jnp.arange(log_probs.shape[-1], dtype=jnp.int32)
    return jnp.sum(jnp.where(index[None, :] == flat_action[:, None], log_probs, 0.0), axis=-1)


def flat_index(actions: jax.Array, offsets: jax.Array, max_args: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Flat indices int32 [n] of (type, argument) pairs [n, 2], and bool [n]: whether the pair is in the table.

    offsets, max_args: int32 [number of types].
    """
    kind, arg = actions[:, 0].astype(jnp.int32), actions[:, 1].astype(jnp.int32)
    known = (kind >= 0) & (kind < offsets.shape[0])
    safe = jnp.where(known, kind, 0)
    valid = known & (arg >= 0) & (arg <= max_args[safe])
    return jnp.where(valid, offsets[safe] + arg, 0), valid
