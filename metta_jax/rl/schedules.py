"""The learning rate as a function of finished rollouts."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

Schedule = Literal["constant", "linear", "cosine", "exponential"]


def schedule_name(lr_scheduler: Any) -> Schedule:
    """The schedule that a LRSchedulerConfig means: none given is linear with `anneal_lr`, else cosine."""
    if not lr_scheduler.enabled:
        return "constant"
    if lr_scheduler.schedule_type is None:
        return "linear" if lr_scheduler.anneal_lr else "cosine"
    return lr_scheduler.schedule_type


def learning_rate(
    rollout_count: jax.Array,
    *,
    base: float | jax.Array,
    schedule: Schedule,
    num_rollouts: int | jax.Array,
    warmup: int | jax.Array | None = None,
) -> jax.Array:
    """Learning rate of the update after `rollout_count` finished ones, float32 [].

    With u = rollout_count / num_rollouts, at most 1: constant 1, cosine (1 + cos(pi u)) / 2, linear 1 - u, exponential
    0.01 ** u.
    During the first `warmup` rollouts additionally (rollout_count + 1) / warmup.

    Args:
      rollout_count: int32 []. num_rollouts: at least 1. warmup: at least 1; None for none.
    """
    if schedule == "constant" and warmup is None:
        return jnp.asarray(base, jnp.float32)
    done = rollout_count.astype(jnp.float32)
    u = jnp.minimum(done / num_rollouts, 1.0)
    if schedule == "constant":
        factor = jnp.ones((), jnp.float32)
    elif schedule == "cosine":
        factor = 0.5 * (1.0 + jnp.cos(math.pi * u))
    elif schedule == "linear":
        factor = 1.0 - u
    elif schedule == "exponential":
        factor = jnp.exp(math.log(0.01) * u)
    else:
        raise ValueError(
            f"lr_scheduler.schedule_type: {schedule!r} is not one of 'constant', 'linear', 'cosine', 'exponential'"
        )
    if warmup is not None:
        factor = factor * jnp.minimum((done + 1.0) / warmup, 1.0)
    return base * factor
