"""The worlds that bear a name of the original's have the original's numbers.

`original_settings.json` has the settings of its 166 files of July 2025, sampled numbers at their centers: `rules` are
those that most of them share, `worlds` says where each differs. What differs here on purpose is in `ON_PURPOSE`, with
the value that it has here; each has a line in docs/differences.md.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metta_jax import worlds
from metta_jax.config import ConverterConfig, EnvConfig, WallConfig
from metta_jax.mapgen.plain import plain

_FILE = json.loads(Path(__file__).with_name("original_settings.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = _FILE["rules"]
WORLDS: dict[str, dict[str, Any]] = _FILE["worlds"]
SETS = {
    "basic": ("altar", "wall", "block"),
    "mines": ("mine_red", "mine_blue", "mine_green"),
    "generators": ("generator_red", "generator_blue", "generator_green"),
    "combat": ("armory", "lasery"),
    "advanced": ("lab", "factory", "temple"),
}
TEAMS = "team_1:1:0.5 team_2:2:0.5 team_3:3:0.5 team_4:4:0.5"

# Names (patterns) -> setting -> the value here.
ON_PURPOSE: dict[str, dict[str, Any]] = {
    # The maps have agents of teams, which the original's rules do not have.
    "cooperation/*": {"groups": TEAMS},
    # What the original has cannot be won: nothing holds what is to be taken.
    "memory/training/*": {"altar.initial_resource_count": 1},
    "object_use/evals/armory_use_free": {"armory.initial_resource_count": 1},
    "object_use/evals/temple_use_free": {"temple.initial_resource_count": 1},
    "object_use/evals/s*": {"altar.initial_resource_count": 1},
    # Teams without agents are left out.
    "ants": {"groups": "team_1:1:0"},
    "laser_tag": {"groups": "team_1:1:0 team_2:2:0", "objects": "basic mines combat"},  # the map has mines
    "diversity/multi_left_or_right": {"groups": "team_1:1:0 team_2:2:0", "altar.initial_resource_count": 1},
    # Left open there, sampled here.
    "navigation/training/sparse": {"sampling": 1, "map.width": 90, "map.height": 90, "map.objects.altar": 5},
    # Land of one style that is drawn, not read from files; its size can be chosen.
    "navigation/training/varied_terrain_*": {"map.room.width": 60, "map.room.height": 60},
}
FULL = ("object_use/*", "multiagent/*terrain*")
"""Worlds with ten items, with which everything in them works; the original has eight everywhere."""


@pytest.mark.parametrize("name", WORLDS)
def test_numbers(name: str) -> None:
    expected = {**RULES, **WORLDS[name]}
    for pattern, settings in ON_PURPOSE.items():
        if fnmatch.fnmatch(name, pattern):
            unneeded = {key for key, value in settings.items() if expected.get(key) == value}
            assert not unneeded, "the same as in the original"
            expected |= settings
    kinds = expected["objects"].split()
    absent = {f"{thing}." for kind, things in SETS.items() if kind not in kinds for thing in things}
    expected = {
        key: value
        for key, value in expected.items()
        if value is not None and not any(key.startswith(prefix) for prefix in absent)
    }
    world = worlds.get(name, items="full", sampling=0)
    found = _settings(world) | {"sampling": worlds.get(name).sampling}
    differences = {
        key: (expected.get(key), found.get(key))
        for key in expected.keys() | found.keys()
        if expected.get(key) != found.get(key)
        and not (key.startswith("map.") and key not in expected)  # what the file does not say
    }
    assert not differences, "setting: (original, here)"


@pytest.mark.parametrize("name", WORLDS)
def test_items(name: str) -> None:
    number = 10 if any(fnmatch.fnmatch(name, pattern) for pattern in FULL) else 8
    assert len(worlds.get(name).game.inventory_item_names) == number


def test_every_world_of_the_original_is_there() -> None:
    ours = {worlds.canonical_name(name) for name in WORLDS}
    assert set(worlds.list()) - ours == {
        "default", "forage", "forage4", "full", "medium", "simple", "simple.easy",
    }  # fmt: skip


def _settings(world: EnvConfig) -> dict[str, Any]:
    game = world.game
    agent = game.agent
    found: dict[str, Any] = {
        "num_agents": game.num_agents,
        "max_steps": game.max_steps,
        "labels": " ".join(world.labels),
        "obs_width": game.obs_width,
        "obs_height": game.obs_height,
        "num_observation_tokens": game.num_observation_tokens,
        "disabled": " ".join(sorted(set(dict(game.actions)) - set(game.enabled_actions()))),
        "attack.consumed_resources": _amounts(game.actions.attack.consumed_resources or {}),
        "attack.defense_resources": _amounts(game.actions.attack.defense_resources),
        "freeze_duration": agent.freeze_duration,
        "action_failure_penalty": agent.action_failure_penalty,
        "groups": " ".join(
            f"{name}:{group.id}:{group.group_reward_pct:g}" for name, group in sorted(game.groups.items())
        ),
        "objects": " ".join(kind for kind, things in SETS.items() if set(things) <= set(game.objects)),
    }
    for item in game.inventory_item_names[:8]:
        found[f"limit.{item}"] = agent.resource_limits.get(item, agent.default_resource_limit)
    found |= {f"reward.{key}": value for key, value in agent.rewards.inventory.items() if value}
    for name, thing in game.objects.items():
        found[f"{name}.type_id"] = thing.type_id
        if isinstance(thing, WallConfig):
            found[f"{name}.swappable"] = thing.swappable
        else:
            assert isinstance(thing, ConverterConfig)
            for key in ("color", "max_output", "conversion_ticks", "cooldown", "initial_resource_count"):
                found[f"{name}.{key}"] = getattr(thing, key)
            for key in ("input_resources", "output_resources"):
                found[f"{name}.{key}"] = _amounts(getattr(thing, key))
    return found | {f"map.{key}": value for key, value in _map_numbers(plain(world.map_builder)).items()}


def _amounts(amounts: Mapping[str, int]) -> str:
    return " ".join(f"{item}:{count}" for item, count in sorted(amounts.items()))


def _map_numbers(builder: Any, prefix: str = "") -> dict[str, Any]:
    """The numbers of a map builder and of what it draws directly, sampled ones at their centers."""
    found = {}
    for key, value in builder.items():
        value = _centre(value)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            found[prefix + key] = value
    found |= {f"{prefix}objects.{name}": _centre(count) for name, count in builder.get("objects", {}).items()}
    if isinstance(builder.get("agents"), dict):
        found[f"{prefix}agents"] = sum(builder["agents"].values())
    if "root" in builder:
        found = _map_numbers(builder["root"]) | found
    if "land" in builder:  # a square of it
        side = _centre(builder["side"])
        found = _map_numbers(builder["land"]) | {"width": side, "height": side}
        found = {prefix + key: value for key, value in found.items()}
    if "rooms" in builder:
        found |= {"num_rooms": len(builder["rooms"]), **_map_numbers(builder["rooms"][0], "room.")}
    if "room" in builder:
        found |= _map_numbers(builder["room"], "room.")
    return found


def _centre(value: Any) -> Any:
    return value["centre"] if isinstance(value, dict) and value.get("type") == "Around" else value
