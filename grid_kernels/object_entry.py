"""An object as one number: how many tokens it has, and where they begin in the token table of its environment."""

import jax

POINTER_BITS = 20  # where the row begins; the count stands above


def object_entry(row_start: jax.Array, count: jax.Array) -> jax.Array:
    """An object as one int32: `count` tokens that begin at `row_start`."""
    return count << POINTER_BITS | row_start


def row_and_count(entry: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The inverse of `object_entry`."""
    return entry & ((1 << POINTER_BITS) - 1), entry >> POINTER_BITS
