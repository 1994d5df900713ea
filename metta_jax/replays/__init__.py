"""Replays of format 1: reading, writing and checking them. `sim` records them, `viewer` shows them."""

from metta_jax.replays.check import check_replay
from metta_jax.replays.file import read_replay, write_replay
from metta_jax.replays.replay import Replay

__all__ = ["Replay", "check_replay", "read_replay", "write_replay"]
