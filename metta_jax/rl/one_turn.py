"""Keeping the bits of a computation the same wherever it is called from.

XLA chooses layouts, fusions and matrix products by what stands around an operation, and their last bits differ. The
body of a loop is compiled on its own. So the steps that are offered both as calls of their own and as parts of a larger
program run as `fori_loop(0, one_turn(count), ...)` in both: a loop of one turn, whose number XLA cannot know.
(`optimization_barrier` does not do this on a CPU: it is gone before fusion.)
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def one_turn(count: jax.Array) -> jax.Array:
    """1 as int32 [], computed from `count` int32 [], which must not be negative."""
    return (count >= 0).astype(jnp.int32)


def tied_to_turn(array: jax.Array, index: jax.Array) -> jax.Array:
    """`array` as it is, but XLA cannot see that it is the same in every turn.

    Otherwise what follows from it alone is moved out of the loop again.

    Args:
        array: of 8-bit or 32-bit numbers. index: int32 [], the loop's, never negative.
    """
    unsigned = {1: jnp.uint8, 4: jnp.uint32}[array.dtype.itemsize]
    bits = jax.lax.bitcast_convert_type(array, unsigned) ^ (index >> 31).astype(unsigned)
    return jax.lax.bitcast_convert_type(bits, array.dtype)
