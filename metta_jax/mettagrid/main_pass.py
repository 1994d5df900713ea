"""The second pass over the agents of a step: everything but attacks.

An agent that turns, recolors or fails affects no other agent. Moves and swaps meet only on cells, and exchanges only at
converters, which never move. So these three are resolved by themselves, each with all agents at once where possible.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick
from grid_kernels.geometry import relative
from grid_kernels.movement import MOVE, STAY, SWAP, move_and_swap
from metta_jax.mettagrid.actions import Appearance
from metta_jax.mettagrid.trade import no_trades, trade_all
from metta_jax.mettagrid.turn import FAILED, FROZEN, SUCCEEDED, Body, Intent, begin, finish
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout


class Deeds(NamedTuple):
    """What the agents did in this pass, for the statistics."""

    swapped: jax.Array  # int32 [N, A]: the name of what each swapped with, wall names, then agents; -1 for nothing
    took: jax.Array  # int32 [N, A, I]: what each took out of a converter
    gave: jax.Array  # int32 [N, A, I]: what each put into one


def main_pass(
    layout: Layout, params: EnvParams, state: EnvState, body: Body, intent: Intent
) -> tuple[EnvState, Body, Deeds]:
    """Run the pass."""
    rules = params.rules
    attack = layout.action("attack")
    acts = ~intent.is_valid_type | (intent.type != attack)
    outcome, inventory = begin(layout, rules, body, intent, acts)
    body = body._replace(inventory=inventory)
    can = outcome == SUCCEEDED
    doing = jnp.where(can, intent.type, -1)  # what each agent really tries

    ahead, target = _cells_ahead(layout, params, state, intent, doing)
    # Walls and converters never move, so what an agent trades with is known before any agent moves.
    faced = pick(state.grid, ahead).astype(jnp.int32) - layout.converter_code
    with jax.named_scope("moves"):
        state, moved, swapped = _move(layout, params, state, intent, doing, target, body.frozen, outcome == FROZEN)
    state, acted_alone = _act_alone(layout, state, intent, doing)
    trades = no_trades(layout, doing.shape)
    if layout.num_converters and (layout.action("get") >= 0 or layout.action("put") >= 0):
        with jax.named_scope("trades"):
            state, body, trades = trade_all(layout, params, state, body, intent, doing, faced)

    outcome = jnp.where(can & ~(acted_alone | moved | trades.success), FAILED, outcome)
    body = finish(layout, rules, body, intent, state.group, outcome)
    return state, body, Deeds(swapped, trades.took, trades.gave)


def _cells_ahead(
    layout: Layout, params: EnvParams, state: EnvState, intent: Intent, doing: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The cell that each agent faces, and the one that it would enter: behind it for a move with argument 1."""
    pad_rows, pad_columns = layout.pad
    row, column = jnp.divmod(state.cell, layout.stride)
    row, column = row - pad_rows, column - pad_columns
    height = pick(params.maps.height[None], state.map_index)[:, None]
    width = pick(params.maps.width[None], state.map_index)[:, None]

    def cell(forward: jax.Array | int) -> jax.Array:
        r, c = relative(row, column, state.orientation, forward, 0, height, width)
        return (r + pad_rows) * layout.stride + c + pad_columns

    backward = (doing == layout.action("move")) & (intent.argument == 1)
    return cell(1), cell(jnp.where(backward, -1, 1))


def _move(
    layout: Layout,
    params: EnvParams,
    state: EnvState,
    intent: Intent,
    doing: jax.Array,
    target: jax.Array,
    frozen: jax.Array,
    thawing: jax.Array,
) -> tuple[EnvState, jax.Array, jax.Array]:
    """Moves and swaps; also `[N, A]` who moved, and with what name of thing each swapped."""
    move, swap = layout.action("move"), layout.action("swap")
    if move < 0 and swap < 0:
        return state, jnp.zeros(doing.shape, bool), jnp.full(doing.shape, -1, jnp.int32)
    kind = jnp.where(doing < 0, STAY, jnp.where(doing == move, MOVE, jnp.where(doing == swap, SWAP, STAY)))
    result = move_and_swap(
        state.grid,
        state.cell,
        kind,
        target,
        intent.keys,
        frozen,
        thawing,
        agent_code=layout.agent_code,
        block_code=layout.block_code,
        wide=layout.path.is_wide,
    )
    name = jnp.full(doing.shape, len(layout.wall_names), jnp.int32)
    if layout.num_blocks:
        block = jnp.clip(result.swapped - layout.block_code, 0, layout.num_blocks - 1)
        kinds = pick(params.maps.block_kind[None], state.map_index)
        name = jnp.where(result.swapped >= layout.block_code, pick(kinds, block), name)
    swapped = jnp.where(result.swapped > 0, name, -1)
    return state.replace(grid=result.grid, cell=result.cell), result.success, swapped


def _act_alone(layout: Layout, state: EnvState, intent: Intent, doing: jax.Array) -> tuple[EnvState, jax.Array]:
    """Actions that affect no other agent; also `[N, A]` who did one, which always succeeds."""
    agent = Appearance(state.orientation, state.color, state.glyph)
    acted = [jnp.zeros(doing.shape, bool)]
    for index, action in enumerate(layout.actions):
        if action.resolution == "alone":
            acts = doing == index
            acted.append(acts)
            if action.effect_fn is not None:
                agent = jax.tree.map(partial(jnp.where, acts), action.effect_fn(agent, intent.argument), agent)
    return state.replace(**agent._asdict()), jnp.any(jnp.stack(acted), axis=0)
