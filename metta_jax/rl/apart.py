"""Computations compiled apart from the surrounding program, so that their bits are the same wherever they are used.

XLA chooses layouts, fusions and matrix products depending on the surrounding program, and their last bits differ. The
body of a loop is compiled on its own. So on a CPU the steps that are offered both as calls of their own and as parts of
a larger program run as a loop of one turn, whose number XLA cannot know. (`optimization_barrier` does not do this on a
CPU: it is gone before fusion.) On an accelerator such a loop would wait for the host, and equal bits are not promised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def run_apart(apart: bool, count: jax.Array, body_fn: Callable[[jax.Array, Any], Any], carry: Any) -> Any:
    """`body_fn(0, carry)`; compiled apart from the surrounding program where `apart`.

    Args:
      count: any int32 [] that is not negative and that XLA does not know.
      body_fn: takes the number of the turn, int32 [], and the carry. What follows from its own inputs alone must be
        tied to the turn, see `tied_to_turn`, or XLA moves it out again.
    """
    if not apart:
        return body_fn(jnp.zeros((), jnp.int32), carry)
    return jax.lax.fori_loop(0, (count >= 0).astype(jnp.int32), body_fn, carry)


def tied_to_turn(array: jax.Array, index: jax.Array) -> jax.Array:
    """`array` unchanged, but XLA cannot see that it is the same in every iteration.

    Otherwise what follows from it alone is moved out of the loop again.

    Args:
      array: of 8-bit or 32-bit numbers. index: int32 [], the loop's, never negative.
    """
    unsigned = {1: jnp.uint8, 4: jnp.uint32}[array.dtype.itemsize]
    bits = jax.lax.bitcast_convert_type(array, unsigned) ^ (index >> 31).astype(unsigned)
    return jax.lax.bitcast_convert_type(bits, array.dtype)
