"""Rooms: map builders without scenes."""

from metta_jax.mapgen.rooms.basic import AsciiRoom, FixedMap, RandomRoom
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.rooms.terrain import CylinderWorld, VariedTerrain

__all__ = ["AsciiRoom", "CylinderWorld", "FixedMap", "RandomRoom", "Room", "VariedTerrain"]
