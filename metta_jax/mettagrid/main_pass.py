"""The second pass over the agents of a step: everything but attacks.

An agent that turns, recolors or fails concerns nobody else. Moves and swaps meet only on cells, and exchanges only at
converters, which never move. So these three are resolved by themselves, each with all agents at once where possible.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.converters import Converter, Counts, Recipe, no_counts
from grid_kernels.exchange import get_outputs, put_inputs
from grid_kernels.gather import pick, put
from grid_kernels.geometry import relative
from grid_kernels.inventory import Purse, amounts, settle
from grid_kernels.movement import MOVE, STAY, SWAP, move_and_swap
from grid_kernels.turns import one_by_one
from metta_jax.mettagrid.stats import Event, agent_stats, by_item, record
from metta_jax.mettagrid.turn import FAILED, FROZEN, SUCCEEDED, Body, Intent, all_agents, begin, finish, weights_of
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout, Stats


class Trade(NamedTuple):
    """What exchanges between agents and converters change."""

    inventory: jax.Array  # [B, A, I] int16
    purse: Purse  # [B, A]
    success: jax.Array  # [B, A] bool
    stock: jax.Array  # [B, C, I] uint8
    phase: jax.Array  # [B, C] int32
    due: jax.Array  # [B, C] int32
    agent_stats: Stats | None
    converter_stats: Stats | None


def main_pass(layout: Layout, params: EnvParams, state: EnvState, body: Body, intent: Intent) -> tuple[EnvState, Body]:
    """Runs the pass; `state.agent_stats` and `state.converter_stats` are up to date before and after."""
    rules = params.rules
    attack = layout.action("attack")
    acts = ~intent.is_valid_type | (intent.type != attack)
    outcome, inventory = begin(layout, rules, body, intent, acts)
    body = body._replace(inventory=inventory)
    can = outcome == SUCCEEDED
    doing = jnp.where(can, intent.type, -1)  # what each agent really tries

    ahead, target = _cells_ahead(layout, params, state, intent, doing)
    state, moved = _move(layout, params, state, intent, doing, target, body.frozen, outcome == FROZEN)
    state = _turn(layout, state, intent, doing)
    state, body, traded = _trade(layout, params, state, body, intent, doing, ahead)

    alone = [layout.action(name) for name in ("noop", "rotate", "change_color", "change_glyph")]
    is_alone = jnp.any(jnp.stack([doing == a for a in alone if a >= 0] or [jnp.zeros_like(can)]), axis=0)
    outcome = jnp.where(can & ~(is_alone | moved | traded), FAILED, outcome)
    everyone = all_agents(acts.shape)
    body, stats = finish(layout, rules, body, state.agent_stats, intent, everyone, state.group, state.step, outcome)
    return state.replace(agent_stats=stats), body


def _cells_ahead(
    layout: Layout, params: EnvParams, state: EnvState, intent: Intent, doing: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The cell that each agent faces, and the one that it would enter: behind it for a move with argument 1."""
    pad_rows, pad_columns = layout.pad
    row, column = jnp.divmod(state.cell, layout.stride)
    row, column = row - pad_rows, column - pad_columns
    height = pick(params.maps.height[None], state.map_index)[:, None]
    width = pick(params.maps.width[None], state.map_index)[:, None]

    def cell(forward):
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
) -> tuple[EnvState, jax.Array]:
    move, swap = layout.action("move"), layout.action("swap")
    if move < 0 and swap < 0:
        return state, jnp.zeros(doing.shape, bool)
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
    )
    stats = state.agent_stats
    if swap >= 0:
        block = jnp.clip(result.swapped - layout.block_code, 0, max(layout.num_blocks - 1, 0))
        agent_name = len(layout.wall_names)
        name = jnp.full_like(block, agent_name)
        if layout.num_blocks:
            kinds = pick(params.maps.block_kind[None], state.map_index)
            name = jnp.where(result.swapped >= layout.block_code, pick(kinds, block), agent_name)
        at = agent_stats(layout).swap
        swap_event = Event(all_agents(name.shape), at + name, jnp.ones_like(name), result.swapped > 0)
        stats = record(stats, state.step, swap_event)
    return state.replace(grid=result.grid, cell=result.cell, agent_stats=stats), result.success


