"""An Environment whose maps are drawn on the device."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from metta_jax.worlds.environment import Environment


def test_maps_of_an_environment() -> None:
    env = Environment("default", num_envs=3, num_agents=2, width=9, height=8, fresh_maps=True, num_maps=1)
    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0))
    places = []
    for index in range(3):
        objects = env.mettagrid.grid_objects(env.params_of(state, index), _one(state.env, index))
        names = [thing["type"] for thing in objects.values()]
        # A border of two cells, and what the world puts in it.
        assert len(names) == 2 * 2 * (13 + 8) + 2 + 2 + 1 + 1 + 5 + 3
        places.append(tuple(sorted((thing["r"], thing["c"]) for thing in objects.values())))
    assert len(set(places)) == 3
    assert np.asarray(state.maps.grid).shape[0] == 3


def test_the_index_of_a_fresh_map_says_nothing() -> None:
    """Whatever stands there, each environment plays on the map that was drawn for it."""
    env = Environment("default", num_envs=3, num_agents=2, width=9, height=8, fresh_maps=True, num_maps=1)
    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0))
    moved = state.replace(env=state.env.replace(map_index=state.env.map_index + 3))
    actions = np.zeros((3, 2, 2), np.int32)
    step = jax.jit(env.step)
    (after, timestep), (expected, first) = step(env.params, moved, actions), step(env.params, state, actions)
    np.testing.assert_array_equal(after.env.map_index, [0, 0, 0])  # each has one map: its own
    np.testing.assert_array_equal(timestep.observation, first.observation)
    np.testing.assert_array_equal(after.env.grid, expected.env.grid)


def test_worlds_that_cannot() -> None:
    with pytest.raises(ValueError, match="is not a RandomRoom, and not a MapGen whose root is Random"):
        Environment("medium", fresh_maps=True)


def _one(states, index: int):
    return jax.tree.map(lambda x: x[index], states)
