"""The configuration of a run from a file, from `--set`, and from the options that have a name of their own."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from metta_jax.config import run_directories
from metta_jax.config.base import deep_merge
from metta_jax.config.yaml_file import read_yaml
from metta_jax.monitor import RunConfig
from metta_jax.trainer import make_run
from metta_jax.trainer.train import named_world
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.source import world_name

_RUN_FIELDS = frozenset(RunConfig.model_fields)
_WORLD_FIELDS = frozenset({"curriculum", "env"})
_WHOLE = frozenset({"num_envs", "num_agents", "width", "height", "seed", "num_maps"})


def read_run(path: Path) -> RunConfig:
    """The run that a file describes; see `run_from`."""
    return _make(_read(path), {}, None)


def given_file(options: argparse.Namespace) -> dict[str, Any]:
    """What `--config` holds, {} without it. To be read once: it may be a pipe.

    A file holds a RunConfig (`run_config.json` of an earlier run) or the fields of a TrainerConfig.
    """
    return _read(options.config) if options.config is not None else {}


def run_from(options: argparse.Namespace, file: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from the options of `train`: `given_file`, then `--set`, then the rest."""
    if options.preset is not None and options.config is not None:
        raise ValueError(f"--preset: {options.preset!r} is given together with --config; give one of them")
    data = dict(file)
    settings = _settings(options.set)
    if options.world is not None or not _WORLD_FIELDS.isdisjoint(settings):
        data = _without_world(data)
    trainer: dict[str, Any] = deep_merge(data.get("trainer", {}), settings)
    if options.total_timesteps is not None:
        trainer["total_timesteps"] = options.total_timesteps
    if options.run_dir is not None:
        trainer["run_dir"] = str(options.run_dir)
    if options.devices is not None:
        trainer["devices"] = options.devices
    chosen = {"curriculum_path": options.world, "num_envs": options.num_envs, "seed": options.seed}
    environment = dict(data.get("environment", {})) | {name: x for name, x in chosen.items() if x is not None}
    changes = {"trainer": trainer, "environment": environment}
    changes |= {name: x for name, x in {"agent": options.agent, "seed": options.seed}.items() if x is not None}
    return _make(data, changes, options.preset)


def wanted_devices(options: argparse.Namespace, file: Mapping[str, Any]) -> Any:
    """The `TrainerConfig.devices` that the options of `train` or their file give, or None. Does not start JAX."""
    given = deep_merge(file.get("trainer", {}), _settings(options.set)).get("devices")
    return given if options.devices is None else options.devices


def _make(data: Mapping[str, Any], changes: Mapping[str, Any], preset: str | None) -> RunConfig:
    data = {**data, **changes}
    trainer, environment = dict(data.get("trainer", {})), dict(data.get("environment", {}))
    _check_environment(environment)
    seed = 0 if data.get("seed") is None else data["seed"]
    _check_whole("seed", seed, low=0)
    world = environment.pop("curriculum_path", None)
    if "env_config" not in environment:
        world = named_world(world, trainer)
    if "run_dir" not in trainer:
        # The same command must find the same directory, so it is named after the world and not after the time.
        trainer["run_dir"] = run_directories(world_name(world).strip("/").replace("/", "_")).run_dir
    num_envs = environment.pop("num_envs", None)
    maps_seed = {"seed": environment.pop("seed", seed)}
    return make_run(
        world,
        data.get("agent", "fast"),
        preset=preset,
        num_envs=num_envs,
        seed=seed,
        environment=environment | maps_seed,
        **trainer,
    )


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path)
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise ValueError(f"{path}: is not a mapping of names")
    if not {"trainer", "environment", "agent"} & data.keys():
        return {"trainer": data}
    unknown = sorted(data.keys() - _RUN_FIELDS)
    if unknown:
        raise ValueError(f"{path}: {unknown[0]} is not a field of a run; there are {', '.join(sorted(_RUN_FIELDS))}")
    for name in ("trainer", "environment"):
        if not isinstance(data.get(name, {}), dict):
            raise ValueError(f"{path}: {name} is not a mapping")
    world = data.get("environment", {}).get("curriculum_path")
    if world is None:
        return data
    # A saved run names its world here; what its trainer's configuration has may be a default.
    data = _without_world(data)
    return {**data, "environment": {**data["environment"], "curriculum_path": world}}


def _without_world(data: Mapping[str, Any]) -> dict[str, Any]:
    """A file's content for a world that is named elsewhere."""
    trainer = {name: value for name, value in data.get("trainer", {}).items() if name not in _WORLD_FIELDS}
    environment = {name: value for name, value in data.get("environment", {}).items() if name != "curriculum_path"}
    return {**data, "trainer": trainer, "environment": environment}


def _check_environment(environment: Mapping[str, Any]) -> None:
    """Check the names and the numbers: Python would report them as a bug in a program."""
    known = inspect.signature(Environment).parameters.keys() - {"device"}
    for name, value in environment.items():
        if name == "device":
            raise ValueError("environment.device: is not part of a run; use --device")
        if name not in known:
            raise ValueError(f"environment.{name}: is not known; there are {', '.join(sorted(known))}")
        if name in _WHOLE and value is not None:
            _check_whole(f"environment.{name}", value, low=0 if name == "seed" else 1)


def _check_whole(name: str, value: Any, *, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**32:
        raise ValueError(f"{name}: {value!r} is not a whole number in {low}..{2**32 - 1}")


def _settings(texts: Iterable[str]) -> dict[str, Any]:
    """`ppo.clip_coef=0.1` as nested mappings; values are read as YAML."""
    found: dict[str, Any] = {}
    for text in texts:
        path, is_given, value = text.partition("=")
        if not is_given or not path:
            raise ValueError(f"--set: {text!r} is not <field>=<value>, such as ppo.clip_coef=0.1")
        try:
            nested: Any = _number(value) if _number(value) is not None else yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"--set: the value of {text!r} cannot be read") from None
        for name in reversed(path.split(".")):
            nested = {name: nested}
        found = deep_merge(found, nested)
    return found


def _number(text: str) -> int | float | None:
    """As people write them: YAML takes 3e-4 for a text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None
