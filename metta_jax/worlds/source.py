"""What a world, or a curriculum, may be given as, and what becomes of it: rules and maps. Host code.

A world is a name; a file, YAML or JSON, of an EnvConfig; an EnvConfig; or a mapping of its fields. All who take worlds
read them here, so that each of these works everywhere, with the same errors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from metta_jax.config import EnvConfig
from metta_jax.config.yaml_file import FILE_ENDINGS, read_plain_file
from metta_jax.curriculum import AnyKind, is_curriculum, read_kind
from metta_jax.mapgen import FixedMap, GameMap, build_maps
from metta_jax.mettagrid.map_pool import MapRows, map_list
from metta_jax.worlds.registry import get_world

WorldSource: TypeAlias = str | os.PathLike[str] | EnvConfig | Mapping[str, Any]

_FORMS = "a name, an EnvConfig, a mapping of its fields, or a file of them"


def is_file(source: Any) -> bool:
    """Whether a source is a file: any path object, and text that ends in `.yaml`, `.yml` or `.json`."""
    return isinstance(source, os.PathLike) or (isinstance(source, str) and source.endswith(FILE_ENDINGS))


def is_name(source: Any) -> bool:
    """Whether a source is a name, of a world or of a curriculum."""
    return isinstance(source, str) and not is_file(source)


def read_file(path: str | os.PathLike[str]) -> EnvConfig | AnyKind:
    """What a YAML or JSON file holds: a world, which has a `game`, or a curriculum, which has a `kind` or `_target_`.

    Raises a ValueError that names the file: it cannot be read, or it is neither.
    """
    return _parsed(path, read_mapping(path))


def read_mapping(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping in a YAML or JSON file. Raises a ValueError that names the file."""
    name = os.fspath(path)
    try:
        content = read_plain_file(name)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{name}: is not a mapping of names")
    return content


def read_world(source: WorldSource, *, name: str = "world", **options: Any) -> EnvConfig:
    """The rules and the map builder of a world, however it is given.

    Args:
      source: a name, or `/env/mettagrid/<name>`; the file of an EnvConfig: a path object, or text that ends in
        `.yaml`, `.yml` or `.json`; an EnvConfig; or a mapping of its fields. A map builder may be a mapping with its
        class's name under `type`, as `EnvConfig.model_dump` writes it.
      name: of the argument, for errors.
      options: for a named world, see `worlds.get`; None is the same as not given.

    Raises:
      ValueError: no such world or file, options for a world that has no name, or a field that is not allowed.
    """
    if isinstance(source, str) and is_name(source):
        return get_world(source, **options)
    refuse_options(options, "a configuration; change the configuration instead")
    if isinstance(source, str | os.PathLike):
        found = read_file(source)
        if not isinstance(found, EnvConfig):
            raise ValueError(f"{os.fspath(source)}: holds a curriculum; {name} takes a single world")
        return found
    return read_config(source, name=name)


def read_config(source: EnvConfig | Mapping[str, Any], *, name: str = "world") -> EnvConfig:
    """An EnvConfig, or a mapping for one. Raises like `read_world`."""
    if isinstance(source, Mapping):
        source = EnvConfig.model_validate(source)
    if not isinstance(source, EnvConfig):
        raise ValueError(f"{name}: {source!r} is not a world; give {_FORMS}")
    return source


def draw_maps(config: EnvConfig, *, seed: int, num_maps: int) -> list[GameMap]:
    """A pool of maps of a world."""
    return build_maps(config.map_builder, seed=seed, num_maps=num_maps)


def given_maps(maps: MapRows | Sequence[MapRows]) -> list[GameMap]:
    """One map or several, rows of object names, as a pool. Raises a ValueError if there is none."""
    return [FixedMap(tuple(tuple(row) for row in grid)).build(_NO_RNG) for grid in map_list(maps)]


def world_name(source: Any, default: str = "custom") -> str:
    """What a world is called: its name as given, the name of its file without the ending, else `default`."""
    if is_file(source):
        return Path(source).stem
    return source if isinstance(source, str) else default


def plain_world(source: Any) -> Any:
    """A world or a curriculum in the form kept with a run: what a file holds and configurations as mappings, names as
    they are. So a run can be repeated when the file is changed, or gone."""
    if is_file(source):
        content = read_mapping(source)
        _parsed(source, content)
        return content
    return source.model_dump(mode="json") if isinstance(source, EnvConfig) else source


def refuse_options(options: Mapping[str, Any], given: str) -> None:
    """Raise a ValueError for the first option that is not None: what it is given together with rules it out."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name}: {value!r} is given together with {given}")


def _parsed(path: str | os.PathLike[str], content: Mapping[str, Any]) -> EnvConfig | AnyKind:
    try:
        if "game" in content:
            return EnvConfig.model_validate(content)
        if is_curriculum(content):
            return read_kind(content)
    except ValueError as error:
        is_incomplete = "game" in content and "Field required" in str(error)
        hint = "; `metta-jax worlds show default --out FILE` writes a complete one" if is_incomplete else ""
        raise ValueError(f"{os.fspath(path)}: {error}{hint}") from None
    if "type" in content or "_target_" in content:
        needed = "a world is a game and a map_builder"
        raise ValueError(f"{os.fspath(path)}: is a map builder or a scene alone; {needed}")
    raise ValueError(f"{os.fspath(path)}: has neither a game, as a world has, nor the kind of a curriculum")


_NO_RNG: Any = None  # a fixed map draws nothing
