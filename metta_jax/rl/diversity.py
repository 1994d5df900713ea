"""The diversity bonus: more reward for agents that are like their own group and unlike the others. Off unless used."""

from __future__ import annotations

import jax
import jax.numpy as jnp

_SMALLEST_STD = 1e-6


def diversity_factors(
    reward: jax.Array, group: jax.Array, *, similarity_coef: float, diversity_coef: float
) -> jax.Array:
    """What each agent's reward is multiplied by: 1 + similarity_coef * own + diversity_coef * mean over other groups.

    own = exp(-|r - mean| / std) with the mean and the standard deviation (+ 1e-6) of the agent's own group, itself
    included; another group counts 1 - exp(-|r - mean| / std) with its. 0 if there is no other group. Formula: the
    original's, which multiplied the rewards of an episode's last step, from the agents' rewards in the episode.

    Args:
      reward: float32 [..., A], of A agents that play together.
      group: int32 [..., A], any numbers.

    Returns:
      float32 [..., A].

    Raises:
      ValueError: `reward` and `group` have different shapes.
    """
    if reward.shape != group.shape:
        raise ValueError(f"group: shape {group.shape} is not that of reward, {reward.shape}")
    same = group[..., :, None] == group[..., None, :]
    members = same.astype(jnp.float32)
    share = members / jnp.sum(members, axis=-1, keepdims=True)  # [..., A, A]: of j in the group of i
    mean = jnp.sum(share * reward[..., None, :], axis=-1)
    variance = jnp.sum(share * jnp.square(reward[..., None, :] - mean[..., None]), axis=-1)
    std = jnp.sqrt(variance) + _SMALLEST_STD
    closeness = jnp.exp(-jnp.abs(reward[..., :, None] - mean[..., None, :]) / std[..., None, :])  # of i to j's group
    similarity = jnp.exp(-jnp.abs(reward - mean) / std)
    # Agents of other groups, each with the weight that makes its whole group count once.
    weight = jnp.where(same, 0.0, jnp.diagonal(share, axis1=-2, axis2=-1)[..., None, :])
    num_others = jnp.sum(weight, axis=-1)
    diversity = jnp.sum(weight * (1.0 - closeness), axis=-1) / jnp.where(num_others > 0, num_others, 1.0)
    return 1.0 + similarity_coef * similarity + diversity_coef * diversity
