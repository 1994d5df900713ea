"""Rooms: map builders without scenes."""

from metta_jax.mapgen.rooms.basic import AsciiRoom, FixedMap, RandomRoom
from metta_jax.mapgen.rooms.boxes import BoxShare, Boxy
from metta_jax.mapgen.rooms.coordination import CentralTableLayout, ConfinedRoomCoord, TwoRoomsCoord
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.rooms.streets import Manhatten, NarrowWorld
from metta_jax.mapgen.rooms.terrain import CylinderWorld, VariedTerrain

__all__ = [
    "AsciiRoom",
    "BoxShare",
    "Boxy",
    "CentralTableLayout",
    "ConfinedRoomCoord",
    "CylinderWorld",
    "FixedMap",
    "Manhatten",
    "NarrowWorld",
    "RandomRoom",
    "Room",
    "TwoRoomsCoord",
    "VariedTerrain",
]
