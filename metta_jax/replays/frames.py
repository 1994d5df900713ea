"""What a replay needs of every step, as small arrays: stacked on the device, read on the host.

Letters: N environments, A agents, I items, C converters, T steps.
"""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.mettagrid import EnvState
from metta_jax.mettagrid.types import Layout


class Frame(flax.struct.PyTreeNode):
    """The changing parts of a state and what led to it: `[N, ...]`, stacked `[T, N, ...]`, of one `[T, ...]`."""

    cell: jax.Array  # int32 [A] padded cells
    orientation: jax.Array  # uint8 [A]
    frozen: jax.Array  # int32 [A]
    color: jax.Array  # uint8 [A]
    glyph: jax.Array  # uint8 [A]
    inventory: jax.Array  # int16 [A, I], -1 = no entry
    converter_stock: jax.Array  # uint8 [C, I]
    converting: jax.Array  # bool [C]
    block_cell: jax.Array  # int32 [blocks] padded cells
    action: jax.Array  # int32 [A, 2]
    action_success: jax.Array  # bool [A]
    reward: jax.Array  # float32 [A], as returned


def take_frame(layout: Layout, env: EnvState, action: jax.Array, action_success: jax.Array, reward: jax.Array) -> Frame:
    """The frame of states `[N, ...]`."""
    return Frame(
        cell=env.cell,
        orientation=env.orientation.astype(jnp.uint8),
        frozen=env.frozen,
        color=env.color,
        glyph=env.glyph,
        inventory=env.inventory,
        converter_stock=env.converter_stock,
        converting=env.converter_phase > 0,
        block_cell=_block_cells(layout, env.grid),
        action=action,
        action_success=action_success,
        reward=reward,
    )


def empty_frames(frame: Frame, num_steps: int) -> Frame:
    """Room for `num_steps` frames, `[num_steps, N, ...]`."""
    return jax.tree.map(lambda x: jnp.zeros((num_steps, *x.shape), x.dtype), frame)


def write_frame(frames: Frame, index: jax.Array, frame: Frame) -> Frame:
    """The frames with one written at `index`."""
    return jax.tree.map(lambda xs, x: jax.lax.dynamic_update_index_in_dim(xs, x, index, 0), frames, frame)


def _block_cells(layout: Layout, grid: jax.Array) -> jax.Array:
    """Where the blocks stand, int32 [N, blocks]: only the grid knows. 0 for those that a map does not have."""
    if not layout.num_blocks:
        return jnp.zeros((grid.shape[0], 0), jnp.int32)
    block = grid.astype(jnp.int32) - layout.block_code
    index = jnp.where(block >= 0, block, layout.num_blocks)
    cells = jnp.arange(grid.shape[1], dtype=jnp.int32)

    def find(index: jax.Array) -> jax.Array:
        return jnp.zeros((layout.num_blocks,), jnp.int32).at[index].set(cells, mode="drop")

    return jax.vmap(find)(index)
