"""Indexing with one flat index, the form that XLA compiles best on a CPU.

`B` is the number of environments. Indices must be in bounds: nothing is checked and nothing is clamped.
"""

import jax
import jax.numpy as jnp


def take(table: jax.Array, index: jax.Array) -> jax.Array:
    """The elements of `table`, read as a flat array, at `index`; the result has the shape of `index`."""
    return table.reshape(-1).at[index].get(mode="promise_in_bounds")


def row_base(table: jax.Array, batch: int) -> jax.Array:
    """`[B]` int32: where each environment's rows begin in `table` `[P, R, ...]`, P = 1 (shared) or B."""
    shared = table.shape[0] == 1
    return jnp.zeros((batch,), jnp.int32) if shared else jnp.arange(batch, dtype=jnp.int32) * table.shape[1]


def pick(table: jax.Array, index: jax.Array) -> jax.Array:
    """Rows of each environment's own table.

    Args:
      table: `[P, R, ...]`; P = 1 means that all environments share it, otherwise P = B.
      index: `[B, ...]` int32 in `0..R-1`.

    Returns:
      `[B, ..., *table.shape[2:]]`.
    """
    base = row_base(table, index.shape[0]).reshape((-1,) + (1,) * (index.ndim - 1))
    rows = table.reshape((table.shape[0] * table.shape[1], *table.shape[2:]))
    return rows.at[base + index].get(mode="promise_in_bounds")


def put(table: jax.Array, index: jax.Array, value: jax.Array, where: jax.Array) -> jax.Array:
    """`table` `[B, R, ...]` with row `index[b]` of environment b replaced by `value[b]` where `where[b]`.

    `index`, `where`: `[B]` or `[B, n]`; `value` has their shape and then the shape of a row. Rows that are written must
    differ from each other.
    """
    batch, num_rows = table.shape[:2]
    base = (jnp.arange(batch, dtype=jnp.int32) * num_rows).reshape((-1,) + (1,) * (index.ndim - 1))
    flat = jnp.where(where, base + index, batch * num_rows)
    rows = table.reshape((table.shape[0] * table.shape[1], *table.shape[2:]))
    return rows.at[flat].set(value.astype(table.dtype), mode="drop").reshape(table.shape)


def at_item(rows: jax.Array, item: jax.Array) -> jax.Array:
    """`rows[..., item[...]]` for `rows` `[..., I]` and `item` `[...]` int32."""
    lanes = jnp.arange(item.size, dtype=jnp.int32).reshape(item.shape)
    return take(rows, lanes * rows.shape[-1] + item)


def set_item(rows: jax.Array, item: jax.Array, value: jax.Array) -> jax.Array:
    """`rows` `[..., I]` with `rows[..., item[...]]` replaced by `value` `[...]`."""
    # Rows are short: writing all of each costs less than a scatter.
    items = jnp.arange(rows.shape[-1], dtype=jnp.int32).reshape((1,) * item.ndim + (-1,))
    return jnp.where(items == item[..., None], value[..., None].astype(rows.dtype), rows)
