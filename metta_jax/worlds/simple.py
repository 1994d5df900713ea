"""The guide's worlds `simple` and `medium` and their relatives: 24 agents, ten items, hearts are what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import Child, MakeConnected, MapGen, Random, RoomGrid
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_NUM_ROOMS = 4
_SETS = ("basic", "mines", "generators", "combat")
_OBJECTS = {"mine_red": 10, "generator_red": 5, "altar": 5, "block": 20, "wall": 20}
_REWARDS = {"heart": 1, "heart_max": 1000}


def simple_worlds() -> dict[str, World]:
    """`simple`, `simple.easy`, `full`, `medium`."""
    return {
        "simple": World(_simple, "Four open rooms side by side: mine, make batteries, bring them to an altar, fight."),
        "simple.easy": World(_easy, "`simple` with cheap hearts, first stocks, and rewards for ore and batteries."),
        "full": World(_full, "`simple` with lab, factory and temple."),
        "medium": World(_medium, "Four places of four rooms each: sparse resources, walls that hide them, doors."),
    }


def _simple(options: WorldOptions) -> EnvConfig:
    return _open_rooms(options, _OBJECTS)


def _easy(options: WorldOptions) -> EnvConfig:
    stock = {"initial_resource_count": 1}
    return _open_rooms(
        options,
        _OBJECTS,
        easy=("altar",),
        changes={"altar": {**stock, "cooldown": 10}, "mine_red": stock, "generator_red": stock},
        rewards={**_REWARDS, "ore_red": 0.1, "ore_red_max": 5, "battery_red": 0.9, "battery_red_max": 5},
    )


def _full(options: WorldOptions) -> EnvConfig:
    advanced = {"lab": 1, "factory": 1, "temple": 1}
    return _open_rooms(options, {**_OBJECTS, **advanced}, object_sets=(*_SETS, "advanced"))


def _medium(options: WorldOptions) -> EnvConfig:
    """The original names this world but never had it; this one is ours."""
    agents = options.agents_per_room(6, _NUM_ROOMS)
    width, height = options.size(40, 40)
    objects = {"mine_red": 8, "generator_red": 4, "altar": 3, "armory": 1, "lasery": 1, "block": 12, "wall": 24}
    content = Random(objects=options.counts(objects), agents=agents, too_many_is_ok=False)
    rooms = RoomGrid(
        rows=2, columns=2, border_width=1, children=(Child(MakeConnected(), "full"), Child(content, "full"))
    )
    maps = MapGen(rooms, width=width, height=height, border_width=6, instances=_NUM_ROOMS, instance_border_width=5)
    return EnvConfig(game=_game(agents, options), map_builder=maps)


def _open_rooms(options: WorldOptions, objects: Mapping[str, int], **rules: Any) -> EnvConfig:
    agents = options.agents_per_room(6, _NUM_ROOMS)
    width, height = options.size(25, 25)
    content = Random(objects=options.counts(objects), agents=agents, too_many_is_ok=False)
    maps = MapGen(content, width=width, height=height, border_width=6, instances=_NUM_ROOMS, instance_border_width=0)
    return EnvConfig(game=_game(agents, options, **rules), map_builder=maps)


def _game(agents_per_room: int, options: WorldOptions, **rules: Any) -> GameConfig:
    return base_game(
        num_agents=_NUM_ROOMS * agents_per_room,
        items=options.items or "full",
        change_color=True,
        **{"object_sets": _SETS, "rewards": _REWARDS, **rules},
    )
