"""The configuration of a run, saved with its results and loaded to repeat it."""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from metta_jax import __version__
from metta_jax.config import AgentConfig, Config, FrozenDict, TrainerConfig
from metta_jax.config.fields import Count
from metta_jax.core.frozen_dict import FrozenMapping
from metta_jax.monitor.line_file import replacing

FILE_NAME = "run_config.json"

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


class RunConfig(Config, frozen=True):
    """All that a run depends on:

    env = Environment(**run.environment)
    agent = Agent(env, run.agent)
    training = TrainingComponents.create(env, agent, run.trainer)
    state = training.init(jax.random.key(run.seed))
    """

    trainer: TrainerConfig = Field(description="How it learns.")
    environment: FrozenMapping[str, Any] = Field(
        description="Arguments of `Environment`, by name; `curriculum_path` is a name, or what a world's file holds."
    )
    agent: AgentConfig = Field(default_factory=AgentConfig, description="The policy. Default: the preset `default`.")
    seed: Count = Field(default=0, description="Of the key that the first training state is made from. Default: 0.")
    extra: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Whatever else the program wants to find again, JSON-able. Default: nothing."
    )
    versions: FrozenMapping[str, str] = Field(
        default=FrozenDict(), description="Packages that the run used, for the record. Default: none noted."
    )

    @field_validator("seed", mode="before")
    @classmethod
    def _none_means_not_given(cls, value: Any) -> Any:
        return 0 if value is None else value


def save_run_config(
    directory: str | os.PathLike[str],
    trainer: TrainerConfig,
    environment: Mapping[str, Any],
    agent: AgentConfig | Mapping[str, Any] | str = "default",
    *,
    seed: int = 0,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write `run_config.json` into a directory, which is made if it is not there, and return the file's path.

    Args:
      trainer: a TrainerConfig.
      environment: the arguments that `Environment` was made with.
      agent: what `Agent` was made with; a network that is no AgentConfig is code, and cannot be saved.
      seed: of the first training state.
      extra: anything else, JSON-able.

    Raises:
      ValueError: a value that would not come back from JSON as it was; names the field.
    """
    if not isinstance(agent, AgentConfig | Mapping | str):
        raise ValueError(
            f"agent: a {type(agent).__name__} cannot be saved; give an AgentConfig or the name of a preset"
        )
    versions = {"metta-jax": __version__, **{name: importlib.metadata.version(name) for name in _PACKAGES}}
    run = RunConfig(
        trainer=trainer,
        environment=environment,
        agent=AgentConfig.model_validate(agent),
        seed=seed,
        extra=extra or {},
        versions=versions,
    )
    path = Path(directory) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(_to_json(run), encoding="utf-8")
    return path


def load_run_config(path: str | os.PathLike[str]) -> RunConfig:
    """What `save_run_config` wrote; `path` is the directory or the file.

    Raises:
      FileNotFoundError: nothing is there.
      ValueError: it is no run configuration; names the field, or the file if it is not JSON.
    """
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    text = file.read_bytes()
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"{file}: is not JSON: {error}") from None
    return RunConfig.model_validate_json(text)


def _to_json(run: RunConfig) -> str:
    for name in ("environment", "extra"):
        for key, value in getattr(run, name).items():
            _check_plain(f"{name}.{key}", value)
    text = run.model_dump_json(indent=2)
    loaded = RunConfig.model_validate_json(text)
    for name in RunConfig.model_fields:
        if getattr(loaded, name) != getattr(run, name):
            raise ValueError(f"{name}: would not come back from JSON unchanged")
    return text


def _check_plain(path: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(f"{path}.{key}", item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            _check_plain(f"{path}.{index}", item)
    elif not (value is None or isinstance(value, bool | int | float | str)):
        raise ValueError(
            f"{path}: {type(value).__name__} is no type that JSON has; give numbers, texts, lists, mappings"
        )
