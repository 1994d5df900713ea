"""Cells ahead of, behind and to the side of an agent. Up 0, down 1, left 2, right 3; rows grow downward."""

import jax
import jax.numpy as jnp


def relative(
    row: jax.Array,
    column: jax.Array,
    facing: jax.Array,
    forward: jax.Array | int,
    lateral: jax.Array | int,
    height: jax.Array,
    width: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The cell `forward` steps ahead and `lateral` steps to the agent's own right, clamped to the map.

    All arguments int32 and of equal or broadcastable shape; returns (row, column).
    """
    is_up, is_down, is_left = facing == 0, facing == 1, facing == 2
    down = jnp.where(is_up, -forward, jnp.where(is_down, forward, jnp.where(is_left, -lateral, lateral)))
    right = jnp.where(is_up, lateral, jnp.where(is_down, -lateral, jnp.where(is_left, -forward, forward)))
    return jnp.clip(row + down, 0, height - 1), jnp.clip(column + right, 0, width - 1)
