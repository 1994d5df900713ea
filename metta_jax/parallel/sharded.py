"""The training functions on several devices."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import jax
from jax.sharding import Mesh

from metta_jax.parallel.divided_env import divide_env
from metta_jax.parallel.divided_gradient import divided_gradient
from metta_jax.parallel.mesh import env_mesh
from metta_jax.parallel.placement import Devices, train_state_shardings


@dataclass(frozen=True, eq=False)
class ShardedTraining:
    """A TrainingComponents whose environments are divided among devices. Holds no arrays.

    `state = sharded.init(key)`, then `state, metrics = sharded.train_step(state)`, or `rollout` and `update`, as on one
    device; values agree with those of one device but for the rounding of sums. `components` has the single steps, for a
    loop that is written out; `place` puts a state that they return back where it belongs.

    Every device steps its own environments and, of each minibatch, trains on its share of the rows; what is exchanged
    are above all those rows and the gradients. What `divide_env` and `divided_gradient` leave alone, environments with
    a curriculum for example, is divided by the compiler, which is slower.

    Args:
      training: the TrainingComponents. The arrays of its environment must not have been put on a device by name.
      mesh: of `env_mesh`.

    Raises:
      ValueError: the environments, or the rows of the buffer, cannot be divided evenly.
    """

    training: Any
    mesh: Mesh = field(default_factory=env_mesh)

    def __post_init__(self) -> None:
        _ = self.shardings

    @functools.cached_property
    def components(self) -> Any:
        """The TrainingComponents whose functions run on all devices."""
        plan = self.training.plan
        fields = {"env": divide_env(plan.env, self.mesh), "gradient_fn": divided_gradient(plan, self.mesh)}
        return self.training.with_plan(**fields)

    @functools.cached_property
    def shardings(self) -> Any:
        """The sharding of every array of a state, as a pytree like it."""
        shapes = jax.eval_shape(self.training.init, jax.random.key(0))
        return train_state_shardings(self.training, shapes, self.mesh)

    def place(self, state: Any) -> Any:
        """The same state, every array where it belongs; those that are there already are not copied."""
        return jax.device_put(state, self.shardings)

    def init(self, key: jax.Array, params: Any = None) -> Any:
        """The state before the first rollout, as `training.init`."""
        return self.place(self.training.init(key, params))

    def rollout(self, state: Any) -> tuple[Any, Any]:
        """`training.rollout` on all devices: state, batch."""
        state, _ = self.components.rollout(state)
        state = self.place(state)
        return state, state.experience

    def update(self, state: Any, batch: Any) -> tuple[Any, dict[str, jax.Array]]:
        """`training.update` on all devices: state, metrics."""
        state, metrics = self.components.update(state, batch)
        return self.place(state), metrics

    def train_step(self, state: Any) -> tuple[Any, dict[str, jax.Array]]:
        """`training.train_step`, which donates `state`, on all devices."""
        state, metrics = self.components.train_step(state)
        return self.place(state), metrics


def shard_training(training: Any, devices: Devices = None) -> ShardedTraining:
    """The training functions on several devices.

    Args:
      training: the TrainingComponents.
      devices: a mesh, devices, or a number of them; None: all.

    Raises:
      ValueError: as `env_mesh` and `ShardedTraining`.
    """
    return ShardedTraining(training, devices if isinstance(devices, Mesh) else env_mesh(devices))
