"""A curriculum that each device copies for a rollout, and that learns from all episodes when the rollout ends.

During a rollout, each device draws tasks from its own copy and updates that copy with its own episodes at once. When
the rollout ends, the devices exchange their episodes, and the curriculum as it was before the rollout is updated with
all of them, in the order in which one device would have seen them: by time, then by environment. So all devices share
one curriculum after every rollout; only the draws within a rollout do not yet know what other devices have just found.
With fixed weights, the draws too are those of one device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from metta_jax.mettagrid import TaskChooser
from metta_jax.parallel.mesh import ENVS


@dataclass(frozen=True, eq=False)
class DividedCurriculum:
    """The `CurriculumCopies` of a mesh."""

    curriculum: TaskChooser
    mesh: Mesh

    def split(self, curriculum: Any) -> Any:
        """The state once for every device, an axis D in front of every array."""
        divided = NamedSharding(self.mesh, PartitionSpec(ENVS))

        def repeat(array: jax.Array) -> jax.Array:
            copies = jnp.broadcast_to(array[None], (self.mesh.size, *array.shape))
            return jax.lax.with_sharding_constraint(copies, divided)

        return jax.tree.map(repeat, curriculum)

    def merge(self, curriculum: Any, done: jax.Array, task: jax.Array, score: jax.Array) -> Any:
        """The state `curriculum` after the episodes of a rollout: done bool, task int32, score float32 [steps, N]."""

        def exchange(done: jax.Array, task: jax.Array, score: jax.Array) -> tuple[jax.Array, jax.Array]:
            # A special task number means that no episode ended.
            words = jnp.stack([jnp.where(done, task, -1), jax.lax.bitcast_convert_type(score, jnp.int32)])
            every = jax.lax.all_gather(words, ENVS, axis=2, tiled=True)
            return every[0].reshape(-1), jax.lax.bitcast_convert_type(every[1], jnp.float32).reshape(-1)

        by_env, shared = PartitionSpec(None, ENVS), PartitionSpec()
        ended, scores = jax.shard_map(exchange, mesh=self.mesh, in_specs=by_env, out_specs=shared, check_vma=False)(
            done, task, score
        )
        # The next tasks have been drawn already; the draws here are discarded.
        keys = jnp.broadcast_to(jax.random.key(0), ended.shape)
        return self.curriculum.advance(curriculum, jnp.maximum(ended, 0), scores, ended >= 0, keys)[0]
