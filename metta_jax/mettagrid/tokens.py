"""Tokens of every object, made once a step; observations then only copy them.

Inside a batch all arrays have a leading axis B; those of rules have 1 (shared) or B. R token rows: the empty cell, wall
names, agents, converters, and what each agent sees of the episode. K tokens a row.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.gather import pick
from grid_kernels.observe import object_entry, observe
from grid_kernels.rounding import quotient, round_half_away
from grid_kernels.tokens import pack_tokens
from grid_kernels.windows import window_locations, window_offsets
from metta_jax.mettagrid import features
from metta_jax.mettagrid.types import GLOBAL_TOKENS, EnvParams, EnvState, Layout, Rules

UNUSED = 0xFFFF


class Rows(NamedTuple):
    """Token rows of some objects: `tokens` `[B, n, K]` uint16, `count` `[B, n]` int32."""

    tokens: jax.Array
    count: jax.Array


def observe_agents(
    layout: Layout, params: EnvParams, state: EnvState, actions: jax.Array, reward: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Observations `[B, A, T, 3]` uint8 and the number of tokens before the cut `[B, A]` int32.

    `actions` int32 `[B, A, 2]` and `reward` float32 `[B, A]` are those that the observation tells of.
    """
    sections = [
        _empty(layout, state),
        _walls(layout, params.rules, state),
        _agents(layout, params.rules, state),
        _converters(layout, params.rules, state),
        _heads(layout, params.rules, state, actions, reward),
    ]
    table = jnp.concatenate([s.tokens for s in sections], axis=1)
    count = jnp.concatenate([s.count for s in sections], axis=1)
    row_start = jnp.arange(table.shape[1], dtype=jnp.int32) * table.shape[2]
    entries = object_entry(row_start[None], count)
    blocks = pick(entries, 1 + pick(params.maps.block_kind[None], state.map_index))
    num_objects = table.shape[1] - layout.num_agents
    offsets = window_offsets(layout.obs_height, layout.obs_width)
    return observe(
        state.grid,
        state.cell,
        jnp.concatenate([entries[:, :num_objects], blocks], axis=1),
        entries[:, num_objects:],
        table,
        offsets=offsets[:, 0] * layout.stride + offsets[:, 1],
        locations=window_locations(layout.obs_height, layout.obs_width),
        num_tokens=layout.num_tokens,
    )


def row_size(layout: Layout) -> int:
    """K: the most tokens that any object can have."""
    converter = 3 + layout.num_items * (2 if layout.shows_recipes else 1)
    num_globals = sum(GLOBAL_TOKENS[name] for name in layout.global_tokens)
    return max(6 + layout.num_items, converter, num_globals)


def _empty(layout: Layout, state: EnvState) -> Rows:
    batch = state.step.shape[0]
    tokens = jnp.full((batch, 1, row_size(layout)), UNUSED, jnp.uint16)
    return Rows(tokens, jnp.zeros((batch, 1), jnp.int32))


def _walls(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    swappable = rules.wall_swappable.astype(jnp.int32)
    tokens = [_token(features.TYPE_ID, rules.wall_type), _token(features.SWAPPABLE, swappable)]
    rows = _rows(layout, jnp.stack(tokens, axis=-1), 1 + swappable)
    return Rows(*(jnp.broadcast_to(x, (state.step.shape[0], *x.shape[1:])) for x in rows))


def _agents(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    fixed = [
        _token(features.TYPE_ID, jnp.zeros_like(state.group)),
        _token(features.GROUP, pick(rules.group_id, state.group)),
        _token(features.FROZEN, (state.frozen > 0).astype(jnp.int32)),
        _token(features.ORIENTATION, state.orientation),
        _token(features.COLOR, state.color),
    ]
    inventory = _planes(state.inventory)
    glyph = state.glyph.reshape(1, -1)
    tokens = [_token(features.GLYPH, glyph), _item_tokens(layout, inventory)]
    return _pack(layout, fixed, tokens, [glyph > 0, inventory >= 0])


def _converters(layout: Layout, rules: Rules, state: EnvState) -> Rows:
    kind = state.converter_kind
    fixed = [
        _token(features.TYPE_ID, pick(rules.converter_type, kind)),
        _token(features.COLOR, pick(rules.converter_color, kind)),
        _token(features.CONVERTING, (state.converter_phase > 0).astype(jnp.int32)),
    ]
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
    tokens = {
        "episode_completion_pct": [(features.COMPLETION, jnp.broadcast_to(completion[:, None], shape))],
        "last_action": [(features.LAST_ACTION, actions[..., 0]), (features.LAST_ARG, actions[..., 1])],
        "last_reward": [(features.LAST_REWARD, round_half_away(reward * 100.0))],
        "resource_rewards": [(features.RESOURCE_REWARDS, pick(rewarded, state.group))],
    }
    shown = [_token(*token) for name in layout.global_tokens for token in tokens[name]]
    count = jnp.full(shape, len(shown), jnp.int32)
    stacked = jnp.stack(shown, axis=-1) if shown else jnp.zeros((*shape, 0), jnp.uint16)
    return _rows(layout, stacked, count)


def _token(feature: int, value: jax.Array) -> jax.Array:
    return (value.astype(jnp.int32) & 0xFF).astype(jnp.uint16) << 8 | jnp.uint16(feature)


def _item_tokens(layout: Layout, amount: jax.Array) -> jax.Array:
    """Tokens of the items whose `amount` is `[I, n]`."""
    feature = features.FIRST_ITEM + jnp.arange(layout.num_items, dtype=jnp.uint16)
    return (amount.astype(jnp.int32) & 0xFF).astype(jnp.uint16) << 8 | feature[:, None]


def _planes(x: jax.Array) -> jax.Array:
    """`[B, n, I]` to `[I, B * n]`."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2]).T


def _pack(layout: Layout, fixed: list[jax.Array], tokens: list[jax.Array], present: list[jax.Array]) -> Rows:
    """Rows that begin with `fixed` `[B, n]` tokens and go on with the present ones of `tokens` `[C, B * n]`."""
    shape = fixed[0].shape
    candidates = jnp.concatenate(tokens)
    rest, count = pack_tokens(candidates, jnp.concatenate(present), candidates.shape[0])
    planes = jnp.concatenate([jnp.stack(fixed).reshape(len(fixed), fixed[0].size), rest])
    return _rows(layout, planes.T.reshape(*shape, planes.shape[0]), len(fixed) + count.reshape(shape))


def _rows(layout: Layout, tokens: jax.Array, count: jax.Array) -> Rows:
    """Pads rows `[B, n, k]` to K tokens."""
    missing = row_size(layout) - tokens.shape[-1]
    return Rows(jnp.pad(tokens, ((0, 0), (0, 0), (0, missing))), count)


def _input_amounts(layout: Layout, rules: Rules) -> jax.Array:
    """`[P, R, I]` int32: recipes by item."""
    item = jnp.arange(layout.num_items, dtype=jnp.int32)[None, None, None]
    uses = rules.recipe.input_item[..., None] == item
    return jnp.sum(jnp.where(uses, rules.recipe.input_amount[..., None], 0), axis=2, dtype=jnp.int32)
