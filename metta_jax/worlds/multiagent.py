"""multiagent: 32 agents in each other's way. cooperation: pairs of agents who need each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from metta_jax.config import EnvConfig
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
)
from metta_jax.worlds.base_rules import ALL_SETS, base_game, team_groups
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
        "Four pieces of land of any style and size with everything there is.",
        ("num_agents", "items", "num_rooms", "objects"),
        1.0,
    )
    for name, description in _COOPERATION.items():
        worlds[f"cooperation/experimental/{name}"] = World(partial(_cooperation, name), description, ("items",), 1.0)
    return worlds


def _one_room(name: str, options: WorldOptions) -> EnvConfig:
    agents = options.num_agents or _NUM_AGENTS
    size, border_width = options.around(90, 50, 100), 2
    room: type
    more: dict[str, Any] = {}
    chain: dict[str, Any]
    if name == "boxshare":
        room, size, border_width = BoxShare, options.around(45, 40, 60), 0
        things = options.around(10, 7, 14)
        chain = {"altar": things, "mine_red": things, "generator_red": options.around(12, 8, 16)}
    elif name == "boxy":
        room, chain = Boxy, {"altar": 12, "mine_red": 45, "generator_red": 45}
    elif name == "cylinder_world":
        room, chain = CylinderWorld, dict.fromkeys(_CHAIN, options.around(20, 15, 25))
    elif name == "manhatten":
        room, size, chain = Manhatten, options.around(90, 60, 120), dict.fromkeys(_CHAIN, options.around(10, 5, 15))
        more = {"corridor_spacing": options.around(25, 15, 40), "alcove_prob": 0.15, "heart_prob": 0.1}
    else:
        room, border_width, chain = NarrowWorld, 0, dict.fromkeys(_CHAIN, options.around(40, 20, 60))
    maps = room(
        width=options.width or size,
        height=options.height or size,
        objects=options.counts(chain),
        agents=agents,
        border_width=border_width,
        **more,
    )

    def stocked() -> dict[str, int]:
        return {"cooldown": options.drawn(10, 5, 20), "initial_resource_count": int(options.chance(0.25))}

    game = base_game(
        num_agents=agents,
        object_sets=("basic", "mines", "generators"),
        items=options.items or "classic",
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
    return EnvConfig(game=game, map_builder=maps)


def _land(style: str, options: WorldOptions) -> EnvConfig:
    side = options.around(30, 20, 80)
    chain, plant = options.around(10, 1, 10), options.around(10, 1, 5)
    land = partial(
        VariedTerrain,
        options.width or side,
        options.height or side,
        style=TERRAIN_STYLES[style],
        border_width=options.around(3, 1, 6),
    )
    counts = {"mine_red": chain, "generator_red": chain, "altar": plant, "factory": options.around(1, 1, 5)}
    return _everything(land, counts, plant, 20, options)


def _terrain(options: WorldOptions) -> EnvConfig:
    chain, plant = options.around(10, 1, 20), options.around(10, 0, 5)
    land = partial(TerrainFromNumpy, border_width=options.around(3, 1, 6))
    counts = {"mine_red": chain, "generator_red": chain, "altar": plant, "factory": plant}
    return _everything(land, counts, plant, 10, options)


def _everything(
    land: Callable[..., MapBuilder], counts: dict[str, Any], plant: Any, mine_cooldown: int, options: WorldOptions
) -> EnvConfig:
    """Four pieces of `land` with every kind of object, and rewards for every kind of item."""
    rooms = options.rooms(4)
    agents = options.agents_per_room(_NUM_AGENTS // 4, rooms)
    objects = {
        **counts,
        **dict.fromkeys(("armory", "lasery", "lab"), plant),
        "temple": options.around(1, 1, 5),
        **dict.fromkeys(("block", "wall"), options.around(20, 5, 50)),
    }
    # In this order, which the numbers of a seed depend on.
    rewards = {name: options.drawn(0.01, 0.005, 0.1) for name in ("ore_red", "ore_blue", "ore_green")}
    rewards["battery_red"] = options.drawn(0.1, 0.01, 0.5)
    rewards |= {name: options.drawn(0.01, 0.005, 0.1) for name in ("laser", "blueprint", "armor")}
    most = {name: 3 if name.startswith(("ore", "battery")) else 1 for name in rewards}
    game = base_game(
        num_agents=rooms * agents,
        object_sets=ALL_SETS,
        items=options.items or "full",
        easy=("altar",),
        rewards={"heart": 1, **rewards, **{f"{name}_max": count for name, count in most.items()}},
        changes={
            "altar": {"cooldown": options.drawn(10, 5, 50)},
            "generator_red": {"cooldown": options.drawn(10, 5, 50)},
            "mine_red": {"cooldown": options.drawn(mine_cooldown, 15, 50)},
        },
    )
    room = land(objects=options.counts(objects), agents=agents)
    return EnvConfig(game=game, map_builder=MultiRoom(room, rooms, border_width=6))


def _cooperation(name: str, options: WorldOptions) -> EnvConfig:
    """Four rooms with one team each; the original forgot the groups that its maps use."""
    groups = team_groups(4)
    if name == "two_rooms_coord":
        steps, limit, limits = 1000, 50, {"ore_red": 1, "battery_red": 1}
        rewards: dict[str, float] = {"heart": 1}
        changes = {thing: {"cooldown": 1, "max_output": 10} for thing in _CHAIN}
    else:
        steps, limit, limits = options.drawn(250, 100, 500), 1, {}
        rewards = {"heart": 1, **dict.fromkeys(("ore_red", "ore_blue", "ore_green"), 0.005), "battery_red": 0.01}
        changes = {thing: {"cooldown": options.drawn(15, 10, 25), "max_output": 100} for thing in _CHAIN}
        for thing in ("altar", "generator_red"):
            changes[thing]["conversion_ticks"] = options.drawn(15, 10, 25)
    game = base_game(
        num_agents=8,
        object_sets=("basic", "mines", "generators"),
        items=options.items or "classic",
        max_steps=steps,
        groups=groups,
        easy=("altar",),
        limit=limit,
        limits=limits,
        rewards=rewards,
        changes={**changes, "mine_red": {**changes["mine_red"], "initial_resource_count": 1}},
    )
    rooms = tuple(_team_room(name, {team: 2}, options) for team in groups)
    return EnvConfig(game=game, map_builder=RoomList(rooms, border_width=6))


def _team_room(name: str, agents: dict[str, int], options: WorldOptions) -> MapBuilder:
    few = options.around(2, 1, 2)
    if name == "central_table_layout":
        side, count = options.around(5, 5, 10), options.around(2, 1, 4)
        return CentralTableLayout(
            side, side, num_mines=count, num_generators=count, num_altars=count, agents=agents, border_width=3
        )
    if name == "confined_room_coord":
        return ConfinedRoomCoord(
            options.around(3, 2, 4),
            options.around(2, 2, 4),
            num_mines=few,
            num_generators=options.around(2, 1, 3),
            num_altars=few,
            agents=agents,
            border_width=2,
        )
    side = options.around(5, 3, 8)
    return TwoRoomsCoord(
        side, side, num_shared_generators=few, num_altars=few, num_mines=few, agents=agents, border_width=2
    )
