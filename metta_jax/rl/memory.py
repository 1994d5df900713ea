"""How much memory a run takes, from its compiled programs, and a sentence for when there is not enough."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import psutil
from jax.errors import JaxRuntimeError
from jax.stages import Wrapped

from metta_jax.agent.device import default_device, device_name
from metta_jax.core.device import Device
from metta_jax.core.pytree import PyTree
from metta_jax.monitor.device_facts import device_memory
from metta_jax.rl.components import TrainingComponents
from metta_jax.rl.programs import ACTING_FIELDS
from metta_jax.rl.train_state import TrainState

# How XLA says it, on its devices.
_NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")
_ASKED = re.compile(r"allocat\w+ ([\d.]+ ?(?:bytes|[KMGT]i?B))")

# Fields of a TrainState that grow with the environments.
_PER_ENVIRONMENT = (*(name for name in ACTING_FIELDS if name != "teacher_params"), "episodes")


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes of one device that `rollout` and `update` take in turn: `fixed + num_envs * environment +
    max(num_envs * rollout, minibatch_size * minibatch_step)`.

    fixed: the policy, its optimizer and gradients, twice, and the environments' rules and maps. environment: what is
    kept of each, its agents' rows of the buffer included. rollout: what it takes on top of that while it is played: the
    next buffer and temporary arrays. minibatch_step: temporary arrays of an update for each agent-step of a minibatch.
    In a run that is divided among devices, each of them holds some of the environments; the numbers are then the
    device's bytes divided by the environments, or the minibatch, of the whole run.

    `train_step`, which donates its state, takes less by about a buffer. What the compiler sets aside for code, and what
    a device's allocator loses between arrays, is not in it: leave a tenth free.
    """

    fixed: int
    environment: int
    rollout: int
    minibatch_step: int
    num_envs: int
    batch_size: int
    minibatch_size: int
    horizon: int

    @property
    def total(self) -> int:
        """Bytes with these sizes."""
        playing, learning = self.num_envs * self.rollout, self.minibatch_size * self.minibatch_step
        return self.fixed + self.num_envs * self.environment + max(playing, learning)

    def fitted(self, limit: int) -> MemoryNeeds | None:
        """The first sizes by halving that take at most `limit` bytes, or None.

        Minibatches become smaller first, while they take most; then environments, and the batch with them.
        """
        needs = self
        while needs.total > limit:
            learning, playing = needs.minibatch_size * needs.minibatch_step, needs.num_envs * needs.rollout
            half = _half_minibatch(needs) if learning > playing else None
            half = half or _half_environments(needs) or _half_minibatch(needs)
            if half is None:
                return None
            needs = half
        return needs

    def scaled(self, num_envs: int) -> MemoryNeeds:
        """With other environments, each with as many rows of the buffer as now; minibatches stay."""
        batch_size = self.batch_size * num_envs // self.num_envs
        return dataclasses.replace(self, num_envs=num_envs, batch_size=batch_size)


