"""Token observations in chunks that fit a CPU's cache; see `observe`, which says what they are.

An observation is a list of objects in window order, each with a list of tokens. Nothing is searched: a running sum of
token counts gives each object its place, one scatter writes where it begins, and a running maximum gives every slot
which object it belongs to.
"""

from math import gcd

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.gather import take
from grid_kernels.object_entry import row_and_count
from grid_kernels.windows import Window


def observe_chunks(
    grid: jax.Array,
    cell: jax.Array,
    entries: jax.Array,
    heads: jax.Array,
    table: jax.Array,
    window: Window,
    chunk_lanes: int,
) -> tuple[jax.Array, jax.Array]:
    """As `observe`, with `chunk_lanes` windows at a time."""
    batch, num_agents = cell.shape
    num_lanes = batch * num_agents
    env = jnp.arange(num_lanes, dtype=jnp.int32) // num_agents
    lanes = (cell.reshape(-1) + env * grid.shape[1], env, heads.reshape(-1))
    # At least two rounds, or XLA drops the loop and computes the tables again for every element that is read.
    size = min(-(-num_lanes // 2), chunk_lanes)

    def one_chunk(i: jax.Array, out: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        observation, total = out
        begin = jnp.minimum(i * size, num_lanes - size)
        at, where, first = (jax.lax.dynamic_slice_in_dim(x, begin, size) for x in lanes)
        token, place, count = _compact(grid, entries, table, at, where, first, window)
        total = jax.lax.dynamic_update_slice_in_dim(total, count, begin, 0)
        return _write(observation, token, place, begin), total

    observation = jnp.zeros((num_lanes, window.num_tokens, 3), jnp.uint8)
    total = jnp.zeros((num_lanes,), jnp.int32)
    observation, total = jax.lax.fori_loop(0, -(-num_lanes // size), one_chunk, (observation, total))
    return observation.reshape(batch, num_agents, window.num_tokens, 3), total.reshape(batch, num_agents)


def _compact(
    grid: jax.Array,
    entries: jax.Array,
    table: jax.Array,
    cell: jax.Array,
    env: jax.Array,
    head: jax.Array,
    window: Window,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Tokens uint16 [n, M] and their locations uint8 [n, M] for n lanes, and the token counts `[n]`."""
    offsets, locations, num_tokens = window
    num_lanes, row_size = cell.shape[0], table.shape[1] * table.shape[2]
    code = take(grid, cell[None] + jnp.asarray(offsets)[:, None]).astype(jnp.int32)
    entry = take(entries, code + (env * entries.shape[1])[None])
    entry = jnp.concatenate([head[None], entry])
    lane_start = jnp.arange(num_lanes, dtype=jnp.int32) * (num_tokens + 1)

    # A mark says which object begins at a slot: its number in window order, so that the latest mark is the largest,
    # and (its row - the slot + M), so that adding a slot gives the token. Objects without tokens, and those that
    # begin past the end, mark the spare slot M.
    def one_cell(
        begin: jax.Array, cell_entry: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        number, entry = cell_entry
        row, count = row_and_count(entry)
        slot = jnp.where(count > 0, jnp.minimum(begin, num_tokens), num_tokens)
        mark = number << 24 | (row - begin + num_tokens).astype(jnp.uint32) & 0xFFFFFF
        return begin + count, (lane_start + slot, mark)

    number = jnp.arange(entry.shape[0], dtype=jnp.uint32)
    total, (slot, mark) = jax.lax.scan(one_cell, jnp.zeros((num_lanes,), jnp.int32), (number, entry))
    marks = jnp.zeros((num_lanes * (num_tokens + 1),), jnp.uint32)
    marks = marks.at[slot].set(mark, mode="promise_in_bounds").reshape(num_lanes, num_tokens + 1)
    owner = _latest(marks[:, :num_tokens], table.shape[2])

    slots = jnp.arange(num_tokens, dtype=jnp.int32)[None]
    used = slots < total[:, None]
    pointer = (owner & 0xFFFFFF).astype(jnp.int32) + (slots - num_tokens)
    token = take(table, jnp.where(used, pointer, 0) + (env * row_size)[:, None])
    places = jnp.asarray(np.concatenate([locations[:1], locations, np.full(1, 255, np.uint8)]))
    place = take(places, jnp.where(used, (owner >> 24).astype(jnp.int32), len(locations) + 1))
    return token, place, total


def _latest(marks: jax.Array, reach: int) -> jax.Array:
    """The largest of the last `reach` marks at every slot: no object has more than `reach` tokens."""
    covered = 1
    while covered < min(reach, marks.shape[1]):
        shift = min(covered, reach - covered)
        marks = jnp.maximum(marks, jnp.pad(marks[:, :-shift], ((0, 0), (shift, 0))))
        marks = jax.lax.optimization_barrier(marks)
        covered += shift
    return marks


def _write(observation: jax.Array, token: jax.Array, place: jax.Array, begin: jax.Array) -> jax.Array:
    """Write (place, feature, value) triples at lane `begin`.

    In a loop of its own: fused with what makes the tokens, XLA would make each of them three times (measured: a third
    of the whole time).
    """
    num_parts = gcd(token.shape[0], 4)
    size = token.shape[0] // num_parts

    def one_part(i: jax.Array, observation: jax.Array) -> jax.Array:
        part = [jax.lax.dynamic_slice_in_dim(x, i * size, size) for x in (token, place)]
        word = part[0].astype(jnp.uint32) << 8 | part[1].astype(jnp.uint32)
        triples = jax.lax.bitcast_convert_type(word, jnp.uint8)[..., :3]
        return jax.lax.dynamic_update_slice_in_dim(observation, triples, begin + i * size, 0)

    return jax.lax.fori_loop(0, num_parts, one_part, observation)
