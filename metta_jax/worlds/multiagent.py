"""multiagent: 32 agents in each other's way. cooperation: pairs of agents who need each other."""

from __future__ import annotations

from functools import partial
from typing import Any

from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import (
    BoxShare,
    Boxy,
    CentralTableLayout,
    ConfinedRoomCoord,
    CylinderWorld,
    Manhatten,
    MapBuilder,
    MultiRoom,
    NarrowWorld,
    RoomList,
    TerrainFromNumpy,
    TwoRoomsCoord,
    VariedTerrain,
    uniform,
)
from metta_jax.worlds.base_rules import ALL_SETS, ItemSet, base_game, team_groups
from metta_jax.worlds.navigation_training import TERRAIN_STYLES
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_NUM_AGENTS = 32
_SIZED = ("num_agents", "width", "height", "items", "objects")
_ROOMS = ("num_agents", "width", "height", "items", "num_rooms", "objects")
_CHAIN: tuple[str, ...] = ("altar", "mine_red", "generator_red")

_ONE_ROOM = {
    "boxshare": "Generators in the walls of a box: ore comes from inside, hearts are made outside.",
    "boxy": "Every altar in a box of its own behind a narrow corridor.",
    "cylinder_world": "Altars between parallel walls.",
    "manhatten": "Streets of one cell between blocks, with objects at crossings and in alcoves.",
    "narrow_world": "A maze of corridors of one cell with a few passing bays.",
}
_COOPERATION = {
    "central_table_layout": "Two agents in a lane around a table, with all objects on the outer side.",
    "confined_room_coord": "Two agents on a small floor, with all objects around it.",
    "two_rooms_coord": "Two agents in two rooms, who share the generators in the wall between them.",
}


def multiagent_worlds() -> dict[str, World]:
    """10 worlds of multiagent, 3 of cooperation/experimental."""
    worlds = {
        f"multiagent/{name}": World(partial(_one_room, name), description, _SIZED, 1.0)
        for name, description in _ONE_ROOM.items()
    }
    for style in TERRAIN_STYLES:
        description = f"Four pieces of land with everything there is ({style})."
        worlds[f"multiagent/varied_terrain_{style}"] = World(partial(_land, style), description, _ROOMS, 1.0)
    worlds["multiagent/terrain_from_numpy"] = World(
        _terrain,
        "Four pieces of land of any style and size.",
        ("num_agents", "items", "num_rooms", "objects"),
        1.0,
    )
    for name, description in _COOPERATION.items():
        worlds[f"cooperation/experimental/{name}"] = World(partial(_cooperation, name), description, ("items",))
    return worlds


def _one_room(name: str, options: WorldOptions) -> EnvConfig:
    agents = options.num_agents or _NUM_AGENTS
    chain: dict[str, Any] = {}
    size = options.around(90, 50, 100)
    room: type
    more: dict[str, Any] = {}
    if name == "boxshare":
        room, size = BoxShare, options.around(45, 40, 60)
        chain = {"altar": uniform(7, 14), "mine_red": uniform(7, 14), "generator_red": uniform(8, 16)}
    elif name == "boxy":
        room, chain = Boxy, {"altar": 12, "mine_red": 45, "generator_red": 45}
    elif name == "cylinder_world":
        room, chain = CylinderWorld, dict.fromkeys(_CHAIN, options.around(20, 15, 25))
    elif name == "manhatten":
        room, size, chain = Manhatten, options.around(90, 60, 120), dict.fromkeys(_CHAIN, options.around(10, 5, 15))
        more = {"corridor_spacing": options.around(25, 15, 40), "alcove_prob": 0.15, "heart_prob": 0.1}
    else:
        room, chain = NarrowWorld, dict.fromkeys(_CHAIN, options.around(40, 20, 60))
    maps = room(
        width=options.width or size,
        height=options.height or size,
        objects=options.counts(chain),
        agents=agents,
        border_width=6,
        **more,
    )
    return EnvConfig(game=_game(agents, ("basic", "mines", "generators"), "classic", options), map_builder=maps)