def memory_needs(training: TrainingComponents, state: TrainState | None = None) -> MemoryNeeds:
    """What a run takes on one device, from the sizes that the compiler reports of its programs.

    A program that has run is not compiled again; others are, which takes as long as their first call.

    Args:
      training: the TrainingComponents.
      state: a state of it, of which only shapes and places are read; None: those of `init`.

    Raises:
      ValueError: the compiler reports no sizes.
    """
    shapes = training.state_shapes()
    if state is not None:
        shapes = jax.tree.map(_shape, state, shapes)
    params, layout = training.plan.env.params, training.plan.layout
    programs, numbers = training.programs, training.hyperparameters
    rollout = _sizes(programs.rollout, numbers, params, shapes.replace(experience=None))
    update = _sizes(programs.update, numbers, shapes.replace(**dict.fromkeys(ACTING_FIELDS)), shapes.experience)
    num_envs = training.plan.num_envs
    of_environments = _bytes_of_one([getattr(shapes, name) for name in _PER_ENVIRONMENT])
    fixed = _bytes_of_one((params, shapes)) - of_environments + update.output_size_in_bytes - update.alias_size_in_bytes
    played = rollout.output_size_in_bytes - rollout.alias_size_in_bytes + rollout.temp_size_in_bytes
    return MemoryNeeds(
        fixed=fixed,
        environment=-(-of_environments // num_envs),
        rollout=-(-played // num_envs),
        minibatch_step=-(-update.temp_size_in_bytes // (layout.rows_per_minibatch * layout.horizon)),
        num_envs=num_envs,
        batch_size=layout.batch_size,
        minibatch_size=layout.rows_per_minibatch * layout.horizon,
        horizon=layout.horizon,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: on a device, or on the host."""
    if isinstance(error, JaxRuntimeError):
        return any(words in str(error) for words in _NO_MEMORY)
    return isinstance(error, MemoryError)


@contextlib.contextmanager
def explain_out_of_memory(
    training: TrainingComponents, state_fn: Callable[[], TrainState | None] | None = None
) -> Generator[None]:
    """Turn JAX's error into a MemoryError of one line: what was requested, what sizes cost, and which ones fit.

        with explain_out_of_memory(training):
            state, metrics = training.train_step(state)

    Args:
      training: the TrainingComponents.
      state_fn: returns the last state, see `memory_needs`.
    """
    try:
        yield
    except JaxRuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(_explanation(training, str(error), state_fn)) from error


def memory_limit(device: Device | None = None) -> int:
    """Bytes that JAX may use on a device (None: the default one); of a CPU, what the machine has."""
    device = default_device() if device is None else device
    return device_memory(device).get("limit") or psutil.virtual_memory().total


def num_bytes(tree: PyTree) -> int:
    """Bytes of all arrays, or shapes of arrays, of a pytree."""
    return sum(leaf.size * _item_bytes(leaf.dtype) for leaf in jax.tree.leaves(tree))


def format_bytes(count: float) -> str:
    """ "51.2 kB", "3.4 GB": powers of 1,000."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} bytes" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _explanation(training: TrainingComponents, message: str, state_fn: Callable[[], TrainState | None] | None) -> str:
    device = training.device or default_device()
    limit = memory_limit(device)
    asked = _ASKED.search(message)
    words = f"{device_name(device)} has {format_bytes(limit)} for JAX"
    if asked is not None:
        words += f", and {asked[1]} more were requested"
    try:
        needs = memory_needs(training, None if state_fn is None else state_fn())
    except (JaxRuntimeError, ValueError):  # they cannot even be compiled, or their sizes are unknown
        return f"{words}; make minibatch_size or num_envs smaller"
    words += (
        f"; this run takes {format_bytes(needs.total)}: {format_bytes(needs.minibatch_step)} for each agent-step of "
        f"minibatch_size {needs.minibatch_size}, {format_bytes(needs.environment + needs.rollout)} for each of "
        f"{needs.num_envs} environments"
    )
    if needs.total <= limit:
        return f"{words}, which would fit: something else holds memory on this device"
    fitted = needs.fitted(limit * 9 // 10)
    if fitted is None:
        return f"{words}; nothing of that kind fits"
    sizes = {name: getattr(fitted, name) for name in ("num_envs", "batch_size", "minibatch_size")}
    changed = [f"{name}={size}" for name, size in sizes.items() if size != getattr(needs, name)]
    return f"{words}; {' '.join(changed)} would fit with {format_bytes(fitted.total)}"


def _half_minibatch(needs: MemoryNeeds) -> MemoryNeeds | None:
    """None if its rows cannot be halved."""
    if needs.minibatch_size % (2 * needs.horizon):
        return None
    return dataclasses.replace(needs, minibatch_size=needs.minibatch_size // 2)


def _half_environments(needs: MemoryNeeds) -> MemoryNeeds | None:
    """None if they, or the batch, cannot be halved."""
    if needs.num_envs % 2 or needs.batch_size % (2 * needs.minibatch_size):
        return None
    return needs.scaled(needs.num_envs // 2)


def _sizes(program: Wrapped, *args: Any) -> Any:
    sizes = program.lower(*args).compile().memory_analysis()
    if sizes is None:
        raise ValueError("memory: this compiler reports no sizes of its programs")
    return sizes


def _shape(leaf: Any, planned: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """As the programs will see it. A state that was put nowhere by name was compiled as one."""
    sharding = leaf.sharding if isinstance(leaf, jax.Array) and leaf.committed else planned.sharding
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _bytes_of_one(tree: PyTree) -> int:
    """Bytes of all arrays of a pytree on one of their devices."""
    return num_bytes(jax.tree.map(_share, tree))


def _share(leaf: Any) -> jax.ShapeDtypeStruct:
    shape = leaf.shape if leaf.sharding is None else leaf.sharding.shard_shape(leaf.shape)
    return jax.ShapeDtypeStruct(shape, leaf.dtype)


def _item_bytes(dtype: Any) -> int:
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return jax.eval_shape(jax.random.key_data, jax.ShapeDtypeStruct((), dtype)).size * 4
    return jnp.dtype(dtype).itemsize
