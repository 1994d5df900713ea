"""Moves and swaps of all agents, as if they acted one after another.

Two of them interact only if they touch a common cell. So all movers whose cells no earlier mover touches act at once;
the few others follow one by one.

B environments, A agents, S padded cells. Object codes: 0 empty, `agent_code + i` agent i, `block_code` and above
swappable walls, everything else immovable.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick, put
from grid_kernels.turns import one_by_one

STAY, MOVE, SWAP = 0, 1, 2


class Movement(NamedTuple):
    grid: jax.Array  # [B, S]
    cell: jax.Array  # [B, A] int32
    success: jax.Array  # [B, A] bool
    swapped: jax.Array  # [B, A] int32: the object that was swapped with, 0 for none


def move_and_swap(
    grid: jax.Array,
    cell: jax.Array,
    kind: jax.Array,
    target: jax.Array,
    keys: jax.Array,
    frozen: jax.Array,
    thawing: jax.Array,
    *,
    agent_code: int,
    block_code: int,
) -> Movement:
    """Resolves all moves and swaps of one step.

    Args:
      grid: `[B, S]` integer object codes.
      cell: `[B, A]` int32, where each agent stands.
      kind: `[B, A]` int32, STAY, MOVE or SWAP: what each agent tries.
      target: `[B, A]` int32, the cell that it tries to enter.
      keys: `[B, A]` uint32 sort keys, see `turns`.
      frozen: `[B, A]` int32, the frozen counter of each agent before anyone moves.
      thawing: `[B, A]` bool, agents whose counter drops by one in their turn; a frozen agent can be swapped with, and
        ceases to be if it has thawed before the swapper's turn.
      agent_code, block_code: see above.
    """
    num_agents = cell.shape[1]

    def agent_in(code):
        is_agent = (code >= agent_code) & (code < agent_code + num_agents)
        return is_agent, jnp.where(is_agent, code - agent_code, 0)

    def possible(grid, kind, target, key):
        """Whether an attempt succeeds now, and what is in its target."""
        code = pick(grid, target).astype(jnp.int32)
        is_agent, other = agent_in(code)
        ticked = pick(thawing, other) & (pick(keys, other) < key)
        swappable = (code >= block_code) | is_agent & (pick(frozen, other) - ticked.astype(jnp.int32) > 0)
        return (kind == MOVE) & (code == 0) | (kind == SWAP) & swappable, code

    def carry_out(grid, cell, agent, here, target, code, acts):
        swaps = acts & (code != 0)
        grid = put(grid, here, code, acts)
        grid = put(grid, target, agent + agent_code, acts)
        is_agent, other = agent_in(code)
        cell = put(cell, other, here, swaps & is_agent)
        return grid, put(cell, agent, target, acts), jnp.where(swaps, code, 0)

    # A mover whose target holds an agent that could leave it first has to wait and see.
    now, code = possible(grid, kind, target, keys)
    is_agent, other = agent_in(code)
    may_clear = is_agent & (pick(kind, other) != STAY) & (pick(keys, other) < keys)
    hopeful = now | (kind != STAY) & may_clear
    before = (keys[:, None] < keys[:, :, None]) & hopeful[:, None]
    meets = (target[:, None] == cell[:, :, None]) | (target[:, :, None] == cell[:, None])
    meets |= target[:, None] == target[:, :, None]
    waits = hopeful & jnp.any(before & meets, axis=2)

    success = now & ~waits
    agents = jnp.broadcast_to(jnp.arange(num_agents, dtype=jnp.int32)[None], cell.shape)
    grid, new_cell, swapped = carry_out(grid, cell, agents, cell, target, code, success)

    def one_agent(agent, acts, movement: Movement) -> Movement:
        here, goal = pick(movement.cell, agent), pick(target, agent)
        now, code = possible(movement.grid, pick(kind, agent), goal, pick(keys, agent))
        acts &= now
        grid, cell, swapped = carry_out(
            movement.grid, movement.cell, agent[:, None], here[:, None], goal[:, None], code[:, None], acts[:, None]
        )
        return Movement(
            grid, cell, put(movement.success, agent, acts, acts), put(movement.swapped, agent, swapped[:, 0], acts)
        )

    return one_by_one(waits, keys, one_agent, Movement(grid, new_cell, success, swapped))
