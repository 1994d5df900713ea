"""The whole state of a training run on disk, from which it continues bit for bit."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from pydantic import Field

from metta_jax.config.base import Config
from metta_jax.config.fields import Count
from metta_jax.core.frozen_dict import FrozenDict, FrozenMapping
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.rl.arguments import check_state
from metta_jax.store.arrays import check_leaves, host_copy, named_leaves
from metta_jax.store.background import BackgroundSaver
from metta_jax.store.checkpoint import read_checkpoint_arrays, read_document, write_checkpoint
from metta_jax.store.environment_facts import check_environment, environment_facts
from metta_jax.store.files import DamagedError, check_files, delete_directory, existing, plain_text
from metta_jax.store.layout import STATE, TRAINER_JSON, saved_rollout_counts, state_directory
from metta_jax.store.metadata import plain_json
from metta_jax.store.record import PolicyRecord
from metta_jax.store.uris import path_of

_OPTIMIZER = "opt_state/"
_OPTIMIZER_MISMATCH = "Optimizer state dict doesn't match."
_DESCRIPTION = ("leaves", "files")

_logger = logging.getLogger(__name__)


class TrainerInfo(Config, frozen=True):
    """What trainer.json says of a training state apart from its arrays."""

    agent_step: Count = Field(description="Agent steps so far. Required.")
    epoch: Count = Field(description="Update epochs so far. Required.")
    rollout_count: Count = Field(description="Updates so far. Required.")
    policy_path: str | None = Field(description="Directory of the policy that was saved last, or None. Required.")
    stopwatch_state: FrozenMapping[str, Any] = Field(description="For `Stopwatch.load_state`. Required.")
    trainer_config: FrozenMapping[str, Any] = Field(description="The TrainerConfig, to compare. Required.")
    environment: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="What the state needs from its environment. Default: nothing is known."
    )
    extra: FrozenMapping[str, Any] = Field(default=FrozenDict(), description="Whatever the program added.")


def save_train_state(
    dir: str | os.PathLike[str],
    state: TrainState,
    training: TrainingComponents,
    *,
    policy_path: PolicyRecord | str | os.PathLike[str] | None = None,
    stopwatch_state: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    keep: int = 2,
    background: BackgroundSaver | None = None,
) -> Path:
    """Write a training state to `dir/trainer_state/<rollout count>/` and return that directory.

    Atomic: however the process ends, what was complete before is complete afterwards. Then all but the newest `keep`
    states are deleted, and those of later rollouts, which belong to a run that this one replaces.

    Args:
      dir: the checkpoint directory.
      state: after any rollout or update.
      training: the bundle that it belongs to.
      policy_path: the policy that was saved last: a record, a uri or a path.
      stopwatch_state: None for that of `training.timer`.
      extra: anything that JSON can hold; comes back in `read_trainer_info(dir).extra`.
      keep: at least 1; with 2, a damaged state has one before it.
      background: write in its thread, after the write before it. The state is copied to host memory first, so it may be
        donated to the next step at once.

    Raises:
      ValueError: an option out of range, or a leaf that was donated to a later step; names it.
    """
    if keep < 1:
        raise ValueError(f"keep: {keep} is not at least 1")
    check_state(state)
    _check_training(training)
    directory = Path(dir).absolute()
    leaves = named_leaves(state)
    for name, leaf in leaves.items():
        if isinstance(leaf, jax.Array) and leaf.is_deleted():
            raise ValueError(f"{name}: the array was donated to a later step; save the state which that step returned")
    count = int(state.rollout_count)
    timer = training.timer.save_state() if stopwatch_state is None else stopwatch_state
    document = {
        "agent_step": int(state.agent_step),
        "epoch": int(state.epoch),
        "rollout_count": count,
        "policy_path": _stored_path(policy_path, directory),
        "stopwatch_state": plain_json(timer, "stopwatch_state"),
        "trainer_config": plain_json(training.config.model_dump(mode="json"), "trainer_config"),
        "environment": environment_facts(training.plan.env),
        "extra": plain_json(extra or {}, "extra"),
    }
    target = state_directory(directory, count)
    if background is not None:
        leaves = {name: host_copy(leaf) for name, leaf in leaves.items()}

    def write() -> None:
        write_checkpoint(target, leaves, document, json_name=TRAINER_JSON, arrays_name=STATE)
        _prune(directory, count, keep)

    if background is None:
        write()
    else:
        background.submit(write)
    return target


def load_train_state(
    dir: str | os.PathLike[str],
    training: TrainingComponents,
    *,
    like: TrainState | None = None,
    allow_fresh_optimizer: bool = False,
) -> TrainState | None:
    """The newest training state in `dir` that is whole; the run that continues from it equals an uninterrupted one.

    A truncated or damaged state is named in a warning, and the one before it is used.

    Args:
      dir: the checkpoint directory, as for `save_train_state`.
      training: the bundle that is to continue; determines which arrays are expected.
      like: a state of `training` whose devices and shardings the loaded one gets; None: where `training.init` puts it.
      allow_fresh_optimizer: begin with a fresh optimizer, with a warning, if the stored one has another structure.

    Returns:
      The state, or None if there is none: "No trainer state found at X. Assuming a new run!".

    Raises:
      DamagedError: there are training states, and all are damaged. ValueError: "Checkpoint is missing required key: X",
        an array with a different shape or dtype, which is named, a different optimizer, or an environment that differs
        in what the state depends on: maps, agents, tokens, tasks, features.
    """
    _check_training(training)
    directory = Path(dir).absolute()
    problem: DamagedError | None = None
    for path in _newest_first(directory):
        try:
            return _load(path, training, like, allow_fresh_optimizer)
        except DamagedError as error:
            problem = error
            _logger.warning("%s. Looking for the training state before it.", error)
    if problem is not None:
        raise DamagedError(f"{directory}: no training state is whole; the oldest one: {problem}")
    _logger.info("No trainer state found at %s. Assuming a new run!", dir)
    return None


def read_trainer_info(dir: str | os.PathLike[str]) -> TrainerInfo | None:
    """What is known of the training state that `load_train_state` would load, without its arrays; None if there is
    none that is whole."""
    for path in _newest_first(Path(dir).absolute()):
        try:
            document = read_document(path, TRAINER_JSON)
            check_files(path / STATE, document["files"])
            return _info(path, document)
        except DamagedError as error:
            _logger.warning("%s. Looking for the training state before it.", error)
    return None


def policies_in_use(dir: str | os.PathLike[str]) -> list[Path]:
    """Directories of the policies that the training states in `dir` name."""
    found = []
    for path in _newest_first(Path(dir).absolute()):
        try:
            info = _info(path, read_document(path, TRAINER_JSON))
        except ValueError:
            continue  # whatever it names, no run will start from it
        if info.policy_path is not None:
            found.append(Path(info.policy_path))
    return found


def _newest_first(directory: Path) -> Iterator[Path]:
    for count in reversed(saved_rollout_counts(directory)):
        yield existing(state_directory(directory, count))


def _load(path: Path, training: TrainingComponents, like: TrainState | None, allow_fresh_optimizer: bool) -> TrainState:
    document = read_document(path, TRAINER_JSON)
    _info(path, document)
    check_environment(document.get("environment", {}), training.plan.env)
    stored = document["leaves"]
    template = _template(training, stored) if like is None else like
    wanted = named_leaves(template)
    check_files(path / STATE, document["files"])  # before anything is said about the structure of what may be damaged
    rest = {name: leaf for name, leaf in wanted.items() if not name.startswith(_OPTIMIZER)}
    check_leaves({name: leaf for name, leaf in stored.items() if not name.startswith(_OPTIMIZER)}, rest)
    try:
        check_leaves(stored, wanted)
        is_fresh = False
    except ValueError as error:
        if not allow_fresh_optimizer:
            raise ValueError(
                f"{_OPTIMIZER_MISMATCH} {error}. allow_fresh_optimizer=True starts with a fresh one"
            ) from None
        _logger.warning("%s Starting with fresh optimizer state.", _OPTIMIZER_MISMATCH)
        is_fresh = True
        wanted = rest | {name: _as_stored(leaf) for name, leaf in stored.items() if name.startswith(_OPTIMIZER)}
    arrays = read_checkpoint_arrays(path, document, wanted, arrays_name=STATE)
    if is_fresh:
        prefix = jax.tree.structure(template.replace(opt_state=None))
        loaded = jax.tree.unflatten(prefix, [arrays[name] for name in rest])
        return loaded.replace(opt_state=training.optimizer.init(loaded.params))
    return jax.tree.unflatten(jax.tree.structure(template), [arrays[name] for name in wanted])


def _template(training: TrainingComponents, stored: Mapping[str, Any]) -> TrainState:
    """Shapes and dtypes of the bundle's state, for the kind of keys that is stored, where the environments are."""
    dtype = stored.get("key", {}).get("dtype")
    keys = [jax.eval_shape(lambda impl=impl: jax.random.key(0, impl=impl)) for impl in ("threefry2x32", "rbg")]
    key = next((key for key in keys if str(key.dtype) == dtype), keys[0])
    state = jax.eval_shape(training.init, key)
    if training.device is None:
        return state
    sharding = jax.sharding.SingleDeviceSharding(training.device)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), state)


