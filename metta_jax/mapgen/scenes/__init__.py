"""The scenes that maps are composed of."""

from metta_jax.mapgen.scenes.auto import Auto
from metta_jax.mapgen.scenes.bsp import BSP, BSPLayout
from metta_jax.mapgen.scenes.connect import MakeConnected
from metta_jax.mapgen.scenes.convchain import ConvChain
from metta_jax.mapgen.scenes.drawn import Ascii, InlineAscii
from metta_jax.mapgen.scenes.fill import MeanDistance, Nop, Random, RandomObjects, RemoveAgents
from metta_jax.mapgen.scenes.layouts import Layout, LayoutArea, RoomGrid
from metta_jax.mapgen.scenes.left_and_right import MultiLeftAndRight
from metta_jax.mapgen.scenes.mazes import Maze, RadialMaze
from metta_jax.mapgen.scenes.mirror import Mirror
from metta_jax.mapgen.scenes.pick import Candidate, RandomScene, RandomSceneFromDir
from metta_jax.mapgen.scenes.wfc import WFC

__all__ = [
    "BSP",
    "WFC",
    "Ascii",
    "Auto",
    "BSPLayout",
    "Candidate",
    "ConvChain",
    "InlineAscii",
    "Layout",
    "LayoutArea",
    "MakeConnected",
    "Maze",
    "MeanDistance",
    "Mirror",
    "MultiLeftAndRight",
    "Nop",
    "RadialMaze",
    "Random",
    "RandomObjects",
    "RandomScene",
    "RandomSceneFromDir",
    "RemoveAgents",
    "RoomGrid",
]
