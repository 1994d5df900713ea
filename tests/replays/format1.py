"""Replay format 1 as the table of its rules says it, checked by something that shares no code with the writer."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from pathlib import Path
from typing import Any

BARE = ("id", "type", "type_name", "layer", "agent_id")
AGENT_KEYS = {"orientation", "group_name", "frozen", "inventory", "agent_id", "action", "action_success", "reward"}
AGENT_KEYS |= {"total_reward", "agent:group", "agent:frozen", "agent:orientation", "agent:color"}
FEATURES = {"type_id", "agent:group", "agent:frozen", "agent:orientation", "agent:color", "agent:glyph", "converting"}
FEATURES |= {"swappable"}


def load(path: str | Path) -> dict[str, Any]:
    """The JSON in a file: one zlib stream and nothing after it."""
    return json.loads(zlib.decompress(Path(path).read_bytes()).decode("utf-8"))


def violations(replay: dict[str, Any]) -> list[str]:
    """Every broken rule, in words; none for a replay that the original viewer plays."""
    needed = {
        "version": int, "action_names": list, "inventory_items": list, "object_types": list, "map_size": list,
        "num_agents": int, "max_steps": int, "grid_objects": list, "config": dict,
    }  # fmt: skip
    wrong = [
        f"{key} is missing or no {kind.__name__}" for key, kind in needed.items() if type(replay.get(key)) is not kind
    ]
    if wrong:
        return wrong
    if replay["version"] != 1:
        wrong.append("version is not 1")
    if type(replay["config"].get("game", {}).get("objects")) is not dict:
        wrong.append("config has no game.objects")
    ids = [thing.get("id") for thing in replay["grid_objects"]]
    if ids != sorted(set(ids)):
        wrong.append("objects are not in the order of their ids")
    agents = [thing for thing in replay["grid_objects"] if "agent_id" in thing]
    if sorted(thing["agent_id"] for thing in agents) != list(range(replay["num_agents"])):
        wrong.append("agent ids are not 0 .. num_agents - 1")
    for number, thing in enumerate(replay["grid_objects"]):
        wrong += [f"object {number}: {text}" for text in _object_violations(replay, thing)]
    return wrong + _border_violations(replay)


def _object_violations(replay: dict[str, Any], thing: dict[str, Any]) -> list[str]:
    wrong = [f"{key} is missing" for key in ("id", "type", "type_name", "r", "c", "layer") if key not in thing]
    wrong += [f"{key} is no bare value" for key in BARE if isinstance(thing.get(key), list | dict)]
    if wrong:
        return wrong
    types = replay["object_types"]
    if not 0 <= thing["type"] < len(types) or types[thing["type"]] not in (thing["type_name"], ""):
        wrong.append(f"type {thing['type']} is not {thing['type_name']}")
    if thing.get("type_id") != thing["type"]:
        wrong.append("type_id is not type")
    if (thing["type_name"] == "agent") != ("agent_id" in thing):
        wrong.append("agent_id stands at another object than an agent")
    if "agent_id" in thing:
        wrong += [f"{key} is missing" for key in AGENT_KEYS - set(thing)]
        wrong += [] if _is_series(thing.get("action")) else ["action is no series"]
    for key, value in thing.items():
        item = re.fullmatch(r"inv:(.+)", key)
        if item and item[1] not in replay["inventory_items"]:
            wrong.append(f"{key}: no such item")
        if not item and key not in FEATURES | AGENT_KEYS | {"id", "type", "type_name", "r", "c", "layer"}:
            wrong.append(f"{key} is no key of format 1")
        wrong += [f"{key}: {text}" for text in _value_violations(replay, key, value)]
    return wrong


def _value_violations(replay: dict[str, Any], key: str, value: Any) -> list[str]:
    series = value if _is_series(value) else [[0, value]]
    wrong = []
    if _is_series(value) and len(value) == 1 and key != "action":
        wrong.append("a series of one entry is not written as the bare value")
    steps = [entry[0] for entry in series]
    if steps[0] != 0 or steps != sorted(set(steps)) or steps[-1] >= replay["max_steps"]:
        wrong.append(f"steps {steps[:5]} ... do not begin at 0, rise, and stay below max_steps")
    values = [entry[1] for entry in series]
    if any(old == new for old, new in itertools.pairwise(values)):
        wrong.append("an entry repeats the value before it")
    for item in values:
        kind = {"action": list, "inventory": dict, "group_name": str, "type_name": str, "action_success": bool}.get(key)
        if kind is None and (isinstance(item, bool) or not isinstance(item, int | float)):
            wrong.append(f"{item!r} is not a number")
        if kind is not None and not isinstance(item, kind):
            wrong.append(f"{item!r} is no {kind.__name__}")
        if key == "action" and not (len(item) == 2 and 0 <= item[0] < len(replay["action_names"])):
            wrong.append(f"{item!r} is no [type, argument]")
        if key == "inventory" and not all(0 <= int(i) < len(replay["inventory_items"]) for i in item):
            wrong.append(f"{item!r} is no amounts by item index")
        side = {"c": 0, "r": 1}.get(key)
        if side is not None and not 0 <= item < replay["map_size"][side]:
            wrong.append(f"{item!r} is off the map")
    return wrong


def _border_violations(replay: dict[str, Any]) -> list[str]:
    """Something must stand in the last row and column at every step; walls do."""
    width, height = replay["map_size"]
    fixed = [(t["r"], t["c"]) for t in replay["grid_objects"] if isinstance(t["r"], int) and isinstance(t["c"], int)]
    wrong = [] if any(r == height - 1 for r, _ in fixed) else ["nothing lies in the last row"]
    return wrong + ([] if any(c == width - 1 for _, c in fixed) else ["nothing lies in the last column"])


def _is_series(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(entry, list) and len(entry) == 2 for entry in value)
    )
