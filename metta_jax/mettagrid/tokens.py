"""Tokens of every object, made once a step; observations then only copy them.

Inside a batch all arrays have a leading axis N; those of rules have 1 (shared) or N. R token rows: the empty cell, wall
names, agents, converters, and what each agent sees of the episode. A row has `row_size` tokens.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.gather import pick
from grid_kernels.object_entry import object_entry
from grid_kernels.observe import observe
from grid_kernels.rounding import quotient, round_half_away
from grid_kernels.tokens import pack_tokens
from grid_kernels.windows import Window, window_locations, window_offsets
from metta_jax.config import features
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout, Rules

UNUSED = 0xFFFF


class Rows(NamedTuple):
    """Token rows of some objects: `tokens` uint16 [N, n, row_size], `num_tokens` int32 [N, n]."""

    tokens: jax.Array
    num_tokens: jax.Array


def observe_agents(
    layout: Layout, params: EnvParams, state: EnvState, actions: jax.Array, reward: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Observations, uint8 [N, A, M, 3], and the number of tokens before the cut, int32 [N, A].

    `actions` int32 [N, A, 2] and `reward` float32 [N, A] are those that the observation shows.
    """
    sections = [
        _empty(layout, state),
        _walls(layout, params.rules, state),
        _agents(layout, params.rules, state),
        _converters(layout, params.rules, state),
        _heads(layout, params.rules, state, actions, reward),
    ]
    table = jnp.concatenate([s.tokens for s in sections], axis=1)
    count = jnp.concatenate([s.num_tokens for s in sections], axis=1)
    row_start = jnp.arange(table.shape[1], dtype=jnp.int32) * table.shape[2]
    entries = object_entry(row_start[None], count)
    blocks = pick(entries, 1 + pick(params.maps.block_kind[None], state.map_index))
    num_objects = table.shape[1] - layout.num_agents
    offsets = window_offsets(layout.obs_height, layout.obs_width)
    window = Window(
        offsets=offsets[:, 0] * layout.stride + offsets[:, 1],
        locations=window_locations(layout.obs_height, layout.obs_width),
        num_tokens=layout.num_tokens,
    )
    codes = jnp.concatenate([entries[:, :num_objects], blocks], axis=1)
    heads = entries[:, num_objects:]
    return observe(state.grid, state.cell, codes, heads, table, window, layout.path.chunk_agents)


def _empty(layout: Layout, state: EnvState) -> Rows:
    batch = state.step.shape[0]
    tokens = jnp.full((batch, 1, layout.row_size), UNUSED, jnp.uint16)
    return Rows(tokens, jnp.zeros((batch, 1), jnp.int32))


