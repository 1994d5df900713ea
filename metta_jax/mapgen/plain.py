"""Scenes and builders as plain data, and back: how they are written in YAML files.

An object is a mapping of its class's name, under "type", and its fields:

    type: RoomGrid
    rows: 2
    columns: {type: Uniform, low: 2, high: 4}
    children:
      - scene: {type: Maze, algorithm: dfs}
      - scene: {type: Random, objects: {altar: 1}}
        limit: 1
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from metta_jax.mapgen.parameters import Parameters
from metta_jax.mapgen.sampled import Sampled
from metta_jax.mapgen.scene import Scene, SceneNode

_BASES = ("Room", "Scene")  # draw nothing themselves


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


def from_plain(value: Any) -> Any:
    """The object that `plain` makes the given data of.

    Raises:
      ValueError: no class of that name, no field of that name, or a value that its field does not take.
    """
    if isinstance(value, list | tuple):
        return tuple(from_plain(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    fields = {key: from_plain(item) for key, item in value.items()}
    if "type" not in fields:
        return fields
    name = fields.pop("type")
    cls = _class_named(name)
    known = [field.name for field in dataclasses.fields(cls) if field.init]
    for field in fields:
        if field not in known:
            raise ValueError(f"{name}.{field}: there is no such parameter{_hint(field, known)}")
    try:
        return cls(**fields)
    except TypeError as error:  # a required field is missing
        raise ValueError(f"{name}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}.{error}") from None


def read_scene(path: str | Path) -> Scene:
    """Reads a scene from a YAML file; a ValueError names the file."""
    try:
        scene = from_plain(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(scene, Scene):
        raise ValueError(f"{path}: this is not a scene: {scene!r}")
    return scene


def write_scene(path: str | Path, scene: Scene) -> None:
    """Writes a scene to a YAML file."""
    Path(path).write_text(yaml.safe_dump(plain(scene), sort_keys=False), encoding="utf-8")


def _class_named(name: Any) -> type:
    classes = {cls.__name__: cls for base in (Parameters, Sampled) for cls in _subclasses(base)}
    classes = {title: cls for title, cls in classes.items() if title not in _BASES}
    if not isinstance(name, str) or name not in classes:
        raise ValueError(f"type: there is no scene, room or distribution {name!r}{_hint(name, classes)}")
    return classes[name]


def _subclasses(cls: type) -> list[type]:
    return [found for child in cls.__subclasses__() for found in (child, *_subclasses(child))]


def _hint(name: str, known: Any) -> str:
    matches = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else f"; there are {', '.join(sorted(known))}"
