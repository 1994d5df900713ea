"""Rooms: map builders without scenes."""

from metta_jax.mapgen.rooms.basic import AsciiRoom, FixedMap, RandomRoom
from metta_jax.mapgen.rooms.room import Room

__all__ = ["AsciiRoom", "FixedMap", "RandomRoom", "Room"]
