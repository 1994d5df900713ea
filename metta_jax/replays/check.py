"""Whether something is a replay of format 1. Trusts nothing but that it came out of a JSON parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

VERSION = 1  # the one that is written, and the only one that is read
MAX_SIDE = 10_000  # cells of a map's side
MAX_STEPS = 1_000_000
MAX_OBJECTS = 1_000_000
MAX_NUMBER = 2**53  # larger whole numbers are not exact in a browser

_COUNTS = {
    *("id", "agent_id", "layer", "type", "type_id", "agent:group", "agent:frozen", "agent:orientation"),
    *("agent:color", "agent:glyph", "converting", "swappable", "orientation", "frozen", "r", "c"),
}
_BARE = ("id", "type", "type_name", "layer", "agent_id")
_REQUIRED = ("id", "type", "r", "c")


def check_replay(data: object) -> None:
    """Raise a ValueError that names the place and what is wrong there, unless `data` is a replay."""
    if not isinstance(data, dict):
        raise ValueError(f"not a replay: {_kind(data)} instead of an object")
    version = data.get("version")
    if version is None:
        raise ValueError(f"version: missing; a replay has version {VERSION}")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"version: {_short(version)} is not {VERSION}, the only one that can be read")
    for key in ("action_names", "object_types", "map_size", "num_agents", "max_steps", "grid_objects"):
        if key not in data:
            raise ValueError(f"{key}: missing")
    for key in ("action_names", "object_types", "inventory_items"):
        _check_names(key, data.get(key, []))
    size = data["map_size"]
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError(f"map_size: {_short(size)} is not [width, height]")
    _check_range("map_size[0]", size[0], 1, MAX_SIDE)
    _check_range("map_size[1]", size[1], 1, MAX_SIDE)
    _check_range("max_steps", data["max_steps"], 1, MAX_STEPS)
    objects = data["grid_objects"]
    if not isinstance(objects, list) or len(objects) > MAX_OBJECTS:
        raise ValueError(f"grid_objects: {_kind(objects)} is not a list of at most {MAX_OBJECTS} objects")
    _check_range("num_agents", data["num_agents"], 0, len(objects))
    if not isinstance(data.get("config", {}), dict):
        raise ValueError(f"config: {_kind(data['config'])} is not an object")
    for index, thing in enumerate(objects):
        _check_object(f"grid_objects[{index}]", thing, data)
    _check_ids(objects, data["num_agents"])


def _check_object(where: str, thing: Any, data: dict[str, Any]) -> None:
    if not isinstance(thing, dict):
        raise ValueError(f"{where}: {_kind(thing)} is not an object")
    for key in _REQUIRED:
        if key not in thing:
            raise ValueError(f"{where}.{key}: missing")
    for key in _BARE:
        if isinstance(thing.get(key), list):
            raise ValueError(f"{where}.{key}: a series is not allowed here")
    if not isinstance(thing.get("type_name", ""), str):
        raise ValueError(f"{where}.type_name: {_kind(thing['type_name'])} is not text")
    _check_range(f"{where}.type", thing["type"], 0, len(data["object_types"]) - 1)
    width, height = data["map_size"]
    for key, value in thing.items():
        check = _checker(key, width, height, data)
        if isinstance(value, list) and not (key == "action" and not _holds_lists(value)):
            _check_series(f"{where}.{_named(key)}", value, data["max_steps"], check)
        else:
            check(f"{where}.{_named(key)}", value)


def _check_series(where: str, series: list[Any], num_steps: int, check: Callable[[str, Any], None]) -> None:
    last = -1
    for index, entry in enumerate(series):
        if not isinstance(entry, list) or len(entry) != 2:
            raise ValueError(f"{where}[{index}]: {_short(entry)} is not [step, value]")
        step, value = entry
        _check_range(f"{where}[{index}][0]", step, 0, num_steps - 1)
        if index == 0 and step != 0:
            raise ValueError(f"{where}[0][0]: {step} is not 0, where a series begins")
        if step <= last:
            raise ValueError(f"{where}[{index}][0]: {step} does not follow step {last}")
        check(f"{where}[{index}][1]", value)
        last = step
    if not series:
        raise ValueError(f"{where}: a series without entries")


def _checker(key: str, width: int, height: int, data: dict[str, Any]) -> Callable[[str, Any], None]:
    """What checks one value of this key."""
    if key == "action":
        return _check_action
    if key == "inventory":
        return lambda where, value: _check_inventory(where, value, data)
    if key == "r":
        return lambda where, value: _check_range(where, value, 0, height - 1)
    if key == "c":
        return lambda where, value: _check_range(where, value, 0, width - 1)
    if key in _COUNTS or key.startswith("inv:"):
        return lambda where, value: _check_range(where, value, 0, MAX_NUMBER)
    return _check_scalar


def _check_action(where: str, value: Any) -> None:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{where}: {_short(value)} is not [type, argument]")
    for part in value:
        _check_range(where, part, -MAX_NUMBER, MAX_NUMBER)


def _check_inventory(where: str, value: Any, data: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {_kind(value)} is not an object of amounts by item index")
    num_items = len(data.get("inventory_items", []))
    for item, amount in value.items():
        if not (item.isascii() and item.isdigit() and len(item) < 10 and int(item) < num_items):
            raise ValueError(f"{where}: {_short(item)} is not the index of one of {num_items} inventory_items")
        _check_range(f"{where}.{item}", amount, 0, MAX_NUMBER)


def _check_scalar(where: str, value: Any) -> None:
    if isinstance(value, dict | list):
        raise ValueError(f"{where}: {_kind(value)} is not a number, a text or a truth value")
    if isinstance(value, int) and not isinstance(value, bool):
        _check_range(where, value, -MAX_NUMBER, MAX_NUMBER)


def _check_ids(objects: list[dict[str, Any]], num_agents: int) -> None:
    ids = [thing["id"] for thing in objects]
    if len(set(ids)) != len(ids):
        raise ValueError("grid_objects: an id is used twice")
    agents = sorted(thing["agent_id"] for thing in objects if "agent_id" in thing)
    if agents != list(range(num_agents)):
        raise ValueError(f"num_agents: {num_agents}, but the objects have agent_id {_short(agents)}")


def _check_names(key: str, names: Any) -> None:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key}: {_short(names)} is not a list of names")


def _check_range(where: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{where}: {_short(value)} is not a whole number")
    if not low <= value <= high:
        raise ValueError(f"{where}: {_short(value)} is not in {low}..{high}")


def _holds_lists(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], list)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _named(key: str) -> str:
    """The key itself where that is harmless."""
    return key if len(key) < 40 and key.replace(":", "_").isidentifier() else _short(key)


def _short(value: Any) -> str:
    """At most 80 characters of a value from the file, escaped."""
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**40 else "a huge number"
    return text if len(text) <= 80 else f"{text[:77]}..."
