"""Replays of format 1 for the tests of the viewer, made without the package's own writer."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

ITEMS = ["ore_red", "battery_red", "heart", "laser"]
ACTIONS = ["attack", "get_output", "move", "noop", "put_recipe_items", "rotate", "swap"]
ATTACK, GET, MOVE, NOOP, PUT, ROTATE, SWAP = range(len(ACTIONS))
# Up, down, left, right.
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))
TYPES = [
    "agent", "wall", "mine_red", "mine_blue", "mine_green", "generator_red", "generator_blue", "generator_green",
    "altar", "armory", "lasery", "lab", "factory", "temple", "block", "converter",
]  # fmt: skip
OUTPUT = {"mine_red": "ore_red", "generator_red": "battery_red", "altar": "heart", "lasery": "laser"}

# The example of the format's description: an agent turns right, moves, turns up, takes one ore.
HAND_MADE: dict[str, Any] = {
    "version": 1,
    "action_names": ["get_output", "move", "noop", "rotate"],
    "inventory_items": ["ore_red", "heart"],
    "object_types": ["agent", "wall", "mine_red"],
    "map_size": [3, 2],
    "num_agents": 1,
    "max_steps": 4,
    "grid_objects": [
        {"id": 1, "type": 1, "type_name": "wall", "r": 0, "c": 0, "layer": 1, "type_id": 1},
        {
            "id": 2, "type": 2, "type_name": "mine_red", "r": 0, "c": 1, "layer": 1, "type_id": 2, "agent:color": 0,
            "converting": 1, "inv:ore_red": [[0, 1], [3, 0]],
        },
        {"id": 3, "type": 1, "type_name": "wall", "r": 0, "c": 2, "layer": 1, "type_id": 1},
        {
            "id": 4, "type": 0, "type_name": "agent", "agent_id": 0, "layer": 0, "group_name": "agent", "type_id": 0,
            "r": 1, "c": [[0, 0], [1, 1]], "agent:group": 0, "agent:color": 0, "agent:frozen": 0, "frozen": 0,
            "orientation": [[0, 3], [2, 0]], "agent:orientation": [[0, 3], [2, 0]],
            "inventory": [[0, {}], [3, {"0": 1}]], "inv:ore_red": [[0, 0], [3, 1]],
            "action": [[0, [3, 3]], [1, [1, 0]], [2, [3, 0]], [3, [0, 0]]], "action_success": True,
            "reward": [[0, 0.0], [3, 0.01]], "total_reward": [[0, 0.0], [3, 0.01]],
        },
        {"id": 5, "type": 1, "type_name": "wall", "r": 1, "c": 2, "layer": 1, "type_id": 1},
    ],
    "config": {"game": {"objects": {}}},
}  # fmt: skip


def pack(replay: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(replay).encode())


def encode(
    frames: Sequence[dict[int, dict[str, Any]]], map_size: tuple[int, int], config: Any = None
) -> dict[str, Any]:
    """Frames, each {id: object with bare values}, as a replay."""
    objects = []
    for key in frames[0]:
        if all(frame[key] is frames[0][key] for frame in frames):
            objects.append(frames[0][key])
            continue
        names = dict.fromkeys(name for frame in frames for name in frame[key])
        objects.append({name: _series(name, [frame[key].get(name, 0) for frame in frames]) for name in names})
    return {
        "version": 1,
        "action_names": ACTIONS,
        "inventory_items": ITEMS,
        "object_types": TYPES,
        "map_size": list(map_size),
        "num_agents": sum("agent_id" in thing for thing in frames[0].values()),
        "max_steps": len(frames),
        "grid_objects": objects,
        "config": config or {"game": {"objects": RECIPES, "obs_width": 11, "obs_height": 11}},
    }


def generated(
    *, num_agents: int = 24, num_steps: int = 1000, side: int = 62, seed: int = 0
) -> tuple[dict[str, Any], list[dict[int, dict[str, Any]]]]:
    """A replay of agents that wander about and trade, and its frames. The rules are made up; the format is not."""
    rng = np.random.default_rng(seed)
    grid = np.zeros((side, side), np.int32)
    objects: dict[int, dict[str, Any]] = {}

    def put(name: str, row: int, column: int) -> dict[str, Any]:
        key = len(objects) + 1
        kind = TYPES.index(name)
        thing = {"id": key, "type": kind, "type_name": name, "r": row, "c": column, "layer": int(kind > 0)}
        objects[key] = thing | {"type_id": kind}
        grid[row, column] = key
        return objects[key]

    for cell in range(side):
        for row, column in ((0, cell), (side - 1, cell), (cell, 0), (cell, side - 1)):
            if not grid[row, column]:
                put("wall", row, column)
    for i in range(side * side // 20):
        name = "wall" if i % 2 else TYPES[1 + i // 2 % (len(TYPES) - 1)]
        free = np.argwhere(grid == 0)
        row, column = free[rng.integers(len(free))].tolist()
        thing = put(name, row, column)
        if name in OUTPUT or name.startswith(("mine", "generator")):
            thing |= {"agent:color": 0, "converting": i // 2 % 2, f"inv:{OUTPUT.get(name, 'ore_red')}": i % 4}
        elif name == "block":
            thing["swappable"] = 1
    agents = []
    for i in range(num_agents):
        free = np.argwhere(grid == 0)
        row, column = free[rng.integers(len(free))].tolist()
        group = i % 4
        agents.append(put("agent", row, column))
        agents[-1] |= {
            "agent:group": group, "agent:frozen": 0, "agent:orientation": 0, "agent:color": 0, "orientation": 0,
            "group_name": f"team_{group + 1}", "frozen": 0, "inventory": {}, "agent_id": i, "action": [NOOP, 0],
            "action_success": True, "reward": 0.0, "total_reward": 0.0,
        }  # fmt: skip

    frames = []
    for _ in range(num_steps):
        for agent in agents:
            _act(agent, grid, rng)
        frames.append(objects | {agent["id"]: dict(agent) for agent in agents})
    return encode(frames, (side, side)), frames


def _act(agent: dict[str, Any], grid: np.ndarray, rng: np.random.Generator) -> None:
    kind = int(rng.choice([ATTACK, GET, MOVE, MOVE, MOVE, MOVE, NOOP, ROTATE], p=[0.02, 0.18] + [0.15] * 4 + [0.05, 0.15]))
    argument, success, reward = 0, True, 0.0
    down, right = DIRECTIONS[agent["orientation"]]
    ahead = (agent["r"] + down, agent["c"] + right)
    if agent["frozen"] > 0:
        agent["frozen"] -= 1
        kind, success = NOOP, False
    elif kind == ROTATE:
        argument = int(rng.integers(4))
        agent["orientation"] = agent["agent:orientation"] = argument
    elif kind == MOVE:
        success = grid[ahead] == 0
        if success:
            grid[agent["r"], agent["c"]], grid[ahead] = 0, agent["id"]
            agent["r"], agent["c"] = ahead
        else:
            argument = 0
            agent["orientation"] = agent["agent:orientation"] = int(rng.integers(4))
    elif kind == GET and rng.random() < 0.2:
        item = int(rng.integers(len(ITEMS)))
        held = agent["inventory"].get(str(item), 0) + 1
        agent["inventory"] = agent["inventory"] | {str(item): held}
        agent[f"inv:{ITEMS[item]}"] = held
        reward = 1.0 if item == 2 else 0.01
    elif kind == ATTACK and rng.random() < 0.3:
        agent["frozen"] = 10
    agent["agent:frozen"] = int(agent["frozen"] > 0)
    agent["action"] = [kind, argument]
    agent["action_success"] = bool(success)
    agent["reward"] = reward
    agent["total_reward"] = round(agent["total_reward"] + reward, 6)


def _series(name: str, values: list[Any]) -> Any:
    changes = [[0, values[0]]] + [[k, b] for k, (a, b) in enumerate(zip(values, values[1:], strict=False), 1) if a != b]
    return changes if len(changes) > 1 or name == "action" else changes[0][1]


RECIPES = {
    "wall": {"type_id": 1},
    "mine_red": {
        "type_id": 2, "input_resources": {}, "output_resources": {"ore_red": 1}, "conversion_ticks": 1, "cooldown": 50,
        "max_output": 5, "initial_resource_count": 0,
    },
    "altar": {
        "type_id": 8, "input_resources": {"battery_red": 3}, "output_resources": {"heart": 1}, "conversion_ticks": 1,
        "cooldown": 10, "max_output": 5, "initial_resource_count": 0,
    },
}  # fmt: skip
