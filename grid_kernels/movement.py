"""Moves and swaps of all agents, as if they acted one at a time.

Two of them interact only if they touch a common cell. So all movers whose cells no earlier mover touches act at once;
the few others follow in rounds (see `turns`), which carry the contents of the cells that they touch, not the map.

N environments, A agents, all cells of the padded map. Object codes: 0 empty, `agent_code + i` agent i, `block_code` and
above swappable walls, everything else immovable.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick, put
from grid_kernels.turns import Turn, deliver, in_rounds, own, write_own, write_to

STAY, MOVE, SWAP = 0, 1, 2


class Movement(NamedTuple):
    grid: jax.Array  # [N, cells]
    cell: jax.Array  # int32 [N, A]
    success: jax.Array  # bool [N, A]
    swapped: jax.Array  # int32 [N, A]: the object that was swapped with, 0 for none


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
    wide: bool,
) -> Movement:
    """Resolve all moves and swaps of one step.

    Args:
      grid: `[N, cells]` integer object codes.
      cell: int32 [N, A], where each agent stands.
      kind: int32 [N, A], STAY, MOVE or SWAP: what each agent tries.
      target: int32 [N, A], the cell that it tries to enter.
      keys: uint32 [N, A] sort keys, see `turns`.
      frozen: int32 [N, A], the frozen counter of each agent before anyone moves.
      thawing: bool [N, A], agents whose counter drops by one in their turn; a frozen agent can be swapped with, and
        ceases to be if it has thawed before the swapper's turn.
      agent_code, block_code: see above.
      wide: see `turns.in_rounds`.
    """
    num_agents = cell.shape[1]
    agents = jnp.broadcast_to(jnp.arange(num_agents, dtype=jnp.int32)[None], cell.shape)

    def agent_in(code: jax.Array) -> tuple[jax.Array, jax.Array]:
        is_agent = (code >= agent_code) & (code < agent_code + num_agents)
        return is_agent, jnp.where(is_agent, code - agent_code, 0)

    def possible(code: jax.Array, kind: jax.Array, key: jax.Array) -> jax.Array:
        """Whether an attempt succeeds that meets `code` in its target."""
        is_agent, other = agent_in(code)
        ticked = pick(thawing, other) & (pick(keys, other) < key)
        swappable = (code >= block_code) | is_agent & (pick(frozen, other) - ticked.astype(jnp.int32) > 0)
        return (kind == MOVE) & (code == 0) | (kind == SWAP) & swappable

    # A mover whose target holds an agent that could leave it first has to wait and see.
    code = pick(grid, target).astype(jnp.int32)
    now = possible(code, kind, keys)
    is_agent, other = agent_in(code)
    may_clear = is_agent & (pick(kind, other) != STAY) & (pick(keys, other) < keys)
    hopeful = now | (kind != STAY) & may_clear
    before = (keys[:, None] < keys[:, :, None]) & hopeful[:, None]
    meets = (target[:, None] == cell[:, :, None]) | (target[:, :, None] == cell[:, None])
    meets |= target[:, None] == target[:, :, None]
    waits = hopeful & jnp.any(before & meets, axis=2)

    success = now & ~waits
    swapped = jnp.where(success, code, 0)
    grid = put(put(grid, cell, code, success), target, agents + agent_code, success)
    new_cell = jnp.where(success, target, cell)
    if_swapped = deliver((success & is_agent)[:, None] & (other[:, None] == agents[:, :, None]))
    new_cell = write_to(if_swapped, new_cell, cell)

    def act(turn: Turn, late: _Late) -> _Late:
        agent, goal, mover, key = own(turn, (agents, target, kind, keys))
        here, code = own(turn, (late.cell, late.there))
        turn = turn._replace(acts=turn.acts & possible(code, mover, key))
        acts = turn.acts[:, None]
        is_agent, other = agent_in(code)
        moved_along = deliver(acts & is_agent[:, None] & (other[:, None] == agents[..., None]))
        new_cell = write_to(moved_along, write_own(turn, late.cell, goal), here)

        def told(cells: jax.Array, codes: jax.Array) -> jax.Array:
            """The contents of `cells` `[N, A]` afterwards."""
            codes = write_to(deliver(acts & (cells[..., None] == here[:, None])), codes, code)
            return write_to(deliver(acts & (cells[..., None] == goal[:, None])), codes, agent + agent_code)

        success, swapped = write_own(turn, (late.success, late.swapped), (turn.acts, code))
        return _Late(new_cell, told(cell, late.here), told(target, late.there), success, swapped)

    late = _Late(new_cell, agents + agent_code, pick(grid, target).astype(jnp.int32), success, swapped)
    footprint = jnp.stack([cell, target], axis=-1)
    late = in_rounds(waits, keys, footprint, act, late, wide=wide)
    # Agents that touched the same cell agree on its contents.
    touched, codes, where = jnp.stack([cell, target]), jnp.stack([late.here, late.there]), jnp.stack([waits, waits])
    return Movement(_write_all(grid, touched, codes, where), late.cell, late.success, late.swapped)


class _Late(NamedTuple):
    """What the rounds of those that had to wait change, `[N, A]` each."""

    cell: jax.Array  # where each agent stands
    here: jax.Array  # what stands where it stood at first
    there: jax.Array  # what stands in its target
    success: jax.Array
    swapped: jax.Array


def _write_all(grid: jax.Array, cell: jax.Array, code: jax.Array, where: jax.Array) -> jax.Array:
    """`grid` `[N, cells]` with `code` in `cell` `[n, N, A]` where `where`; equal cells have equal codes."""
    batch, size = grid.shape
    first = (jnp.arange(batch, dtype=jnp.int32) * size)[None, :, None]
    flat = jnp.where(where, first + cell, batch * size)
    return grid.reshape(-1).at[flat].set(code.astype(grid.dtype), mode="drop").reshape(grid.shape)
