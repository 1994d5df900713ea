"""navigation/training: one agent in each of four rooms with many altars, to learn what navigation/evals asks for."""

from __future__ import annotations

from functools import partial
from typing import Any

from metta_jax.config import EnvConfig
from metta_jax.mapgen import CylinderWorld, MapGen, MultiRoom, Random, TerrainFromNumpy, VariedTerrain
from metta_jax.mapgen.rooms.terrain import TerrainStyle
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

TERRAIN_STYLES: dict[str, TerrainStyle] = {
    "sparse": "all-sparse",
    "balanced": "balanced",
    "dense": "dense",
    "maze": "maze",
}
"""What the names of worlds call a style -> what `VariedTerrain` calls it."""

_FAMILY = "navigation/training"
_NUM_ROOMS = 4
_SIZED = ("num_agents", "width", "height", "items", "num_rooms", "objects")
_UNSIZED = ("num_agents", "items", "num_rooms", "objects")


def navigation_training_worlds() -> dict[str, World]:
    """navigation/training: terrains by style and size, cylinders, and `sparse`."""

    def world(name: str, description: str, takes: tuple[str, ...]) -> World:
        return World(partial(_rooms, name), description, takes, sampling=1.0)

    worlds = {
        "terrain_from_numpy": world("terrain_from_numpy", "Altars on land of any style and size.", _UNSIZED),
        "cylinder_world": world("cylinder_world", "Altars between pairs of parallel walls.", _SIZED),
        "sparse": World(_sparse, "A few altars in very wide empty rooms.", _SIZED, sampling=1.0),
    }
    for style in TERRAIN_STYLES:
        name = f"varied_terrain_{style}"
        worlds[name] = world(name, f"Altars on land with obstacles and labyrinths ({style}).", _SIZED)
    for size in ("small", "medium", "large"):
        worlds[size] = world(size, f"Altars on a {size} piece of land of any style.", _UNSIZED)
    return {f"{_FAMILY}/{name}": item for name, item in worlds.items()}


def _rooms(name: str, options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(_NUM_ROOMS)
    agents = options.agents_per_room(1, rooms)
    is_sparse = name == "varied_terrain_sparse"
    altars = options.around(3, 1, 5) if is_sparse else options.around(25, 3, 50)
    content: dict[str, Any] = {"objects": options.counts({"altar": altars}), "agents": agents, "border_width": 3}
    if name == "cylinder_world":
        size = {key: side for key, side in (("width", options.width), ("height", options.height)) if side}
        room = CylinderWorld(**size, **content)
    elif name.startswith("varied_terrain_"):
        width, height = options.size(60, 60)
        room = VariedTerrain(width, height, style=TERRAIN_STYLES[name.rpartition("_")[2]], **content)
    else:
        room = TerrainFromNumpy(dir="" if name == "terrain_from_numpy" else name, **content)
    return _world(rooms * agents, MultiRoom(room, rooms, border_width=6), 1000, options)


def _sparse(options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(_NUM_ROOMS)
    agents = options.agents_per_room(1, rooms)
    side = options.around(90, 60, 120)
    content = Random(objects=options.counts({"altar": options.around(5, 1, 10)}), agents=agents)
    maps = MapGen(
        content,
        width=options.width or side,
        height=options.height or side,
        instances=rooms,
    )
    return _world(rooms * agents, maps, 255, options, limit=5)


def _world(num_agents: int, maps: object, altar_cooldown: int, options: WorldOptions, **rules: Any) -> EnvConfig:
    game = base_game(
        num_agents=num_agents,
        object_sets=("basic",),
        items=options.items or "classic",
        without=("attack", "put_items", "swap"),
        changes={"altar": {"initial_resource_count": 1, "cooldown": altar_cooldown}},
        **rules,
    )
    return EnvConfig(game=game, map_builder=maps)
