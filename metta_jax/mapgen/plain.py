"""Scenes and builders as plain data, and back: how they are written in YAML files.

An object is a mapping of its class's name, under "type", and its fields:

    type: RoomGrid
    rows: 2
    columns: {type: Uniform, low: 2, high: 4}
    children:
      - scene: {type: Maze, algorithm: dfs}
      - scene: {type: Random, objects: {altar: 1}}
        limit: 1

The form of the original's files is read too, see `metta_jax.mapgen.original`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from metta_jax.core.frozen_dict import FrozenDict
from metta_jax.core.hints import hint
from metta_jax.mapgen.game_map import MapBuilder
from metta_jax.mapgen.original import CLASS_KEYS, class_name, parameters
from metta_jax.mapgen.parameters import Parameters
from metta_jax.mapgen.sampled import Sampled
from metta_jax.mapgen.scene import Scene, SceneNode

_BASES = ("Room", "Scene")  # draw nothing themselves
_SCENE_FIELDS = ("root", "scene", "extra_root")  # hold a scene, or the path of a scene's file
_CLASS_OF_PARTS = {"children": "Child", "candidates": "Candidate", "content": "Candidate", "areas": "LayoutArea"}


def plain(value: Any) -> Any:
    """Scenes, builders and distributions as mappings, everything else as plain data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def scene_tree(node: SceneNode) -> dict[str, Any]:
    """The drawn scenes as plain data: type, parameters, area and children. Can be written as JSON or YAML."""
    area = node.area
    return {
        "type": type(node.scene).__name__,
        "params": {
            parameter.name: plain(getattr(node.scene, parameter.name))
            for parameter in dataclasses.fields(node.scene)
            if parameter.name not in ("children", "labels")
        },
        "area": {"x": area.x, "y": area.y, "width": area.width, "height": area.height, "tags": list(area.tags)},
        "children": [scene_tree(child) for child in node.children],
    }