def _turn(layout: Layout, state: EnvState, intent: Intent, doing: jax.Array) -> EnvState:
    """Orientation, color and glyph."""
    argument = intent.argument
    if (rotate := layout.action("rotate")) >= 0:
        state = state.replace(orientation=jnp.where(doing == rotate, argument, state.orientation))
    if (recolor := layout.action("change_color")) >= 0:
        shift = jnp.asarray([1, 255, 63, 193], jnp.uint8).at[jnp.clip(argument, 0, 3)].get(mode="promise_in_bounds")
        applies = (doing == recolor) & (argument >= 0)
        state = state.replace(color=jnp.where(applies, state.color + shift, state.color))
    if (change_glyph := layout.action("change_glyph")) >= 0:
        glyph = (argument & 0xFF).astype(jnp.uint8)
        state = state.replace(glyph=jnp.where(doing == change_glyph, glyph, state.glyph))
    return state


def _trade(
    layout: Layout,
    params: EnvParams,
    state: EnvState,
    body: Body,
    intent: Intent,
    doing: jax.Array,
    ahead: jax.Array,
) -> tuple[EnvState, Body, jax.Array]:
    """Gets and puts of all agents that face a converter, one by one."""
    get, put_ = layout.action("get_items"), layout.action("put_items")
    if (get < 0 and put_ < 0) or not layout.num_converters:
        return state, body, jnp.zeros(doing.shape, bool)
    rules = params.rules
    faced = pick(state.grid, ahead).astype(jnp.int32) - layout.converter_code
    trades = (doing >= 0) & ((doing == get) | (doing == put_))
    trades &= (faced >= 0) & (faced < layout.num_converters)

    def one_agent(agent: jax.Array, acts: jax.Array, trade: Trade) -> Trade:
        index = jnp.where(acts, pick(faced, agent), 0)
        recipe = Recipe(*(pick(x, pick(state.converter_kind, index)) for x in rules.recipe))
        converter = Converter(
            pick(trade.stock, index).astype(jnp.int32), pick(trade.phase, index), pick(trade.due, index)
        )
        held, group = pick(trade.inventory, agent).astype(jnp.int32), pick(state.group, agent)
        gets = acts & (pick(doing, agent) == get)
        took = get_outputs(held, pick(rules.limit, group), converter, recipe, no_counts(agent.shape), state.step, gets)
        gave = put_inputs(took.inventory, took.converter, recipe, took.counts, state.step, acts & ~gets)
        change, touched = took.moved - gave.moved, took.touched | gave.touched
        purse = settle(
            Purse(*(pick(x, agent) for x in trade.purse)),
            weights_of(rules, group),
            change,
            amounts(gave.inventory),
            touched,
            layout.reward_rule,
        )
        stats = _record_exchange(layout, trade, agent, index, took.moved, gave.moved, gave.counts, state.step)
        return Trade(
            put(trade.inventory, agent, gave.inventory, acts),
            Purse(*(put(x, agent, y, acts) for x, y in zip(trade.purse, purse, strict=True))),
            put(trade.success, agent, jnp.any(change != 0, axis=-1), acts),
            put(trade.stock, index, gave.converter.stock, acts),
            put(trade.phase, index, gave.converter.phase, acts),
            put(trade.due, index, gave.converter.due, acts),
            *stats,
        )

    trade = Trade(
        body.inventory,
        body.purse,
        jnp.zeros(doing.shape, bool),
        state.converter_stock,
        state.converter_phase,
        state.converter_due,
        state.agent_stats,
        state.converter_stats,
    )
    trade = one_by_one(trades, intent.keys, one_agent, trade)
    state = state.replace(
        converter_stock=trade.stock,
        converter_phase=trade.phase,
        converter_due=trade.due,
        agent_stats=trade.agent_stats,
        converter_stats=trade.converter_stats,
    )
    return state, body._replace(inventory=trade.inventory, purse=trade.purse), trade.success


def _record_exchange(
    layout: Layout,
    trade: Trade,
    agent: jax.Array,
    converter: jax.Array,
    took: jax.Array,
    gave: jax.Array,
    counts: Counts,
    step: jax.Array,
) -> tuple[Stats | None, Stats | None]:
    at = agent_stats(layout)
    owner, took, gave = agent[:, None], took[:, None], gave[:, None]
    families = ((at.gained, took), (at.get, took), (at.lost, gave), (at.put, gave))
    stats = record(trade.agent_stats, step, *(by_item(owner, first, amount) for first, amount in families))
    facing = converter[:, None]
    happened = jnp.stack(counts, axis=-1)
    event = jnp.arange(len(counts), dtype=jnp.int32)[None]
    others = record(
        trade.converter_stats,
        step,
        Event(facing, event, happened, happened > 0, happened),
        by_item(facing, len(counts), gave),
        by_item(facing, len(counts) + layout.num_items, took),
    )
    return stats, others