def _as_stored(leaf: Mapping[str, Any]) -> jax.ShapeDtypeStruct:
    try:
        return jax.ShapeDtypeStruct(tuple(leaf["shape"]), jnp.dtype(leaf["dtype"]))
    except TypeError:
        raise ValueError(f"dtype: {leaf['dtype']!r} of the stored optimizer is not known") from None


def _info(path: Path, document: Mapping[str, Any]) -> TrainerInfo:
    known = TrainerInfo.model_fields
    fields = {name: value for name, value in document.items() if name not in _DESCRIPTION}
    for name in known:
        if name not in fields and name not in ("environment", "extra"):
            raise ValueError(f"Checkpoint is missing required key: {name}")
    unknown = {name: fields.pop(name) for name in list(fields) if name not in known}
    if unknown:
        _logger.warning("%s: has the unknown keys %s; they are kept under extra", path, sorted(unknown))
        extra = fields.get("extra")
        fields["extra"] = {**(extra if isinstance(extra, dict) else {}), **unknown}
    try:
        info = TrainerInfo.model_validate(fields)
    except ValueError as error:
        raise DamagedError(f"{path / TRAINER_JSON}: {plain_text(error)}") from None
    if info.policy_path is None:
        return info
    return info.replace(policy_path=str(path.parent.parent / info.policy_path))


def _stored_path(policy_path: PolicyRecord | str | os.PathLike[str] | None, directory: Path) -> str | None:
    """Relative to the checkpoint directory if the policy is in it, so that a run can be moved."""
    if policy_path is None:
        return None
    path = policy_path.file_path if isinstance(policy_path, PolicyRecord) else path_of(policy_path)
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)


def _prune(directory: Path, count: int, keep: int) -> None:
    counts = saved_rollout_counts(directory)
    later = [other for other in counts if other > count]
    if later:
        _logger.warning("%s: the states after rollout %s belong to a run that is replaced; deleted", directory, later)
    for other in [*later, *[other for other in counts if other <= count][:-keep]]:
        delete_directory(state_directory(directory, other))


def _check_training(training: object) -> None:
    if not (hasattr(training, "plan") and hasattr(training, "config")):
        raise ValueError(f"training: {kind_of(training)} is not a TrainingComponents")
