"""All rows on every device, by one exchange."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from metta_jax.parallel.mesh import ENVS
from metta_jax.rl.rows import Rows

_Tree = TypeVar("_Tree")

_WORD = 4  # bytes


@dataclass(frozen=True)
class WholeRows(Rows):
    """Every device holds the rows of all devices, and draws the rows of its minibatches from them.

    One all-gather brings them, of arrays whose numbers have 4 bytes or 1; drawing needs no other exchange.
    """

    mesh: Mesh

    def bring(self, tree: _Tree) -> _Tree:
        """Copy arrays whose first axis is divided over the mesh to every device."""
        leaves, structure = jax.tree.flatten(tree)

        def exchange(*leaves: jax.Array) -> list[jax.Array]:
            words = [_to_words(leaf) for leaf in leaves]
            everything = jax.lax.all_gather(jnp.concatenate(words), ENVS)  # [devices, words of one]
            found, start = [], 0
            for leaf, part in zip(leaves, words, strict=True):
                found.append(_from_words(everything[:, start : start + part.size], leaf))
                start += part.size
            return found

        rows, shared = PartitionSpec(ENVS), PartitionSpec()
        exchanged = jax.shard_map(exchange, mesh=self.mesh, in_specs=rows, out_specs=shared, check_vma=False)(*leaves)
        return jax.tree.unflatten(structure, exchanged)


def _to_words(array: jax.Array) -> jax.Array:
    """The bits of an array as uint32 [words], with zeros at the end of what fills no word."""
    flat = array.reshape(-1)
    if flat.dtype.itemsize == _WORD:
        return jax.lax.bitcast_convert_type(flat, jnp.uint32)
    padded = jnp.pad(jax.lax.bitcast_convert_type(flat, jnp.uint8), (0, -flat.size % _WORD))
    return jax.lax.bitcast_convert_type(padded.reshape(-1, _WORD), jnp.uint32)


def _from_words(words: jax.Array, like: jax.Array) -> jax.Array:
    """The rows of all devices, from the words of each, uint32 [devices, words]."""
    bits = words if like.dtype.itemsize == _WORD else jax.lax.bitcast_convert_type(words, jnp.uint8)
    bits = bits.reshape(words.shape[0], -1)[:, : math.prod(like.shape)]
    return jax.lax.bitcast_convert_type(bits, like.dtype).reshape(-1, *like.shape[1:])
