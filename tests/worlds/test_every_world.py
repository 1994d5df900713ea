"""Every registered world is put through the common test."""

from __future__ import annotations

import pytest

from metta_jax import worlds
from tests.worlds.api_test import api_test, check_map, map_of


@pytest.mark.parametrize("name", worlds.list())
def test_api(name: str) -> None:
    api_test(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", worlds.list())
def test_twenty_seeds(name: str) -> None:
    """Maps of any seed, and the rules of any seed."""
    for seed in range(20):
        world = worlds.sample(name, seed)
        check_map(world, map_of(world, seed))