def _walls(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    swappable = rules.wall_swappable.astype(jnp.int32)
    tokens = _tokens(features.WALL, {features.TYPE_ID: rules.wall_type, features.SWAPPABLE: swappable})
    rows = _rows(layout, jnp.stack(tokens, axis=-1), 1 + swappable)
    return Rows(*(jnp.broadcast_to(x, (state.step.shape[0], *x.shape[1:])) for x in rows))


def _agents(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    values = {
        features.TYPE_ID: jnp.zeros_like(state.group),
        features.GROUP: pick(rules.group_id, state.group),
        features.FROZEN: (state.frozen > 0).astype(jnp.int32),
        features.ORIENTATION: state.orientation,
        features.COLOR: state.color,
        features.GLYPH: state.glyph,
    }
    *fixed, glyph = _tokens(features.AGENT, values)
    inventory = _planes(state.inventory)
    tokens = [glyph.reshape(1, -1), _item_tokens(layout, inventory)]
    return _pack(layout, fixed, tokens, [state.glyph.reshape(1, -1) > 0, inventory >= 0])


def _converters(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    kind = state.converter_kind
    values = {
        features.TYPE_ID: pick(rules.converter_type, kind),
        features.COLOR: pick(rules.converter_color, kind),
        features.CONVERTING: (state.converter_phase > 0).astype(jnp.int32),
    }
    fixed = _tokens(features.CONVERTER, values)
    stock = _planes(state.converter_stock)
    tokens, present = [_item_tokens(layout, stock)], [stock > 0]
    if layout.shows_recipes:
        recipe = _planes(pick(_input_amounts(layout, rules), kind))
        tokens.append(_item_tokens(layout, recipe))
        present.append((recipe > 0) & pick(rules.shows_recipe, kind).reshape(1, -1))
    return _pack(layout, fixed, tokens, present)


def _heads(layout: Layout, rules: Rules, state: EnvState, actions: jax.Array, reward: jax.Array) -> Rows:
    shape = reward.shape
    max_steps = jnp.broadcast_to(rules.max_steps, state.step.shape)
    done = quotient(state.step.astype(jnp.float32), jnp.maximum(max_steps, 1).astype(jnp.float32))
    completion = jnp.where(max_steps > 0, round_half_away(done * 255.0), 0)
    bits = jnp.asarray(np.asarray([128 >> i if i < 8 else 0 for i in range(layout.num_items)], np.int32))
    rewarded = jnp.sum(jnp.where(rules.weights.reward > 0, bits[None, None], 0), axis=-1, dtype=jnp.int32)
    values = {
        features.COMPLETION: jnp.broadcast_to(completion[:, None], shape),
        features.LAST_ACTION: actions[..., 0],
        features.LAST_ARG: actions[..., 1],
        features.LAST_REWARD: round_half_away(reward * 100.0),
        features.RESOURCE_REWARDS: pick(rewarded, state.group),
    }
    shown = _tokens([feature for name in layout.global_tokens for feature in features.GLOBAL[name]], values)
    count = jnp.full(shape, len(shown), jnp.int32)
    stacked = jnp.stack(shown, axis=-1) if shown else jnp.zeros((*shape, 0), jnp.uint16)
    return _rows(layout, stacked, count)


def _tokens(shown: Sequence[int], values: Mapping[int, jax.Array]) -> list[jax.Array]:
    """The tokens of the features `shown`, in their order. A ValueError if one has no value."""
    missing = [features.NAMES[feature][0] for feature in shown if feature not in values]
    if missing:
        raise ValueError(f"{', '.join(missing)}: metta_jax/config/features.py shows it, but it has no value here")
    return [_token(feature, values[feature]) for feature in shown]


def _token(feature: int, value: jax.Array) -> jax.Array:
    return (value.astype(jnp.int32) & 0xFF).astype(jnp.uint16) << 8 | jnp.uint16(feature)


def _item_tokens(layout: Layout, amount: jax.Array) -> jax.Array:
    """Tokens of the items whose `amount` is `[I, n]`."""
    feature = features.FIRST_ITEM + jnp.arange(layout.num_items, dtype=jnp.uint16)
    return (amount.astype(jnp.int32) & 0xFF).astype(jnp.uint16) << 8 | feature[:, None]


def _planes(x: jax.Array) -> jax.Array:
    """`[N, n, I]` to `[I, N * n]`."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2]).T


def _pack(layout: Layout, fixed: list[jax.Array], tokens: list[jax.Array], present: list[jax.Array]) -> Rows:
    """Rows of the `fixed` `[N, n]` tokens followed by those of `tokens` `[candidates, N * n]` that are present."""
    shape = fixed[0].shape
    candidates = jnp.concatenate(tokens)
    rest, count = pack_tokens(candidates, jnp.concatenate(present), candidates.shape[0])
    planes = jnp.concatenate([jnp.stack(fixed).reshape(len(fixed), fixed[0].size), rest])
    return _rows(layout, planes.T.reshape(*shape, planes.shape[0]), len(fixed) + count.reshape(shape))


def _rows(layout: Layout, tokens: jax.Array, count: jax.Array) -> Rows:
    """Pad rows `[N, n, k]` to `row_size` tokens."""
    missing = layout.row_size - tokens.shape[-1]
    return Rows(jnp.pad(tokens, ((0, 0), (0, 0), (0, missing))), count)


def _input_amounts(layout: Layout, rules: Rules) -> jax.Array:
    """int32 [1 or N, R, I]: recipes by item."""
    item = jnp.arange(layout.num_items, dtype=jnp.int32)[None, None, None]
    uses = rules.recipe.input_item[..., None] == item
    return jnp.sum(jnp.where(uses, rules.recipe.input_amount[..., None], 0), axis=2, dtype=jnp.int32)
