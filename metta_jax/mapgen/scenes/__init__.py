"""The scenes that maps are composed of."""

from metta_jax.mapgen.scenes.connect import MakeConnected
from metta_jax.mapgen.scenes.drawn import Ascii, InlineAscii
from metta_jax.mapgen.scenes.fill import MeanDistance, Nop, Random, RandomObjects, RemoveAgents
from metta_jax.mapgen.scenes.layouts import Layout, LayoutArea, RoomGrid
from metta_jax.mapgen.scenes.left_and_right import MultiLeftAndRight
from metta_jax.mapgen.scenes.mazes import Maze, RadialMaze

__all__ = [
    "Ascii",
    "InlineAscii",
    "Layout",
    "LayoutArea",
    "MakeConnected",
    "Maze",
    "MeanDistance",
    "MultiLeftAndRight",
    "Nop",
    "RadialMaze",
    "Random",
    "RandomObjects",
    "RemoveAgents",
    "RoomGrid",
]
