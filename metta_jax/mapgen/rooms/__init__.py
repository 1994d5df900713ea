"""Rooms: map builders without scenes."""

from metta_jax.mapgen.rooms.basic import AsciiRoom, FixedMap, RandomRoom
from metta_jax.mapgen.rooms.boxes import BoxShare, Boxy
from metta_jax.mapgen.rooms.cognitive import BarrierMaze, CorridorMaze, ExploreExploit, RoomWithinRoom
from metta_jax.mapgen.rooms.coordination import CentralTableLayout, ConfinedRoomCoord, TwoRoomsCoord
from metta_jax.mapgen.rooms.lists import MultiRoom, RoomList, RoomScene
from metta_jax.mapgen.rooms.mazes import MazeKruskal, MazePrim
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.rooms.stored_terrain import TerrainFromNumpy
from metta_jax.mapgen.rooms.streets import Manhatten, NarrowWorld
from metta_jax.mapgen.rooms.terrain import CylinderWorld, VariedTerrain

__all__ = [
    "AsciiRoom",
    "BarrierMaze",
    "BoxShare",
    "Boxy",
    "CentralTableLayout",
    "ConfinedRoomCoord",
    "CorridorMaze",
    "CylinderWorld",
    "ExploreExploit",
    "FixedMap",
    "Manhatten",
    "MazeKruskal",
    "MazePrim",
    "MultiRoom",
    "NarrowWorld",
    "RandomRoom",
    "Room",
    "RoomList",
    "RoomScene",
    "RoomWithinRoom",
    "TerrainFromNumpy",
    "TwoRoomsCoord",
    "VariedTerrain",
]
