"""Maps are made fast enough to start at once."""

from __future__ import annotations

import time

from metta_jax.mapgen import build_maps
from metta_jax.worlds.registry import get_world


def test_a_thousand_maps_of_simple_take_less_than_ten_seconds_of_one_core() -> None:
    builder = get_world("simple").map_builder
    build_maps(builder, seed=0, num_maps=2)
    start = time.process_time()
    build_maps(builder, seed=0, num_maps=100)
    assert time.process_time() - start < 1
