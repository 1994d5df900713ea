"""Where the arrays of a training state live.

N environments of A agents, S rows of the buffer. Environment i, its agents and their rows are on the same device
if the buffer has one round, whose rows are in the order of the agents and so of the environments. Rows of several
rounds are not.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from metta_jax.parallel.divisors import DividedSizes
from metta_jax.parallel.mesh import ENVS, Devices, env_mesh
from metta_jax.rl import TrainingComponents, TrainState

_Tree = TypeVar("_Tree")

# Fields of a TrainState by the axis that is divided; all others are the same on every device.
_DIVIDED_AXIS = {
    **dict.fromkeys(("env_state", "reward", "done", "truncated", "final_value"), 0),
    **dict.fromkeys(("experience", "episodes"), 0),
    **dict.fromkeys(("recurrent", "teacher_recurrent"), 1),  # [L, N * A, H]
}


def train_state_shardings(training: TrainingComponents, state: TrainState, devices: Devices = None) -> Any:
    """The sharding of every array of a TrainState: a pytree like `state`.

    Args:
      training: the TrainingComponents.
      state: a TrainState of it, or its shapes (`jax.eval_shape`).
      devices: a mesh of `env_mesh`, or what it takes.

    Raises:
      ValueError: the environments, or the rows of the buffer or of a minibatch, cannot be divided evenly; says which
        numbers could.
    """
    mesh = env_mesh(devices)
    DividedSizes.of_layout(training.plan.layout, training.plan.num_envs).check(mesh.size)
    fields = {
        name: jax.tree.map(functools.partial(_sharding, mesh, _DIVIDED_AXIS.get(name)), value)
        for name, value in vars(state).items()
    }
    return state.replace(**fields)


def shard_train_state(training: TrainingComponents, state: TrainState, devices: Devices = None) -> TrainState:
    """The same state, its environments divided among devices and the rest of it on each of them.

    All functions of `training` then run on all of these devices, divided by the compiler; values agree with those of
    one device except for the rounding of sums. `shard_training` divides by hand, which is faster. Arguments and errors
    as `train_state_shardings`. Put a state that was loaded from a checkpoint through it again.
    """
    return jax.device_put(state, train_state_shardings(training, state, devices))


def shard_params(params: _Tree, devices: Devices = None) -> _Tree:
    """Arrays that all devices need in full (parameters of an environment or an agent), on each of them."""
    mesh = env_mesh(devices)
    return jax.device_put(params, NamedSharding(mesh, PartitionSpec()))


def _sharding(mesh: Mesh, axis: int | None, array: Any) -> NamedSharding:
    # What an environment keeps for all of its batch (one key, say) has no axis to divide.
    if axis is None or array.ndim <= axis or array.shape[axis] % mesh.size:
        return NamedSharding(mesh, PartitionSpec())
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, ENVS))
