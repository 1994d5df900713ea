"""Moving arrays from one device to many and back, even if no process holds all of them."""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_Tree = TypeVar("_Tree")


def spread(tree: _Tree, shardings: Any) -> _Tree:
    """Place the arrays of a tree as `shardings` says; those already there are not copied.

    Where several processes have the devices, what one process holds must be the same in all of them.
    """
    if jax.process_count() == 1 or any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree)):
        return jax.device_put(tree, shardings)
    return jax.tree.map(_spread_one, tree, shardings)


def whole(tree: _Tree, mesh: Mesh) -> _Tree:
    """Make arrays fully readable in this process; with one process, return `tree` itself.

    With several, all of them must call it, with the same arrays.
    """
    if jax.process_count() == 1:
        return tree
    shared = NamedSharding(mesh, PartitionSpec())
    there = jax.tree.map(lambda leaf: leaf.sharding if _is_global(leaf) else None, tree)
    if all(leaf is None or leaf.is_fully_replicated for leaf in jax.tree.leaves(there, is_leaf=lambda x: x is None)):
        return tree
    return moved(tree, shared)


def moved(tree: _Tree, sharding: NamedSharding) -> _Tree:
    """Arrays of several processes, all of which must call it, in another place."""
    return jax.jit(_same, out_shardings=sharding)(tree)


def _same(tree: _Tree) -> _Tree:
    # One function, not a new one for each call: it is the key of `jit`'s cache.
    return tree


def _is_global(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def _spread_one(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if isinstance(leaf, jax.Array) and leaf.sharding.is_equivalent_to(sharding, leaf.ndim):
        return leaf
    if _is_global(leaf):
        return moved(leaf, sharding)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        impl = jax.random.key_impl(leaf)
        return jax.random.wrap_key_data(_spread_one(jax.random.key_data(leaf), sharding), impl=impl)
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
