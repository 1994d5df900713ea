"""Lists of tokens of varying length, packed to the left."""

import jax
import jax.numpy as jnp


def pack_tokens(tokens: jax.Array, present: jax.Array, num_slots: int) -> tuple[jax.Array, jax.Array]:
    """Move the present tokens of every object to the front, in their order.

    Args:
      tokens: uint16 [candidates, n], of n objects. Candidates lead, so that every operation runs along n: on a CPU this
        is four times faster than a scatter of the present ones.
      present: bool [candidates, n].
      num_slots: at least the largest number of present candidates.

    Returns:
      uint16 [num_slots, n], 0 in unused slots, and the number of tokens, int32 [n].
    """
    place = jax.lax.cumsum(present.astype(jnp.uint16), axis=0)
    place = jnp.where(present, place, jnp.uint16(0))
    slot = jnp.arange(1, num_slots + 1, dtype=jnp.uint16)[:, None, None]
    tokens, place = jax.lax.optimization_barrier((tokens, place))
    chosen = jnp.where(place[None] == slot, tokens[None], jnp.uint16(0))
    return jnp.sum(chosen, axis=1, dtype=jnp.uint16), jnp.sum(present, axis=0, dtype=jnp.int32)
