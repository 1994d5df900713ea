"""Prioritized sampling of rows without replacement (after Schaul et al. 2016, section 3.3)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Keeps the probability of a row with no advantage above 0.
_EPSILON = 1e-6


def draw_prioritized(
    key: jax.Array, advantages: jax.Array, num_segments: int, *, prio_alpha: float | jax.Array, beta: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The B = `num_segments` rows of one minibatch by the size of their advantages float32 [S, T]; consumes `key`.

    Returns:
      indices int32 [B], all different; importance weights float32 [B, 1].
    """
    return draw_rows(key, row_probabilities(advantages, prio_alpha=prio_alpha), num_segments, beta=beta)


def row_probabilities(advantages: jax.Array, *, prio_alpha: float | jax.Array) -> jax.Array:
    """Probability of each row, float32 [S].

    m_i = sum_t |A[i, t]|,  q_i = m_i ** prio_alpha (0 if it is not finite),  p_i = (q_i + 1e-6) / (sum_j q_j + 1e-6).

    Args:
      advantages: float32 [S, T]. prio_alpha: 0 is uniform.
    """
    priority = jnp.power(jnp.sum(jnp.abs(advantages), axis=1), jnp.float32(prio_alpha))
    priority = jnp.where(jnp.isfinite(priority), priority, 0.0)
    return (priority + _EPSILON) / (jnp.sum(priority) + _EPSILON)


def draw_rows(
    key: jax.Array, probabilities: jax.Array, num_rows: int, *, beta: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Draw `num_rows` different rows with probability proportional to `probabilities`; consumes `key`.

    Adding Gumbel noise to log p and taking the largest is the same distribution as drawing one row after another.

    Returns:
      indices int32 [num_rows]; importance weights float32 [num_rows, 1], (S * p_i) ** -beta, not divided by their
      maximum.
    """
    size = probabilities.shape[0]
    scores = jnp.log(probabilities) + jax.random.gumbel(key, (size,), jnp.float32)
    _, indices = jax.lax.top_k(scores, num_rows)
    weights = jnp.power(size * probabilities[indices], -beta)
    return indices.astype(jnp.int32), weights[:, None]


def shuffle_rows(key: jax.Array, num_rows: int, num_minibatches: int) -> jax.Array:
    """All rows in random order, dealt out to minibatches: int32 [num_minibatches, num_rows / num_minibatches].

    Consumes `key`.
    """
    return jax.random.permutation(key, jnp.arange(num_rows, dtype=jnp.int32)).reshape(num_minibatches, -1)


def calculate_anneal_beta(
    epoch: int | jax.Array, total_timesteps: int, batch_size: int, prio_alpha: float, prio_beta0: float
) -> jax.Array | float:
    """The exponent of the importance weights in this epoch.

    beta = min(1, prio_beta0 + (1 - prio_beta0) * prio_alpha * epoch / max(1, total_timesteps // batch_size))

    With one epoch a rollout and prio_alpha < 1 it never reaches 1; with several it does before the run ends. For
    prio_alpha = 0 it stays at prio_beta0. `training.anneal_beta(state)` gives it for a run.

    Args:
      batch_size: agent steps of a rollout, on this device.
      epoch: finished update epochs; a Python int gives a float, an array gives float32 [] with the same bits.
    """
    num_rollouts = np.float32(max(1, total_timesteps // batch_size))
    alpha, start = np.float32(prio_alpha), np.float32(prio_beta0)
    if isinstance(epoch, jax.Array):
        return anneal_beta_at(epoch, num_rollouts=num_rollouts, prio_alpha=alpha, prio_beta0=start)
    slope = (np.float32(1.0) - start) * alpha / num_rollouts
    return min(float(start + slope * np.float32(epoch)), 1.0)


def anneal_beta_at(epoch: jax.Array, *, num_rollouts: Any, prio_alpha: Any, prio_beta0: Any) -> jax.Array:
    """`calculate_anneal_beta` on the device, float32 []; `epoch` int32 [], numbers float32 []."""
    slope = (1.0 - prio_beta0) * prio_alpha / num_rollouts
    product = jax.lax.bitcast_convert_type(slope * epoch.astype(jnp.float32), jnp.int32)
    # Contracted with the sum, the product would not be rounded. Passing it through an integer operation, whose second
    # operand is always 0, keeps the two roundings of the host's arithmetic.
    product = product ^ (epoch.astype(jnp.int32) >> 31)
    return jnp.minimum(prio_beta0 + jax.lax.bitcast_convert_type(product, jnp.float32), 1.0)


# The name of the same function in the original's later versions.
calculate_prioritized_sampling_params = calculate_anneal_beta
