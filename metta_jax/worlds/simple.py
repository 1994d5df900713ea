"""The guide's worlds `simple` and `medium`: 24 agents, ten items, hearts are what counts."""

from __future__ import annotations

from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import Child, MakeConnected, MapGen, Random, RoomGrid
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.options import WorldOptions

_NUM_ROOMS = 4


def simple(options: WorldOptions) -> EnvConfig:
    """Four rooms side by side without walls between them."""
    agents = options.agents_per_room(6, _NUM_ROOMS)
    width, height = options.size(25, 25)
    content = Random(
        objects={"mine_red": 10, "generator_red": 5, "altar": 5, "block": 20, "wall": 20},
        agents=agents,
        too_many_is_ok=False,
    )
    maps = MapGen(content, width=width, height=height, border_width=6, instances=_NUM_ROOMS, instance_border_width=0)
    return EnvConfig(game=_game(agents, options), map_builder=maps)


def medium(options: WorldOptions) -> EnvConfig:
    """Four separate places of four rooms each: sparse resources, walls that hide them, doors to remember.

    The original names this world but never had it; this one is ours.
    """
    agents = options.agents_per_room(6, _NUM_ROOMS)
    width, height = options.size(40, 40)
    content = Random(
        objects={
            "mine_red": 8,
            "generator_red": 4,
            "altar": 3,
            "armory": 1,
            "lasery": 1,
            "block": 12,
            "wall": 24,
        },
        agents=agents,
        too_many_is_ok=False,
    )
    rooms = RoomGrid(
        rows=2, columns=2, border_width=1, children=(Child(MakeConnected(), "full"), Child(content, "full"))
    )
    maps = MapGen(rooms, width=width, height=height, border_width=6, instances=_NUM_ROOMS, instance_border_width=5)
    return EnvConfig(game=_game(agents, options), map_builder=maps)


def _game(agents_per_room: int, options: WorldOptions) -> GameConfig:
    return base_game(
        num_agents=_NUM_ROOMS * agents_per_room,
        object_sets=("basic", "mines", "generators", "combat"),
        items=options.items or "full",
        rewards={"heart": 1, "heart_max": 1000},
        change_color=True,
    )
