"""Converts the original's descriptions of builders and scenes to ours.

There, a class has a path and its parameters may stand one level deeper:

    _target_: metta.map.mapgen.MapGen
    width: 20
    root:
      type: metta.map.scenes.maze.Maze
      params: {room_size: 2}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASS_KEYS = ("type", "_target_")

_WITHOUT_EFFECT = ("_recursive_", "_convert_")  # options of the original's loader
_NAMES = {"MapGenAscii": "AsciiRoom", "CylinderWorldSequence": "CylinderWorld"}
_NAMES_OF_ROOMS = {"Random": "RandomRoom", "Ascii": "AsciiRoom"}  # there, scenes and rooms may have the same name
_NOT_SET = "???"


def class_name(value: Mapping[Any, Any]) -> str | None:
    """Our name of the class that a mapping names; None if it names none.

    Raises:
      ValueError: it names two, or the name is not text or was left open.
    """
    given = {key: value[key] for key in CLASS_KEYS if key in value}
    if not given:
        return None
    if len(given) > 1:
        raise ValueError(f"_target_: {given['_target_']!r} is given next to type: {given['type']!r}; give one of them")
    ((key, path),) = given.items()
    if path == _NOT_SET:
        raise ValueError(f"{key}: {path!r} is not set; give the name of a class")
    if not isinstance(path, str):
        raise ValueError(f"{key}: {path!r} is not the name of a class")
    *packages, name = path.split(".")
    return (_NAMES_OF_ROOMS if "room" in packages else {}).get(name) or _NAMES.get(name, name)


def parameters(value: Mapping[Any, Any]) -> dict[Any, Any]:
    """The parameters next to the name of the class, including those in `params`.

    Raises:
      ValueError: `params` is not a mapping, or a parameter is given twice or was left open.
    """
    fields = {key: item for key, item in value.items() if key not in (*CLASS_KEYS, *_WITHOUT_EFFECT, "params")}
    inner = value.get("params")
    if inner is None:
        return _filled(fields)
    if not isinstance(inner, Mapping):
        raise ValueError(f"params: {inner!r} is not a mapping")
    for key in inner:
        if key in fields:
            raise ValueError(f"{key}: given twice, also in params")
    return _filled({**fields, **inner})


def _filled(fields: dict[Any, Any]) -> dict[Any, Any]:
    for key, item in fields.items():
        if item == _NOT_SET:
            raise ValueError(f"{key}: {item!r} is not set")
    return fields
