"""Token observations: every agent's window, compacted into a list of tokens.

An observation is a list of objects in window order, each with a list of tokens. Nothing is searched: a running sum of
token counts says at which slot each object begins, a scatter marks these slots, and a running maximum gives every slot
whose token it holds. Here all windows are made at once, in a few large operations without a loop; `observe_chunks`
makes the same integers the way a CPU prefers.

N environments of A agents, whose windows are the lanes; E object codes, R token rows of at most `row_size` tokens, W
objects of a lane (the head and the cells of the window), M observation tokens.
"""

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.gather import take
from grid_kernels.object_entry import row_and_count
from grid_kernels.observe_chunks import observe_chunks
from grid_kernels.windows import Window


def observe(
    grid: jax.Array,
    cell: jax.Array,
    entries: jax.Array,
    heads: jax.Array,
    table: jax.Array,
    window: Window,
    chunk_lanes: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """What every agent sees.

    Args:
      grid: `[N, cells]` integer object codes of the padded map, 0 = empty.
      cell: int32 [N, A], where each agent stands; its window lies inside the padded map.
      entries: int32 [N, E], `object_entry` of every object code; code 0 has no tokens.
      heads: int32 [N, A], `object_entry` of the tokens that come before those of the window.
      table: uint16 [N, R, row_size] tokens (feature | value << 8); the first one is the unused token, 0xFFFF.
      window: the cells of the window, and M.
      chunk_lanes: windows that are made at a time; None: all at once.

    Returns:
      uint8 [N, A, M, 3], unused tokens (255, 255, 255), and the number of tokens before the cut, int32 [N, A].
    """
    if chunk_lanes is not None:
        return observe_chunks(grid, cell, entries, heads, table, window, chunk_lanes)
    offsets, locations, num_tokens = window
    batch, num_agents = cell.shape
    num_lanes, num_objects = batch * num_agents, len(offsets) + 1
    table_size = table.shape[1] * table.shape[2]
    lanes = jnp.arange(num_lanes, dtype=jnp.int32)[:, None]
    env = lanes // num_agents

    code = take(grid, cell.reshape(-1, 1) + env * grid.shape[1] + jnp.asarray(offsets)[None]).astype(jnp.int32)
    entry = jnp.concatenate([heads.reshape(-1, 1), take(entries, code + env * entries.shape[1])], axis=1)
    row, count = row_and_count(entry)
    row, count = jax.lax.optimization_barrier((row.astype(_unsigned(table_size)), count.astype(_exact(table.shape[2]))))
    end = _running_sum(count).astype(_unsigned(num_objects * table.shape[2]))
    end = jax.lax.optimization_barrier(end)  # how many tokens are listed at the end of each object
    total = end[:, -1:].astype(jnp.int32)

    # The slot at which an object begins is marked with its number; those that begin past the end, or have no tokens,
    # mark none. The latest mark of the last `row_size` slots is the largest, and says whose token a slot holds.
    begin = end.astype(jnp.int32) - count.astype(jnp.int32)
    number = jnp.broadcast_to(jnp.arange(num_objects, dtype=jnp.int32)[None], begin.shape)
    spare = num_lanes * num_tokens + lanes * num_objects + number  # past the end, each its own
    slot = jnp.where((count > 0) & (begin < num_tokens), lanes * num_tokens + begin, spare)
    marks = jnp.zeros((num_lanes * num_tokens,), _unsigned(num_objects))
    marks = marks.at[slot].set(number.astype(marks.dtype), mode="drop", unique_indices=True)
    owner = _latest(marks.reshape(num_lanes, num_tokens), table.shape[2]).astype(jnp.int32)

    slots = jnp.arange(num_tokens, dtype=jnp.int32)[None]
    used = slots < total
    at = lanes * num_objects + owner
    listed = jnp.where(owner > 0, take(end, at - jnp.minimum(owner, 1)).astype(jnp.int32), 0)
    pointer = jnp.where(used, take(row, at).astype(jnp.int32) + (slots - listed), 0)
    token = take(table, pointer + env * table_size)
    places = jnp.asarray(np.concatenate([locations[:1], locations]))
    place = jnp.where(used, take(places, owner), jnp.uint8(255))
    token, place = jax.lax.optimization_barrier((token, place))
    triples = jnp.stack([place, (token & 255).astype(jnp.uint8), (token >> 8).astype(jnp.uint8)], axis=-1)
    return triples.reshape(batch, num_agents, num_tokens, 3), total.reshape(batch, num_agents)


def _running_sum(count: jax.Array) -> jax.Array:
    """Inclusive running sums of each row of `count` `[n, W]`, float32, as one matrix product. Exact below 2^24."""
    width = count.shape[1]
    upper = jnp.asarray(np.triu(np.ones((width, width), np.float32)), count.dtype)
    return jax.lax.dot_general(
        count,
        upper,
        (((1,), (0,)), ((), ())),
        precision=jax.lax.Precision.HIGHEST if count.dtype == jnp.float32 else None,
        preferred_element_type=jnp.float32,
    )


def _latest(marks: jax.Array, reach: int) -> jax.Array:
    """The largest of the last `reach` marks `[n, M]` at every slot: no object has more than `reach` tokens."""
    reach = min(reach, marks.shape[1])
    return jax.lax.reduce_window(
        marks, np.zeros((), marks.dtype), jax.lax.max, (1, reach), (1, 1), ((0, 0), (reach - 1, 0))
    )


def _exact(largest: int) -> jnp.dtype:
    """In which type products with 1 and sums in float32 are exact for whole numbers up to `largest`."""
    return jnp.dtype(jnp.bfloat16 if largest <= 256 else jnp.float32)


def _unsigned(largest: int) -> jnp.dtype:
    """The smallest type that holds 0..`largest`; what is read and written most should be small."""
    return jnp.dtype(jnp.uint8 if largest < 1 << 8 else jnp.uint16 if largest < 1 << 16 else jnp.int32)
