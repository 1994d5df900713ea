"""The training functions on several devices."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from metta_jax.agent.device import device_name
from metta_jax.core.device import Device
from metta_jax.parallel.divided_curriculum import DividedCurriculum
from metta_jax.parallel.divided_env import DividedEnv, divide_env
from metta_jax.parallel.divided_gradient import divided_final_value, divided_gradient
from metta_jax.parallel.mesh import Devices, env_mesh
from metta_jax.parallel.own_rows import OwnRows
from metta_jax.parallel.placement import train_state_shardings
from metta_jax.parallel.spread import spread, whole
from metta_jax.parallel.whole_rows import WholeRows
from metta_jax.rl import Experience, GradientFn, TrainingComponents, TrainState
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.programs import programs_of
from metta_jax.rl.rows import Rows
from metta_jax.rl.train_state import Params

_Tree = TypeVar("_Tree")


@dataclass(frozen=True, eq=False)
class ShardedTraining(TrainingComponents):
    """The TrainingComponents of a run whose environments are divided among devices; made by `shard_training`.

    Has the same methods, with the results of one device up to the rounding of sums. The states and batches that they
    return are placed correctly; `place` places a state from elsewhere.

    Each device steps its own environments without communicating. After a rollout, one exchange copies all rows to all
    devices, unless `TrainerConfig.row_groups` makes that unnecessary. Each device trains on its share of the rows of
    every minibatch; then the gradients are averaged. What `divide_env` and `divided_gradient` do not handle, such as a
    network that mixes rows, is divided by the compiler, which is slower. For curricula, see `DividedCurriculum`.
    """

    mesh: Mesh

    @functools.cached_property
    def shardings(self) -> Any:
        """The sharding of every array of a state, as a pytree like it."""
        return jax.tree.map(lambda leaf: leaf.sharding, self.state_shapes())

    @property
    def device(self) -> Device | None:
        """None if there are several devices."""
        return super().device if self.mesh.size == 1 else None

    def state_shapes(self) -> TrainState:
        """As on one device, with the sharding of each array."""
        shapes = jax.eval_shape(super().init, jax.random.key(0))
        shardings = train_state_shardings(self, shapes, self.mesh)
        return jax.tree.map(
            lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), shapes, shardings
        )

    def place(self, tree: _Tree) -> _Tree:
        """Put a state where it belongs, and anything else on every device; copies only what is elsewhere."""
        if isinstance(tree, TrainState):
            return spread(tree, self.shardings)
        return spread(tree, jax.tree.map(lambda _: NamedSharding(self.mesh, PartitionSpec()), tree))

    def whole(self, tree: _Tree) -> _Tree:
        """Make arrays fully readable in this process. In a run of several processes, all of them must call it."""
        return whole(tree, self.mesh)

    def init(
        self, key: jax.Array, params: Params | None = None, weight_limits: Mapping[str, float] | None = None
    ) -> TrainState:
        """The state before the first rollout, as on one device."""
        return self.place(super().init(key, params, weight_limits))

    def update(self, state: TrainState, batch: Experience) -> tuple[TrainState, dict[str, jax.Array]]:
        """The whole training phase on one rollout."""
        state, metrics = super().update(state, batch)
        return self.place(state), metrics

    def train_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """`rollout`, then `update`, in one program that donates `state`."""
        state, metrics = super().train_step(state)
        return self.place(state), metrics

    def rollout(self, state: TrainState) -> tuple[TrainState, Experience]:
        """`reset_for_rollout` and all steps in one program. The batch is also `state.experience`."""
        state, _ = super().rollout(state)
        return state, state.experience

    def _act(self, name: str, state: TrainState) -> Any:
        return self._placed(super()._act(name, state))

    def _learn(self, name: str, state: TrainState, *args: Any) -> Any:
        return self._placed(super()._learn(name, state, *args))

    def _placed(self, result: Any) -> Any:
        return self.place(result) if isinstance(result, TrainState) else (self.place(result[0]), *result[1:])


def shard_training(training: TrainingComponents, devices: Devices = None) -> ShardedTraining:
    """The training functions on several devices.

    Args:
      training: the TrainingComponents, of an environment that was made without `device`.
      devices: a mesh, devices, or a number of them; None: all.

    Raises:
      ValueError: as `env_mesh`; the environments, or the rows of the buffer or of a minibatch, cannot be divided
        evenly (the message suggests numbers that can); or the environment was created with a `device`.
    """
    mesh, device = env_mesh(devices), training.device
    if device is not None and {device} != set(mesh.devices.flat):
        raise ValueError(
            f"device: the environment was put on {device_name(device)}, so it cannot be divided among {mesh.size} "
            "devices; make it without device="
        )
    plan = divided_plan(training.plan, mesh)
    sharded = ShardedTraining(plan, training.config, training.timer, programs_of(plan), mesh)
    _ = sharded.shardings  # says what cannot be divided
    return sharded


def divided_plan(plan: TrainingPlan, mesh: Mesh) -> TrainingPlan:
    """The plan whose functions run on all devices of a mesh."""
    if mesh.size == 1:
        return plan
    env, gradient = divide_env(plan.env, mesh), divided_gradient(plan, mesh)
    copies = None
    if isinstance(env, DividedEnv) and plan.curriculum is not None:
        copies = DividedCurriculum(plan.curriculum, mesh)
    return dataclasses.replace(
        plan,
        env=env,
        gradient_fn=gradient,
        final_value_fn=divided_final_value(plan, mesh),
        rows=_divided_rows(plan, mesh, gradient),
        copies=copies,
    )


def _divided_rows(plan: TrainingPlan, mesh: Mesh, gradient: GradientFn) -> Rows:
    """Where minibatches get their rows from on several devices."""
    if gradient is plan.gradient_fn:
        return plan.rows  # where the compiler divides the gradient, it needs rows that are divided
    # Values that are written back go to rows anywhere in the buffer.
    if plan.layout.row_groups % mesh.size or plan.options.value_write_back:
        return WholeRows(mesh)
    return OwnRows(mesh)


def divide_training(training: TrainingComponents, device: Device | None = None) -> TrainingComponents:
    """The run on as many devices as its configuration says: `training` itself on one, else a `ShardedTraining`.

    Args:
      training: the TrainingComponents; if it is divided already, it is returned unchanged.
      device: any device of the kind to use; None: JAX's default kind.

    Raises:
      ValueError: as `shard_training`.
    """
    if isinstance(training, ShardedTraining):
        return training
    several = jax.process_count() > 1
    wanted = training.config.devices or ("all" if several else 1)
    if wanted == 1 and not several:
        return training
    available = jax.devices() if device is None else jax.devices(device.platform)
    if wanted != "all" and (wanted > len(available) or (several and wanted != len(available))):
        allowed = str(len(available)) if several else f"1..{len(available)}"
        raise ValueError(
            f"devices: {wanted} is not in {allowed}, the number of available devices; 'all' uses all of them"
        )
    return shard_training(training, available if wanted == "all" else available[:wanted])
