"""Map generators and the ASCII format: host code in NumPy, a function of the seed."""

from metta_jax.mapgen.ascii import SYMBOLS, from_text, name_of, read_map, symbol_of, to_text
from metta_jax.mapgen.game_map import EMPTY, WALL, GameMap, Grid, MapBuilder, build_maps
from metta_jax.mapgen.map_gen import MapGen
from metta_jax.mapgen.rooms import AsciiRoom, FixedMap, RandomRoom
from metta_jax.mapgen.scene import Area, Child, Scene, SceneNode, render, scene_tree
from metta_jax.mapgen.scenes import MakeConnected, Random, RoomGrid

__all__ = [
    "EMPTY",
    "SYMBOLS",
    "WALL",
    "Area",
    "AsciiRoom",
    "Child",
    "FixedMap",
    "GameMap",
    "Grid",
    "MakeConnected",
    "MapBuilder",
    "MapGen",
    "Random",
    "RandomRoom",
    "RoomGrid",
    "Scene",
    "SceneNode",
    "build_maps",
    "from_text",
    "name_of",
    "read_map",
    "render",
    "scene_tree",
    "symbol_of",
    "to_text",
]
