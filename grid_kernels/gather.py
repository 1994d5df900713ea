"""Indexing with one flat index, the form that XLA compiles best on a CPU.

N environments, R rows of a table. Indices must be in bounds: nothing is checked and nothing is clamped.
"""

import jax
import jax.numpy as jnp


def take(table: jax.Array, index: jax.Array) -> jax.Array:
    """The elements of `table`, read as a flat array, at `index`; the result has the shape of `index`."""
    return table.reshape(-1).at[index].get(mode="promise_in_bounds")


def row_base(table: jax.Array, batch: int) -> jax.Array:
    """int32 [N]: where each environment's rows begin in `table` `[1 or N, R, ...]`."""
    shared = table.shape[0] == 1
    return jnp.zeros((batch,), jnp.int32) if shared else jnp.arange(batch, dtype=jnp.int32) * table.shape[1]


def pick(table: jax.Array, index: jax.Array) -> jax.Array:
    """Rows of each environment's own table.

    Args:
      table: `[1 or N, R, ...]`; 1 means that all environments share it.
      index: int32 [N, ...] in `0..R-1`.

    Returns:
      `[N, ..., *table.shape[2:]]`.
    """
    base = row_base(table, index.shape[0]).reshape((-1,) + (1,) * (index.ndim - 1))
    rows = table.reshape((table.shape[0] * table.shape[1], *table.shape[2:]))
    return rows.at[base + index].get(mode="promise_in_bounds")


def put(table: jax.Array, index: jax.Array, value: jax.Array, where: jax.Array) -> jax.Array:
    """`table` `[N, R, ...]` with row `index[e, i]` of environment e replaced by `value[e, i]` where `where[e, i]`.

    `index`, `where`: `[N, n]`; `value` `[N, n, *table.shape[2:]]`. Rows that are written must differ from each other.
    """
    rows = _rows_to_write(table, index, where).set(value.astype(table.dtype), mode="drop", unique_indices=True)
    return rows.reshape(table.shape)


def add(table: jax.Array, index: jax.Array, value: jax.Array, where: jax.Array) -> jax.Array:
    """As `put`, with `value[e, i]` added to the row."""
    rows = _rows_to_write(table, index, where).add(value.astype(table.dtype), mode="drop", unique_indices=True)
    return rows.reshape(table.shape)


def _rows_to_write(table: jax.Array, index: jax.Array, where: jax.Array):
    batch, num_rows = table.shape[:2]
    flat = (jnp.arange(batch, dtype=jnp.int32) * num_rows)[:, None] + index
    # Rows that are left out get indices of their own past the end, so that all indices are unique; otherwise a GPU
    # would write with a compare-and-swap loop.
    spare = batch * num_rows + jnp.arange(index.size, dtype=jnp.int32).reshape(index.shape)
    return table.reshape((batch * num_rows, *table.shape[2:])).at[jnp.where(where, flat, spare)]


def at_item(rows: jax.Array, item: jax.Array) -> jax.Array:
    """`rows[..., item[...]]` for `rows` `[..., I]` and `item` int32 [...]."""
    lanes = jnp.arange(item.size, dtype=jnp.int32).reshape(item.shape)
    return take(rows, lanes * rows.shape[-1] + item)


def set_item(rows: jax.Array, item: jax.Array, value: jax.Array) -> jax.Array:
    """`rows` `[..., I]` with `rows[..., item[...]]` replaced by `value` `[...]`."""
    # Rows are short: writing all of each costs less than a scatter.
    items = jnp.arange(rows.shape[-1], dtype=jnp.int32).reshape((1,) * item.ndim + (-1,))
    return jnp.where(items == item[..., None], value[..., None].astype(rows.dtype), rows)
