"""Worlds by gymnasium's ids."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from metta_jax import worlds
from metta_jax.adapters import GymnasiumEnv, GymnasiumVectorEnv, register_worlds

SMALL = {"num_agents": 1, "width": 8, "height": 8, "num_maps": 2}


@pytest.fixture
def ids() -> dict[str, str]:
    """The ids, registered as often as there are tests."""
    return register_worlds()


def test_every_world_has_an_id(ids: dict[str, str]) -> None:
    assert set(ids.values()) == set(worlds.list())
    assert ids["metta_jax/arena-basic-v0"] == "arena/basic"
    assert set(ids) <= set(gymnasium.registry)


def test_make(ids: dict[str, str]) -> None:
    env = gymnasium.make("metta_jax/forage-v0", width=8, height=8, num_maps=1)
    assert isinstance(env.unwrapped, GymnasiumEnv)
    assert (env.unwrapped.num_agents, env.unwrapped.agent) == (4, 0)
    assert env.observation_space.shape == (200, 3)
    vector = gymnasium.make_vec("metta_jax/forage-v0", 3, vectorization_mode="vector_entry_point", **SMALL)
    assert isinstance(vector.unwrapped, GymnasiumVectorEnv)
    assert vector.observation_space.shape == (3, 200, 3)


@pytest.mark.slow
def test_gymnasiums_check_with_all_render_modes(ids: dict[str, str]) -> None:
    check_env(gymnasium.make("metta_jax/default-v0", **SMALL).unwrapped)
