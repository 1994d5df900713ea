"""Advantages with clipped importance weights, and what is computed from them.

S rows of the buffer, T slots. The reward of the action in slot t stands in slot t + 1 (see `Experience`).
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

Estimator = Literal["importance_clipped", "gae", "vtrace"]

WIDE_UNROLL = 16  # slots an iteration of the loop on an accelerator, where one costs more than what it computes


def compute_advantage(
    values: jax.Array,
    rewards: jax.Array,
    dones: jax.Array,
    importance: jax.Array,
    *,
    gamma: float | jax.Array,
    gae_lambda: float | jax.Array,
    rho_clip: float | jax.Array = 1.0,
    c_clip: float | jax.Array = 1.0,
    next_value: jax.Array | None = None,
    next_reward: jax.Array | None = None,
    next_done: jax.Array | None = None,
    estimator: Estimator = "importance_clipped",
    unroll: int = 1,
) -> jax.Array:
    """Advantage of every slot, float32 [S, T]; no gradient flows through it.

    For t = T - 1 ... 0, with n = 1 - dones[t+1], rho = min(w[t], rho_clip), c = min(w[t], c_clip):

        delta = rho * (rewards[t+1] + gamma * values[t+1] * n - values[t])
        A[t]  = delta + gamma * gae_lambda * c * n * A[t+1]

    Slot T is given by `next_value`, `next_reward`, `next_done` with A[T] = 0. Without them A[T-1] = 0, as in the
    original trainer.

    Args:
      values, rewards, dones: float32 [S, T]; dones is 1 where the episode before the slot ended.
      importance: float32 [S, T], the ratio w of the new to the acting policy.
      gamma: discount per step. gae_lambda: decay of the trace.
      rho_clip, c_clip: upper bounds of the weight of a step and of the trace.
      next_value, next_reward, next_done: float32 [S], all or none.
      estimator: "importance_clipped" is the formula above. "gae" ignores the importance (Schulman et al. 2016,
        eq. 16). "vtrace" returns the policy-gradient advantage of IMPALA (Espeholt et al. 2018, section 4.2),
        rho * (r + gamma * n * vs[t+1] - V[t]), where vs[t] - V[t] is the formula above. In training the target of
        the value is this advantage with importance 1, plus V[t]: r + gamma * n * vs[t+1]. That is IMPALA's vs[t]
        for gae_lambda = 1 only; a smaller one decays from the next slot on.
      unroll: slots in one iteration of the loop over time. An accelerator prefers more, a CPU compiles one faster.

    Raises:
      ValueError: unknown estimator, shapes that differ, or only some of the next_* arguments.
    """
    if estimator not in ("importance_clipped", "gae", "vtrace"):
        raise ValueError(f"estimator: {estimator!r} is not one of 'importance_clipped', 'gae', 'vtrace'")
    if not values.shape == rewards.shape == dones.shape == importance.shape or values.ndim != 2:
        raise ValueError(
            "compute_advantage: values, rewards, dones and importance must have one shape [rows, slots], got "
            f"{values.shape}, {rewards.shape}, {dones.shape}, {importance.shape}"
        )
    given = [x is not None for x in (next_value, next_reward, next_done)]
    if any(given) != all(given):
        raise ValueError("compute_advantage: give all of next_value, next_reward and next_done, or none")

    values, rewards, dones, importance = jax.lax.stop_gradient((values, rewards, dones, importance))
    if next_value is not None and next_reward is not None and next_done is not None:
        value_after = _shift(values, next_value)
        reward_after = _shift(rewards, next_reward)
        running = 1.0 - _shift(dones, next_done)
    else:
        # The last column has no successor: a weight of 0 makes its advantage 0.
        zeros = jnp.zeros(values.shape[:1], values.dtype)
        value_after = _shift(values, zeros)
        reward_after = _shift(rewards, zeros)
        running = 1.0 - _shift(dones, zeros)
    if estimator == "gae":
        rho = c = jnp.ones_like(importance)
    else:
        rho, c = jnp.minimum(importance, rho_clip), jnp.minimum(importance, c_clip)
    delta = rho * (reward_after + gamma * value_after * running - values)
    decay = gamma * gae_lambda * c * running
    if next_value is None:
        delta = delta.at[:, -1].set(0.0)

    start = jnp.zeros(values.shape[:1], values.dtype)
    columns = delta.T, decay.T
    _, columns = jax.lax.scan(_backward, start, columns, reverse=True, unroll=min(unroll, values.shape[1]))
    trace = columns.T
    if estimator != "vtrace":
        return jax.lax.stop_gradient(trace)
    targets = values + trace
    end = jnp.zeros(values.shape[:1], values.dtype) if next_value is None else next_value
    advantages = rho * (reward_after + gamma * running * _shift(targets, end) - values)
    return jax.lax.stop_gradient(advantages.at[:, -1].set(0.0) if next_value is None else advantages)


def _backward(advantage: jax.Array, column: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """One column of the scan. Not a closure: JAX recompiles a scan for every new function object."""
    delta_t, decay_t = column
    advantage = delta_t + decay_t * advantage
    return advantage, advantage


def normalize_advantage_distributed(
    advantages: jax.Array, norm_adv: bool = True, *, axis_name: str | None = None
) -> jax.Array:
    """(A - mean) / (std + 1e-8) over all slots, std with n - 1; unchanged if `norm_adv` is False.

    Arrays that are sharded over devices under `jit` need nothing: their mean is the global one. Inside `shard_map` or
    `pmap` give `axis_name`: mean m and E[A^2] are averaged over it and std = sqrt(max(E[A^2] - m^2, 1e-8)).
    """
    if not norm_adv:
        return advantages
    if axis_name is None:
        # One slot has no deviation: n - 1 = 0 would give NaN.
        spread = jnp.sqrt(jnp.sum(jnp.square(advantages - jnp.mean(advantages))) / max(advantages.size - 1, 1))
        return (advantages - jnp.mean(advantages)) / (spread + 1e-8)
    mean = jax.lax.pmean(jnp.mean(advantages), axis_name)
    mean_square = jax.lax.pmean(jnp.mean(jnp.square(advantages)), axis_name)
    spread = jnp.sqrt(jnp.maximum(mean_square - jnp.square(mean), 1e-8))
    return (advantages - mean) / (spread + 1e-8)


def calculate_explained_variance(values: jax.Array, advantages: jax.Array) -> jax.Array:
    """1 - var(A) / var(A + V) over all slots of a rollout, float32 []; NaN if the returns do not vary."""
    returns_variance = jnp.var(advantages + values)
    ratio = jnp.var(advantages) / jnp.where(returns_variance == 0.0, 1.0, returns_variance)
    return jnp.where(returns_variance == 0.0, jnp.nan, 1.0 - ratio)


def _shift(columns: jax.Array, last: jax.Array) -> jax.Array:
    """Column t + 1 in place of column t, `last` [S] at the end."""
    return jnp.concatenate([columns[:, 1:], last[:, None]], axis=1)
