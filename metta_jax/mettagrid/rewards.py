"""Rewards that are settled once a step: for statistics, and between the agents of a group.

What an agent holds is settled where it changes hands, see `grid_kernels.inventory`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.gather import pick, take
from grid_kernels.rounding import quotient, rounded
from metta_jax.mettagrid.stats import DERIVED
from metta_jax.mettagrid.types import EnvState, Layout, Rules

Numbers = jax.Array | np.number[Any]  # of many agents in a program, or one read on the host

TERMS = 8  # of a sum in one iteration, which costs an accelerator as much as many terms


def stat_rewards(layout: Layout, rules: Rules, state: EnvState, reward: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Add what the rewarded statistics gained in value in this step.

    Returns:
      The new reward and the value of all rewarded statistics, float32 [N, A] each.
    """
    total = jnp.zeros_like(reward)
    for k in range(len(layout.stat_rewards)):
        value, present = _read_stat(rules, state, k)
        weight, maximum = (pick(x[..., k], state.group) for x in (rules.stat_weight, rules.stat_maximum))
        worth = jnp.minimum(rounded(value * weight), maximum)
        total = total + jnp.where(present, worth, 0.0)
    return reward + (total - state.stat_value), total


def share_rewards(rules: Rules, state: EnvState, reward: jax.Array) -> jax.Array:
    """Move a share of every reward into the pool of its group and pay the pool out to all members.

    Sums run over the agents in index order, each rounded by itself. Costs nothing where no group shares.
    """
    pool = pick(rules.pool, state.group)
    share = pick(rules.share, state.group)
    num_agents = reward.shape[1]

    def settle(reward: jax.Array) -> jax.Array:
        same_pool = pool[:, :, None] == pool[:, None]
        size = jnp.sum(same_pool, axis=2, dtype=jnp.int32).astype(jnp.float32)
        given = rounded(reward * share)
        part = quotient(given, size)

        def add(i: jax.Array, paid: jax.Array) -> jax.Array:
            part_i, pool_i, reward_i = (jax.lax.dynamic_slice_in_dim(x, i, 1, 1) for x in (part, pool, reward))
            return paid + jnp.where((pool == pool_i) & (reward_i != 0), part_i, 0.0)

        return (reward - given) + jax.lax.fori_loop(
            0, num_agents, add, jnp.zeros_like(reward), unroll=min(num_agents, TERMS)
        )

    return jax.lax.cond(jnp.any(rules.share > 0), settle, lambda reward: reward, reward)


def _read_stat(rules: Rules, state: EnvState, k: int) -> tuple[jax.Array, jax.Array]:
    """Value `[N, A]` of the k-th rewarded statistic of each agent, and whether the agent has it."""
    index, kind = (pick(x[..., k], state.group) for x in (rules.stat_index, rules.stat_kind))
    stats = state.agent_stats
    assert stats is not None  # the layout keeps statistics where they are rewarded
    lane = jnp.arange(index.size, dtype=jnp.int32).reshape(index.shape)
    flat = lane * stats.value.shape[-1] + jnp.maximum(index, 0)
    value = take(stats.value, flat)
    present = (index >= 0) & (value > 0)
    if stats.meta is None:
        return value, present
    first, last, updates = (take(x, flat) for x in (stats.meta.first_step, stats.meta.last_step, stats.meta.updates))
    lowest = take(stats.meta.first_value, flat)
    step = jnp.broadcast_to(state.step[:, None], index.shape)
    options = derived_values(value, first, last, updates, lowest, step)
    present = present & ((kind != DERIVED.index("activity_rate")) | (last > first) & (updates > 1))
    return jnp.select([kind == i for i in range(len(DERIVED))], options), present


def derived_values(
    value: Numbers, first_step: Numbers, last_step: Numbers, updates: Numbers, lowest: Numbers, step: Numbers
) -> list[Any]:
    """What can be read of a statistic, in the order of `DERIVED`; all arguments have one shape."""
    count, span = updates.astype(jnp.float32), (last_step - first_step).astype(jnp.float32)
    return [
        value,
        first_step.astype(jnp.float32),
        last_step.astype(jnp.float32),
        count,
        jnp.where(step > 0, quotient(count, jnp.maximum(step, 1).astype(jnp.float32)), 0.0),
        value / jnp.maximum(count, 1.0),
        (count - 1.0) / jnp.maximum(span, 1.0),
        lowest,
        value,
    ]
