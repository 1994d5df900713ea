"""A vector of environments: gymnasium's same-step autoreset, and the episodes of the single environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from metta_jax.adapters import GymnasiumEnv, GymnasiumVectorEnv
from tests.adapters import worlds
from tests.mettagrid.small_world import NOOP


@pytest.fixture(scope="module")
def env() -> GymnasiumVectorEnv:
    return GymnasiumVectorEnv(worlds.alone(), num_envs=3)


def test_spaces(env: GymnasiumVectorEnv) -> None:
    assert isinstance(env, gymnasium.vector.VectorEnv)
    assert env.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.SAME_STEP
    assert (env.num_envs, env.num_agents) == (3, 1)
    assert env.observation_space.shape == (3, 24, 3)
    assert env.single_observation_space == gymnasium.spaces.Box(0, 255, (24, 3), np.uint8)
    assert env.single_action_space == gymnasium.spaces.MultiDiscrete([4, 4], dtype=np.int32)
    actions = env.action_space.sample()
    assert (actions.shape, actions.dtype) == ((3, 2), np.int32)


def test_same_as_gymnasiums_vector_of_single_environments(env: GymnasiumVectorEnv) -> None:
    """Observations, rewards, flags, final observations and infos of the first episodes, and when the next begin."""
    reference = gymnasium.vector.SyncVectorEnv(
        [lambda: GymnasiumEnv(worlds.alone())] * 3, autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP
    )
    observation, infos = env.reset(seed=[5, 9, 2])
    expected, _ = reference.reset(seed=[5, 9, 2])
    np.testing.assert_array_equal(observation, expected)
    assert (infos, observation in env.observation_space) == ({}, True)
    env.action_space.seed(3)
    for t in range(4):
        actions = env.action_space.sample()
        *ours, infos = env.step(actions)
        *theirs, expected_infos = reference.step(actions)
        # Where an episode ends the next one follows from other seeds; its observation is not compared.
        for x, y in zip(ours if t < 3 else ours[1:], theirs if t < 3 else theirs[1:], strict=True):
            np.testing.assert_array_equal(x, y)
            assert x.shape[0] == 3
        assert bool(infos) == bool(expected_infos) == (t == 3)
    assert (ours[1].dtype, ours[2].dtype, ours[3].dtype) == (np.float32, bool, bool)
    assert ours[3].tolist() == [True, True, True]
    assert infos["_final_obs"].tolist() == expected_infos["_final_obs"].tolist()
    for x, y in zip(infos["final_obs"], expected_infos["final_obs"], strict=True):
        np.testing.assert_array_equal(x, y)
    ours_info, theirs_info = infos["final_info"], expected_infos["final_info"]
    for key in ("task_reward/game/rewards.mean", "task_completions/game"):
        np.testing.assert_array_equal(ours_info[key], theirs_info[key])
    assert ours_info["agent"].keys() == theirs_info["agent"].keys()
    for key, values in ours_info["agent"].items():
        np.testing.assert_array_equal(values, theirs_info["agent"][key])
    assert ours_info["attributes"]["seed"].tolist() == [5, 9, 2]
    assert ours_info["attributes"]["steps"].tolist() == [4, 4, 4]
    assert env.done.all()
    assert env.current_step.tolist() == [0, 0, 0]  # the next episodes have begun
    first = ours[0][:, 0].tolist()
    assert all(location_feature[1] == 8 and location_feature[2] == 0 for location_feature in first)


def test_one_seed_is_counted_up(env: GymnasiumVectorEnv) -> None:
    single = GymnasiumEnv(worlds.alone())
    observation, _ = env.reset(seed=20)
    for i in range(3):
        np.testing.assert_array_equal(observation[i], single.reset(seed=20 + i)[0])
    hashes = env.initial_grid_hash
    env.reset()
    env.reset(seed=20)
    assert env.initial_grid_hash == hashes
    assert len(env.grid_objects) == 3
    env.step(np.full((3, 2), NOOP, np.int32) * np.array([1, 0], np.int32))
    assert env.action_success.tolist() == [True, True, True]


def test_wrong_arguments(env: GymnasiumVectorEnv) -> None:
    with pytest.raises(ValueError, match="num_agents: 2 is not 1"):
        GymnasiumVectorEnv(worlds.pair(), num_envs=2)
    with pytest.raises(ValueError, match="num_envs: 0 is not a positive integer"):
        GymnasiumVectorEnv(worlds.alone(), num_envs=0)
    with pytest.raises(ValueError, match="seed: 2 seeds for 3 environments"):
        env.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.ones(3, bool)})
    with pytest.raises(ValueError, match=r"actions has shape \[2, 2\] but expected \[3, 2\]"):
        env.reset(seed=0)
        env.step(np.zeros((2, 2), np.int32))
    with pytest.raises(RuntimeError, match="call reset first"):
        GymnasiumVectorEnv(worlds.alone(), num_envs=2).step(np.zeros((2, 2), np.int32))
