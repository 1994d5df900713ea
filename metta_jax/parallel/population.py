"""Several runs at once, in one program: every array has a leading axis P of members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from metta_jax.parallel.mesh import ENVS, env_mesh
from metta_jax.parallel.placement import Devices


def init_population(training: Any, keys: jax.Array) -> Any:
    """The first states of P runs of one configuration; run i is `training.init(keys[i])`."""
    # One after another, by the compiled `init`: a network's matrix factorizations take minutes under vmap on a CPU.
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[training.init(key) for key in keys])


def population_step(training: Any) -> Callable[[Any], tuple[Any, dict[str, jax.Array]]]:
    """`training.train_step` for states with a leading axis P: a compiled function that donates them.

    Every member goes the way that it would go alone, but for the rounding of sums. Branches are not skipped under vmap:
    episodes are begun anew in every step and thrown away where none ended, so members should be many and small.
    """
    return jax.jit(jax.vmap(lambda state: training.train_step(state)), donate_argnums=0)


def member(population: Any, index: int) -> Any:
    """The state of one run, which goes on alone with `training.train_step`."""
    return jax.tree.map(lambda x: x[index], population)


def shard_population(population: Any, devices: Devices = None) -> Any:
    """The same states with whole runs divided among devices: no communication at all.

    Raises:
      ValueError: the number of runs cannot be divided evenly.
    """
    mesh = devices if isinstance(devices, Mesh) else env_mesh(devices)
    size = jax.tree.leaves(population)[0].shape[0]
    if size % mesh.size:
        raise ValueError(f"population: {size} runs cannot be divided among {mesh.size} devices")
    return jax.device_put(population, NamedSharding(mesh, PartitionSpec(ENVS)))