def _land(style: str, options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(_NUM_AGENTS // 4, rooms)
    side = options.around(30, 20, 80)
    objects = {
        **dict.fromkeys(_CHAIN, options.around(10, 5, 15)),
        **dict.fromkeys(("armory", "lasery", "lab", "factory", "temple"), 1),
        **dict.fromkeys(("block", "wall"), options.around(10, 5, 20)),
    }
    land = VariedTerrain(
        options.width or side,
        options.height or side,
        objects=options.counts(objects),
        agents=agents,
        style=TERRAIN_STYLES[style],
        border_width=3,
    )
    game = _game(rooms * agents, ALL_SETS, "full", options)
    return EnvConfig(game=game, map_builder=MultiRoom(land, rooms, border_width=6))


def _terrain(options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(_NUM_AGENTS // 4, rooms)
    objects = options.counts(dict.fromkeys(_CHAIN, options.around(10, 5, 15)))
    land = TerrainFromNumpy(objects=objects, agents=agents, border_width=3)
    game = _game(rooms * agents, ("basic", "mines", "generators"), "classic", options)
    return EnvConfig(game=game, map_builder=MultiRoom(land, rooms, border_width=6))


def _game(num_agents: int, object_sets: tuple[str, ...], items: ItemSet, options: WorldOptions) -> GameConfig:
    def stocked() -> dict[str, int]:
        return {"cooldown": options.drawn(10, 5, 20), "initial_resource_count": int(options.chance(0.25))}

    return base_game(
        num_agents=num_agents,
        object_sets=object_sets,
        items=options.items or items,
        easy=("altar",),
        rewards={
            "heart": 1,
            "ore_red": options.drawn(0.01, 0.005, 0.1),
            "ore_red_max": 3,
            "battery_red": options.drawn(0.1, 0.01, 0.5),
            "battery_red_max": 5,
        },
        changes={
            "altar": stocked(),
            "generator_red": stocked(),
            "mine_red": {"cooldown": options.drawn(10, 15, 50)},
        },
    )


def _cooperation(name: str, options: WorldOptions) -> EnvConfig:
    """Four rooms with one team each; the original forgot the groups that its maps use."""
    groups = team_groups(4)
    is_two_rooms = name == "two_rooms_coord"
    if is_two_rooms:
        steps, recipe = 1000, {"cooldown": 1, "max_output": 10}
    else:
        steps = options.drawn(250, 100, 500)
        recipe = {"cooldown": options.drawn(15, 10, 25), "conversion_ticks": options.drawn(15, 10, 25)}
        recipe["max_output"] = 100
    game = base_game(
        num_agents=8,
        object_sets=("basic", "mines", "generators"),
        items=options.items or "classic",
        max_steps=steps,
        groups=groups,
        limit=1,
        rewards={"heart": 1, "ore_red": 0.005, "battery_red": 0.01},
        changes=dict.fromkeys(_CHAIN, recipe),
    )
    rooms = tuple(_team_room(name, {team: 2}) for team in groups)
    return EnvConfig(game=game, map_builder=RoomList(rooms, border_width=6))


def _team_room(name: str, agents: dict[str, int]) -> MapBuilder:
    if name == "central_table_layout":
        return CentralTableLayout(
            11, 8, lane_width=1, num_mines=2, num_generators=2, num_altars=2, agents=agents, border_width=3
        )
    if name == "confined_room_coord":
        return ConfinedRoomCoord(6, 4, num_mines=2, num_generators=2, num_altars=2, agents=agents, border_width=3)
    return TwoRoomsCoord(
        5,
        5,
        num_shared_generators=2,
        num_altars=2,
        num_mines=2,
        agents=agents,
        arrangement="horizontal",
        border_width=3,
    )
