"""Several runs at once, in one program: every array has a leading axis P of members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from metta_jax.core.pytree import PyTree
from metta_jax.parallel.folded_env import fold_env
from metta_jax.parallel.mesh import ENVS, env_mesh
from metta_jax.parallel.placement import Devices
from metta_jax.rl import Hyperparameters, Training, TrainingComponents, TrainState

# What a run has learned, as opposed to the state of its environments.
_LEARNED = ("params", "opt_state", "grads", "l2_init", "weight_limits")


class PopulationStep(Protocol):
    """One update of every member, compiled."""

    def __call__(
        self, states: TrainState, hyperparameters: Hyperparameters | None = None
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        """The next states, and metrics `[P]` each; donates `states`.

        Args:
          states: with a leading axis P. hyperparameters: `[P]` each, of the same structure as those that the step was
            made with, for this update; None: those.
        """
        ...


def init_population(training: Training, keys: jax.Array) -> TrainState:
    """The first states of P runs of one configuration; run i is `training.init(keys[i])`."""
    # One after another, by the compiled `init`: a network's matrix factorizations take minutes under vmap on a CPU.
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[training.init(keys[i]) for i in range(keys.shape[0])])


def population_step(
    training: TrainingComponents,
    hyperparameters: Sequence[Hyperparameters] | Hyperparameters | None = None,
    *,
    together: bool | None = None,
) -> PopulationStep:
    """`training.train_step` for states with a leading axis P, as one program.

    States that `shard_population` has divided among devices stay there: each device trains its own members without
    communicating.

    Args:
      training: the TrainingComponents.
      hyperparameters: those of each of the P members, from bundles that differ only in numbers, or already stacked;
        None: all members use those of `training`.
      together: False: members take turns, each with the same bits as a separate run, at the cost of separate runs.
        True: all at once, for accelerators that one member cannot fill; environments are folded into one batch,
        networks are vectorized, and sums round differently. None: together on the wide path, else in turns.

    Raises:
      ValueError: a term of the loss is off for one member and on for another; or `together` with a curriculum or an
        environment of your own.
    """
    if hyperparameters is None or isinstance(hyperparameters, Hyperparameters):
        numbers = hyperparameters
    else:
        numbers = stack_hyperparameters(hyperparameters)
    if together is None:
        together = training.plan.path.is_wide and fold_env(training.plan.env) is not None
    if together:
        env = fold_env(training.plan.env)
        if env is None:
            raise ValueError("together: needs an Environment without a curriculum, so that its batches can be merged")
        training = training.with_plan(env=env)
    programs: dict[Mesh | None, Callable[..., Any]] = {}

    def step(
        states: TrainState, hyperparameters: Hyperparameters | None = None
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        chosen = numbers if hyperparameters is None else hyperparameters
        if chosen is None:
            size = _size(states)
            chosen = jax.tree.map(lambda x: jnp.broadcast_to(x, (size, *x.shape)), training.hyperparameters)
        mesh = _mesh_of(states)
        if mesh not in programs:
            programs[mesh] = _compile(training, together, mesh)
        return programs[mesh](chosen, training.plan.env.params, states)

    return step


def stack_hyperparameters(members: Sequence[Hyperparameters]) -> Hyperparameters:
    """The numbers of P members as one bundle of `[P]` arrays.

    Raises:
      ValueError: a term of the loss is off for one member and on for another.
    """
    structures = {jax.tree.structure(member) for member in members}
    if len(structures) != 1:
        terms = ("warmup_rollouts", "l2_reg_loss_coef", "l2_init_loss_coef", "target_kl", "grad_stats_interval")
        mixed = [name for name in terms if len({getattr(member, name) is None for member in members}) > 1]
        raise ValueError(
            f"hyperparameters: members differ in more than numbers ({', '.join(mixed) or 'their teachers'}); what is "
            "None for one is to be None for all"
        )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def member(population: TrainState, index: int) -> TrainState:
    """The state of one run, which continues alone with `training.train_step`."""
    return jax.tree.map(lambda x: x[index], population)


def inherit(population: TrainState, sources: Sequence[int] | jax.Array) -> TrainState:
    """Copy to each member i what member `sources[i]` has learned.

    That is its parameters and its optimizer state. Environments, random keys and schedules stay those of member i.

    Raises:
      ValueError: not one source for each member, or a source that does not exist.
    """
    size, index = _size(population), np.asarray(sources)
    if index.shape != (size,) or index.min() < 0 or index.max() >= size:
        raise ValueError(f"sources: {index.tolist()} is not {size} numbers in 0..{size - 1}, one for each member")
    rows = jnp.asarray(index, jnp.int32)

    def chosen(x: jax.Array) -> jax.Array:
        return jax.device_put(x[rows], x.sharding)  # members stay on their devices

    learned = {name: jax.tree.map(chosen, getattr(population, name)) for name in _LEARNED}
    return population.replace(**learned)


def shard_population(population: TrainState, devices: Devices = None) -> TrainState:
    """The same states with whole runs divided among devices: no communication at all.

    Raises:
      ValueError: the number of runs cannot be divided evenly.
    """
    mesh = devices if isinstance(devices, Mesh) else env_mesh(devices)
    size = _size(population)
    if size % mesh.size:
        raise ValueError(f"population: {size} runs cannot be divided among {mesh.size} devices")
    return jax.device_put(population, NamedSharding(mesh, PartitionSpec(ENVS)))


def _compile(training: TrainingComponents, together: bool, mesh: Mesh | None) -> Callable[..., Any]:
    train_step = training.programs.train_step

    def step(numbers: Hyperparameters, env_params: PyTree, states: TrainState) -> tuple[TrainState, Any]:
        if together:
            return jax.vmap(train_step, in_axes=(0, None, 0))(numbers, env_params, states)
        # A loop instead of a batch: vmap cannot skip branches, so every step would compute a reset of all environments.
        return jax.lax.map(lambda one: train_step(one[0], env_params, one[1]), (numbers, states))

    if mesh is not None:
        members, shared = PartitionSpec(ENVS), PartitionSpec()
        specs: dict[str, Any] = {"in_specs": (members, shared, members), "out_specs": members}
        step = jax.shard_map(step, mesh=mesh, **specs, check_vma=False)
    return jax.jit(step, donate_argnums=2)


def _mesh_of(states: TrainState) -> Mesh | None:
    """The devices among which members are divided; None if they are on one, or are being traced."""
    first = jax.tree.leaves(states)[0]
    if isinstance(first, Tracer):
        return None
    sharding = first.sharding
    if isinstance(sharding, NamedSharding) and sharding.mesh.size > 1 and sharding.spec[:1] == (ENVS,):
        mesh = sharding.mesh
        return mesh if isinstance(mesh, Mesh) else None
    return None


def _size(population: TrainState) -> int:
    return jax.tree.leaves(population)[0].shape[0]
