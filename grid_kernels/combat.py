"""Attacks: whom an agent would hit, and what a hit does.

N environments, A agents, I items; `...` is any number of lanes with one attacker and one target each.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick
from grid_kernels.geometry import relative
from grid_kernels.inventory import amounts, entries

REACH = tuple((forward, lateral) for forward in (1, 2, 3) for lateral in (0, -1, 1))


def find_targets(
    grid: jax.Array,
    row: jax.Array,
    column: jax.Array,
    facing: jax.Array,
    argument: jax.Array,
    height: jax.Array,
    width: jax.Array,
    *,
    pad: tuple[int, int],
    stride: int,
    agent_code: int,
) -> jax.Array:
    """The agent that each attack meets.

    Nine cells are scanned, three rows ahead, the nearest first; walls do not block. The `argument`-th agent met counts,
    or the last one if fewer are met or the argument is negative; at an edge the same agent may be met more than once.

    Args:
      grid: `[N, cells]` object codes of the map with `pad` (rows, columns) around it, `stride` cells a row.
      row, column, facing, argument: int32 [N, A].
      height, width: int32 [N], size of the map.
      agent_code: code of agent 0.

    Returns:
      int32 [N, A] agent indices, -1 where no agent is met.
    """
    num_agents = row.shape[1]
    target, met = jnp.full_like(row, -1), jnp.zeros_like(row)
    for forward, lateral in REACH:
        r, c = relative(row, column, facing, forward, lateral, height[:, None], width[:, None])
        agent = pick(grid, (r + pad[0]) * stride + c + pad[1]).astype(jnp.int32) - agent_code
        is_agent = (agent >= 0) & (agent < num_agents)
        target = jnp.where(is_agent & ((argument < 0) | (met <= argument)), agent, target)
        met += is_agent.astype(jnp.int32)
    return target


class Attack(NamedTuple):
    attacker: jax.Array  # int32 [..., I] inventory afterwards
    target: jax.Array  # int32 [..., I] inventory afterwards
    frozen: jax.Array  # int32 [...]: the target's counter afterwards
    paid: jax.Array  # int32 [..., I]: what the target lost for its defense
    stolen: jax.Array  # int32 [..., I]
    blocked: jax.Array  # bool [...]: the target defended itself
    hits: jax.Array  # bool [...]: it did not, and was not frozen before
    wasted: jax.Array  # bool [...]: it was frozen already, and is frozen again
    snapshot: jax.Array  # bool [..., I]: items that were offered to the thief


def attack(
    attacker: jax.Array,
    target: jax.Array,
    is_self: jax.Array,
    frozen: jax.Array,
    freeze_duration: jax.Array,
    attacker_limit: jax.Array,
    defense: jax.Array,
    acts: jax.Array,
) -> Attack:
    """What an attack does where `acts` `[...]`; elsewhere nothing changes.

    Args:
      attacker, target: int32 [..., I] inventories; equal where an agent attacks itself.
      is_self: bool [...].
      frozen: int32 [...], the target's counter; freeze_duration: what it becomes.
      attacker_limit: int32 [..., I].
      defense: int32 [..., I], what a target pays to block an attack, -1 for items that it need not have. A target
        must have an entry of every listed item, even of amount 0.
    """
    listed = defense >= 0
    blocked = acts & jnp.any(listed, axis=-1) & jnp.all(~listed | (target >= 0) & (target >= defense), axis=-1)
    paid = jnp.where(blocked[..., None] & listed, defense, 0)
    freezes = acts & ~blocked
    hits, wasted = freezes & (frozen == 0), freezes & (frozen > 0)

    snapshot = hits[..., None] & (target >= 0)
    before = amounts(attacker)
    after = jnp.clip(before + amounts(target), 0, attacker_limit)
    stolen = jnp.where(snapshot, after - before, 0)
    robber = jnp.where(snapshot, entries(after), attacker)
    pays = blocked[..., None] & listed
    robbed = jnp.where(snapshot, entries(amounts(target) - stolen), jnp.where(pays, entries(target - paid), target))
    # An agent that robs itself gives everything back, except entries of 0. One that blocks its own attack has only
    # paid.
    robbed = jnp.where(is_self[..., None] & snapshot, entries(before), robbed)
    robber = jnp.where(is_self[..., None], robbed, robber)
    return Attack(
        robber, robbed, jnp.where(freezes, freeze_duration, frozen), paid, stolen, blocked, hits, wasted, snapshot
    )