class PlainError(ValueError):
    """Plain data that does not describe a valid object.

    Attributes:
      place: path of the part that is wrong, such as `root.children[0].scene`; empty: the whole.
      problem: what is wrong with it.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem


def from_plain(value: Any) -> Any:
    """Make an object from plain data, the inverse of `plain`. Also reads the form of the original's files.

    Wherever a scene is needed, the path of a scene file is accepted too.

    Raises:
      PlainError: a ValueError; no class or field of that name, or a value that its field does not accept.
    """
    return _made(value, "")


def read_builder(value: Any) -> MapBuilder:
    """Make a map builder from plain data, see `from_plain`; a builder is returned unchanged.

    Raises:
      PlainError: a ValueError, as for `from_plain`; or the data do not describe a map builder.
    """
    if isinstance(value, Mapping) and class_name(value) is None:
        raise PlainError("", "type: missing; it is the name of a map builder, as MapGen or RandomRoom")
    made = from_plain(value) if isinstance(value, Mapping) else value
    if isinstance(made, Scene):
        name = type(made).__name__
        need = f"{{type: MapGen, root: {{type: {name}, ...}}, width: ..., height: ...}}"
        raise PlainError("", f"{name} is a scene, which a MapGen draws: {need}")
    if isinstance(made, MapBuilder) and not isinstance(made, type):
        return made
    if isinstance(value, Mapping):
        raise PlainError("", f"{type(made).__name__} draws no maps; a map builder does, as MapGen or RandomRoom")
    raise PlainError("", f"{value!r} is not a map builder, it has no method build(rng)")


def with_changes(value: Any, changes: Any) -> Any:
    """Change some values of a builder or a scene, at any depth: `{"width": 8, "objects": {"altar": 3}}`.

    Mappings are merged. A mapping that names a class, a list, or anything else replaces the old value.

    Raises:
      PlainError: a ValueError, as for `from_plain`.
    """
    return _changed(value, changes, "")


def read_scene(path: str | Path) -> Scene:
    """Read a scene from a YAML file; a ValueError names the file."""
    try:
        scene = from_plain(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(scene, Scene):
        raise ValueError(f"{path}: this is not a scene: {scene!r}")
    return scene


def write_scene(path: str | Path, scene: Scene) -> None:
    """Write a scene to a YAML file."""
    Path(path).write_text(yaml.safe_dump(plain(scene), sort_keys=False), encoding="utf-8")


def _made(value: Any, place: str) -> Any:
    """`from_plain` of the part of the data at `place`."""
    if isinstance(value, list | tuple):
        return tuple(_made(item, f"{place}[{i}]") for i, item in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    try:
        name = class_name(value)
        if name is None:
            return {key: _part(key, item, place) for key, item in value.items()}
        cls = _class_named(name, value)
        known = _field_names(cls)
        given = _known_parameters(name, known, value)
        fields = {key: _part(key, item, place) for key, item in given.items()}
        for field in dataclasses.fields(cls):
            is_needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            if field.init and is_needed and field.name not in fields:
                raise ValueError(f"{name}.{field.name}: is missing")
        return _named(name, known, lambda parts: cls(**parts), fields)
    except PlainError:
        raise
    except ValueError as error:
        raise PlainError(place, str(error)) from None


def _changed(old: Any, changes: Any, place: str) -> Any:
    if not isinstance(changes, Mapping) or any(key in changes for key in CLASS_KEYS):
        return _made(changes, place)
    if isinstance(old, Mapping):
        merged = {key: _changed(old.get(key), item, _at(place, key)) for key, item in changes.items()}
        return FrozenDict({**old, **merged})
    if not dataclasses.is_dataclass(old) or isinstance(old, type):
        return _made(changes, place)
    name = type(old).__name__
    known = _field_names(type(old))
    try:
        given = _known_parameters(name, known, changes)
        fields = {}
        for key, item in given.items():
            merged = isinstance(item, Mapping)
            fields[key] = _changed(getattr(old, key), item, _at(place, key)) if merged else _part(key, item, place)
        return _named(name, known, lambda parts: dataclasses.replace(old, **parts), fields)
    except PlainError:
        raise
    except ValueError as error:
        raise PlainError(place, str(error)) from None


def _field_names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]


def _known_parameters(name: str, known: list[str], value: Mapping[Any, Any]) -> dict[Any, Any]:
    given = _named(name, (*known, "params"), parameters, value)
    for key in given:
        if key not in known:
            raise ValueError(f"{name}.{key}: there is no such parameter{hint(key, known)}")
    return given


def _at(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _part(key: Any, value: Any, place: str) -> Any:
    """Read the value of a field. Some fields know the class of their parts, which then need not name it."""
    inner = _at(place, key)
    if key in _SCENE_FIELDS and isinstance(value, str):
        try:
            return read_scene(value)
        except ValueError as error:
            raise PlainError(inner, str(error)) from None
    cls = _CLASS_OF_PARTS.get(key)
    if cls is not None and isinstance(value, list | tuple):
        value = [_with_class(item, cls) for item in value]
    return _made(value, inner)


def _with_class(value: Any, cls: str) -> Any:
    if not isinstance(value, Mapping) or any(key in value for key in CLASS_KEYS):
        return value
    return {"type": cls, **value}


def _named(name: str, known: Iterable[str], make: Callable[[Any], Any], value: Any) -> Any:
    """Call `make(value)`; errors name the class, and the parameter if they begin with one."""
    try:
        return make(value)
    except (ValueError, TypeError, AttributeError) as error:  # the last two: a value of a kind that nobody checks
        field = str(error).split(":")[0].split(".")[0]
        raise ValueError(f"{name}{'.' if field in known else ': '}{error}") from None


def _class_named(name: str, value: Mapping[Any, Any]) -> type:
    classes = {cls.__name__: cls for base in (Parameters, Sampled) for cls in _subclasses(base)}
    known = {title: cls for title, cls in classes.items() if title not in _BASES and not title.startswith("_")}
    if name not in known:
        key = next(key for key in CLASS_KEYS if key in value)
        raise ValueError(f"{key}: there is no scene, room or distribution {value[key]!r}{hint(name, known)}")
    return known[name]


def _subclasses(cls: type) -> list[type]:
    return [found for child in cls.__subclasses__() for found in (child, *_subclasses(child))]
