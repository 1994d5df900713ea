"""Every registered world is put through the common test, and played against the sequential oracle."""

from __future__ import annotations

import pytest

from metta_jax import worlds
from tests.worlds.api_test import api_test, check_map, map_of, play_against_oracle

# One of each kind of rules and maps, small ones: every world is a compilation of its own.
REPRESENTATIVES = (
    "debug",  # two actions
    "laser_tag",  # teams, armor, sources without inputs
    "memory/evals/which_way",
    "navigation/evals/walls_withinsight",
    "object_use/evals/lasery_use",  # ten items
    "cooperation/experimental/confined_room_coord",  # shared rewards
)


@pytest.mark.parametrize("name", worlds.list())
def test_api(name: str) -> None:
    api_test(name)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_few_steps_as_the_oracle(name: str) -> None:
    play_against_oracle(name, num_steps=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", worlds.list())
def test_a_hundred_steps_as_the_oracle(name: str) -> None:
    play_against_oracle(name, num_steps=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", worlds.list())
def test_twenty_seeds(name: str) -> None:
    """Maps of any seed, and the rules of any seed."""
    for seed in range(20):
        world = worlds.sample(name, seed)
        check_map(world, map_of(world, seed))
