"""Exchanges between agents and converters, as a part of the main pass.

Agents meet only at converters, which never move. During the rounds every agent carries a copy of the converter that it
faces; an exchange updates the copies of all agents that face the same one. So the rounds carry arrays over agents only,
and the converters themselves are written once, at the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.converters import Converter, Counts, Recipe, no_counts
from grid_kernels.exchange import get_outputs, put_inputs
from grid_kernels.gather import pick, put
from grid_kernels.inventory import Purse, amounts, settle
from grid_kernels.turns import Turn, deliver, in_rounds, own, received, write_own, write_to
from metta_jax.mettagrid.stats import record_rows
from metta_jax.mettagrid.tally import Tally, also, counted, joined, no_tally
from metta_jax.mettagrid.turn import Body, Intent, weights_of
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout


class Trades(NamedTuple):
    """The results of a step's exchanges, by agent."""

    success: jax.Array  # bool [N, A]
    took: jax.Array  # int32 [N, A, I]
    gave: jax.Array  # int32 [N, A, I]


class _Market(NamedTuple):
    inventory: jax.Array  # int16 [N, A, I]
    purse: Purse  # [N, A]
    trades: Trades
    converter: Converter  # [N, A]: what each agent faces
    counts: jax.Array  # int32 [N, A, 5]: what happened to it, see `Counts`
    added: Tally  # [N, A, I]: what was put into it
    removed: Tally  # [N, A, I]: what was taken out


def no_trades(layout: Layout, shape: tuple[int, ...]) -> Trades:
    nothing = jnp.zeros((*shape, layout.num_items), jnp.int32)
    return Trades(jnp.zeros(shape, bool), nothing, nothing)


def trade_all(
    layout: Layout,
    params: EnvParams,
    state: EnvState,
    body: Body,
    intent: Intent,
    doing: jax.Array,
    faced: jax.Array,
) -> tuple[EnvState, Body, Trades]:
    """Gets and puts of all agents that face a converter.

    Args:
      doing: int32 [N, A], the action that each agent may carry out, -1 for none.
      faced: int32 [N, A], the converter ahead of each agent; others than 0..C-1 are none.
    """
    rules = params.rules
    get = layout.action("get")
    trades = (doing >= 0) & ((doing == get) | (doing == layout.action("put")))
    trades &= (faced >= 0) & (faced < layout.num_converters)
    faced = jnp.where(trades, faced, 0)
    kind = pick(state.converter_kind, faced)

    def act(turn: Turn, market: _Market) -> _Market:
        index, group, action = own(turn, (faced, state.group, doing))
        recipe = Recipe(*(pick(x, own(turn, kind)) for x in rules.recipe))
        before = own(turn, market.converter)
        before = before._replace(stock=before.stock.astype(jnp.int32))
        held = own(turn, market.inventory).astype(jnp.int32)
        clock = jnp.broadcast_to(state.step[:, None], index.shape)
        gets = turn.acts & (action == get)
        none = no_counts(index.shape)
        took = get_outputs(held, pick(rules.limit, group), before, recipe, none, clock, gets)
        gave = put_inputs(took.inventory, took.converter, recipe, took.counts, clock, turn.acts & ~gets)
        change, touched = took.moved - gave.moved, took.touched | gave.touched
        purse = settle(
            own(turn, market.purse),
            weights_of(rules, group),
            change,
            amounts(gave.inventory),
            touched,
            layout.reward_rule,
        )
        mine = (market.inventory, market.purse, market.trades)
        done = Trades(jnp.any(change != 0, axis=-1), took.moved, gave.moved)
        inventory, purse, done = write_own(turn, mine, (gave.inventory, purse, done))
        told = deliver(turn.acts[:, None] & (faced[:, :, None] == index[:, None]))
        converter = write_to(told, market.converter, gave.converter)
        if layout.stats == "none":
            return market._replace(inventory=inventory, purse=purse, trades=done, converter=converter)
        counts = market.counts + received(told, jnp.stack(gave.counts, axis=-1))
        added = also(market.added, received(told, gave.moved))
        removed = also(market.removed, received(told, took.moved))
        return _Market(inventory, purse, done, converter, counts, added, removed)

    stock, phase, due = (pick(x, faced) for x in (state.converter_stock, state.converter_phase, state.converter_due))
    nothing = no_tally((*faced.shape, layout.num_items), layout.stats)
    market = _Market(
        body.inventory,
        body.purse,
        no_trades(layout, faced.shape),
        Converter(stock, phase, due),
        jnp.zeros((*faced.shape, len(Counts._fields)), jnp.int32),
        nothing,
        nothing,
    )
    market = in_rounds(trades, intent.keys, faced[..., None], act, market, wide=layout.path.is_wide)
    state = _put_back(layout, state, market, faced, trades)
    body = body._replace(inventory=market.inventory, purse=market.purse, lost=also(body.lost, market.trades.gave))
    return state, body, market.trades


def _put_back(layout: Layout, state: EnvState, market: _Market, faced: jax.Array, trades: jax.Array) -> EnvState:
    """Write the converters back, each from the first agent that traded with it."""
    agents = jnp.arange(faced.shape[1], dtype=jnp.int32)
    is_earlier = (agents[None] < agents[:, None])[None] & trades[:, None] & (faced[:, None] == faced[:, :, None])
    writes = trades & ~jnp.any(is_earlier, axis=2)
    events, moves = counted(market.counts, layout.stats), joined(market.added, market.removed)
    return state.replace(
        converter_stock=put(state.converter_stock, faced, market.converter.stock, writes),
        converter_phase=put(state.converter_phase, faced, market.converter.phase, writes),
        converter_due=put(state.converter_due, faced, market.converter.due, writes),
        converter_events=record_rows(state.converter_events, state.step, faced, events, writes),
        converter_moves=record_rows(state.converter_moves, state.step, faced, moves, writes),
    )
