"""Replacing ended episodes with new ones, at a cost that follows the number that ended."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.core.pytree import PyTree

LEAST_LANES = 32  # of one iteration, if there are that many


def next_keys(key: jax.Array) -> jax.Array:
    """`[n]` keys that seed the next episodes, from those of the ended ones.

    Orders of agents use the steps from 1 on, so that step 0 of an episode's key is free.
    """
    return jax.vmap(lambda key: jax.random.fold_in(key, 0))(key)


def replace_all(done: jax.Array, fresh_fn: Callable[[jax.Array], Any], state: PyTree) -> Any:
    """`state` with the rows that are `done` taken from `fresh_fn(all rows)`: one pass over the batch.

    Args:
      done: bool [N].
      fresh_fn: from rows int32 [n] to new rows of `state`, `[n, ...]`.
      state: a pytree of `[N, ...]`.
    """

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(done.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, fresh_fn(jnp.arange(done.shape[0], dtype=jnp.int32)), state)


def replace_few(done: jax.Array, fresh_fn: Callable[[jax.Array], Any], state: PyTree) -> Any:
    """As `replace_all`, a few rows at a time until none is left: rows that are not done cost nothing.

    An iteration takes N / 64 rows: more than end in a typical step, and 64 iterations if all end at once.
    """
    size = done.shape[0]
    num_lanes = max(min(size, LEAST_LANES), size // 64)
    lane = jnp.arange(num_lanes, dtype=jnp.int32)

    def any_left(loop: tuple[jax.Array, Any]) -> jax.Array:
        return jnp.any(loop[0])

    def some(loop: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        left, state = loop
        (found,) = jnp.nonzero(left, size=num_lanes, fill_value=size)
        found = found.astype(jnp.int32)
        row = jnp.where(found < size, found, size + lane)  # past the end, each its own: not written

        def write(old: jax.Array, new: jax.Array) -> jax.Array:
            return old.at[row].set(new, mode="drop", unique_indices=True)

        state = jax.tree.map(write, state, fresh_fn(jnp.minimum(found, size - 1)))
        return left.at[row].set(False, mode="drop", unique_indices=True), state

    return jax.lax.while_loop(any_left, some, (done, state))[1]
