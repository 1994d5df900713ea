"""A batch of environments in chunks, as many at a time as the engine's path says."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid.types import Layout, Rules


def in_chunks(
    layout: Layout,
    num_envs: int,
    fn: Callable[..., Any],
    rules: Rules,
    shared: bool,
    carry: Any,
    state: PyTree,
    *batch: Any,
) -> tuple[Any, Any, Any]:
    """`fn(rules, carry, state, *batch)` for all environments, a chunk at a time.

    On a CPU a whole batch would leave the cache, and the cost of a step would grow with the number of environments
    (threefold from 64 to 4,096 with 24 agents). Resets become cheaper too: only chunks in which an episode ends are
    reset.

    Args:
      num_envs: N.
      fn: returns a new `carry`, which goes from chunk to chunk, a new `state`, and what else belongs to its
        environments.
      rules: `[1, ...]`, `[tasks, ...]` or `[N, ...]`; shared: whether every chunk sees them whole, not its part of
        `[N, ...]`.
      state, batch: pytrees of `[N, ...]`, of which a chunk sees its part; None for none.
    """
    size = chunk_size(num_envs, layout)
    if size == num_envs:
        return fn(rules, carry, state, *batch)

    def on_chunk(i: jax.Array, carry: Any, state: PyTree) -> tuple[Any, ...]:
        def part(tree: PyTree) -> PyTree:
            return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, i * size, size), tree)

        return fn(rules if shared else part(rules), carry, part(state), *part(batch))

    def one_chunk(i: jax.Array, loop: tuple[Any, ...]) -> tuple[Any, ...]:
        carry, state, out = loop
        carry, new, rest = on_chunk(i, carry, state)

        def write(x: jax.Array, y: jax.Array) -> jax.Array:
            return jax.lax.dynamic_update_slice_in_dim(x, y, i * size, 0)

        # In place: a scan would make a new state, and the loop around the steps would copy it back.
        return carry, jax.tree.map(write, state, new), jax.tree.map(write, out, rest)

    _, _, shapes = jax.eval_shape(on_chunk, jnp.int32(0), carry, state)
    out = jax.tree.map(lambda x: _unwritten((num_envs, *x.shape[1:]), x.dtype), shapes)
    return jax.lax.fori_loop(0, num_envs // size, one_chunk, (carry, state, out))


def chunk_size(num_envs: int, layout: Layout) -> int:
    """Environments in a chunk: the largest divisor of `num_envs` that makes at most as many agents as the path says.

    All of them if only much smaller chunks divide the number.
    """
    if layout.path.chunk_agents is None:
        return num_envs
    most = max(layout.path.chunk_agents // layout.num_agents, 1)
    size = next(size for size in range(min(most, num_envs), 0, -1) if num_envs % size == 0)
    return size if 4 * size >= min(most, num_envs) else num_envs


def _unwritten(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """An array whose content does not matter."""
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), shape)
    return jnp.zeros(shape, dtype)
