"""Worlds for many agents of one group: `puffer`, with everything there is; and `debug`, where agents cannot move."""

from __future__ import annotations

from metta_jax.config import EnvConfig
from metta_jax.mapgen import MapGen, MultiRoom, Random, TerrainFromNumpy
from metta_jax.worlds.base_rules import ALL_SETS, base_game
from metta_jax.worlds.drawn import drawn_map
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World


def crowd_worlds() -> dict[str, World]:
    """`debug`, `puffer`, `terrain_from_numpy`."""
    return {
        "debug": World(_debug, "Two agents that can only turn and take, each next to what it needs.", ("items",)),
        "puffer": World(
            _puffer,
            "Four open rooms with one of every kind of converter and few generators.",
            ("num_agents", "width", "height", "items", "num_rooms", "objects"),
        ),
        "terrain_from_numpy": World(
            _terrain,
            "Four pieces of land with everything there is; how much of it differs from map to map when sampled.",
            ("num_agents", "items", "num_rooms", "objects"),
        ),
    }


def _debug(options: WorldOptions) -> EnvConfig:
    game = base_game(
        num_agents=2,
        object_sets=ALL_SETS,
        items=options.items or "classic",
        without=("noop", "move", "put_items", "attack", "swap"),
        freeze_duration=0,
    )
    return EnvConfig(game=game, map_builder=drawn_map("debug", border_width=0))


def _puffer(options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(6, rooms)
    width, height = options.size(25, 25)
    game = base_game(num_agents=rooms * agents, object_sets=ALL_SETS, items=options.items or "classic")
    objects = {
        "mine_red": 10,
        "generator_red": 2,
        **dict.fromkeys(("altar", "armory", "lasery", "lab", "factory", "temple"), 1),
        "block": 20,
        "wall": 20,
    }
    content = Random(objects=options.counts(objects), agents=agents, too_many_is_ok=False)
    maps = MapGen(content, width=width, height=height, border_width=5, instances=rooms, instance_border_width=0)
    return EnvConfig(game=game, map_builder=maps)


def _terrain(options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(6, rooms)
    game = base_game(num_agents=rooms * agents, object_sets=ALL_SETS, items=options.items or "classic")
    objects = {
        "mine_red": options.around(10, 1, 20),
        "generator_red": options.around(2, 1, 10),
        **dict.fromkeys(("altar", "armory", "lasery", "lab", "factory", "temple"), options.around(1, 1, 5)),
        **dict.fromkeys(("block", "wall"), options.around(20, 5, 50)),
    }
    land = TerrainFromNumpy(objects=options.counts(objects), agents=agents, dir="varied_terrain")
    return EnvConfig(game=game, map_builder=MultiRoom(land, rooms, border_width=6))
