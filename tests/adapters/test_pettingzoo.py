"""PettingZoo's own checks, and what they do not look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test
from pettingzoo.test.seed_test import parallel_seed_test
from pettingzoo.utils.conversions import parallel_to_aec

from metta_jax.adapters import NumpyEnv, PettingZooEnv
from tests.adapters import worlds
from tests.mettagrid.small_world import MOVE, NOOP


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("world", "options"),
    [
        (worlds.pair, {}),
        (worlds.alone, {}),
        slow("default", {"width": 8, "height": 8}),
        slow("forage", {"num_agents": 2, "width": 8, "height": 8}),
        slow("arena/basic", {}),
        slow("arena/combat", {}),
        slow("simple", {}),
    ],
)
def test_pettingzoos_checks(world: Any, options: dict[str, Any]) -> None:
    def make() -> PettingZooEnv:
        return PettingZooEnv(world()) if callable(world) else PettingZooEnv(world, num_maps=2, **options)

    parallel_api_test(make(), num_cycles=50)
    parallel_seed_test(make, num_cycles=10)


# It wants Box or Discrete; two numbers are the engine's actions.
@pytest.mark.filterwarnings("ignore:Action space for each agent probably should be:UserWarning")
def test_agents_one_after_another() -> None:
    """Through PettingZoo's own conversion."""
    api_test(parallel_to_aec(PettingZooEnv(worlds.pair())), num_cycles=10)


def test_an_episode() -> None:
    env, plain = PettingZooEnv(worlds.pair()), NumpyEnv(worlds.pair())
    assert env.possible_agents == ["agent_0", "agent_1"]
    assert (env.agents, env.num_agents, env.max_num_agents) == ([], 0, 2)
    observations, infos = env.reset(seed=6)
    expected, _ = plain.reset(6)
    assert (list(observations), infos, env.num_agents) == (["agent_0", "agent_1"], {"agent_0": {}, "agent_1": {}}, 2)
    for t in range(4):
        observations, rewards, terminations, truncations, infos = env.step({"agent_1": [MOVE, 1]})
        expected, expected_rewards, *_ = plain.step([[NOOP, 0], [MOVE, 1]])
        np.testing.assert_array_equal(np.stack(list(observations.values())), expected)
        np.testing.assert_array_equal(env.state(), expected.reshape(-1))
        assert env.state() in env.state_space
        assert rewards == dict(zip(env.possible_agents, expected_rewards.tolist(), strict=True))
        assert set(terminations.values()) == {t == 3}
        assert set(truncations.values()) == {False}
    assert (env.agents, env.done) == ([], True)
    assert infos["agent_0"]["attributes"]["steps"] == 4
    assert infos["agent_0"] is not infos["agent_1"]
    assert env.step({}) == ({}, {}, {}, {}, {})
    env.reset()
    assert env.num_agents == 2


def test_wrong_actions() -> None:
    env = PettingZooEnv(worlds.pair())
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step({})
    with pytest.raises(RuntimeError, match="call reset first"):
        env.state()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="actions: no agent 'agent_2'; there are agent_0 .. agent_1"):
        env.step({"agent_2": [0, 0]})
    with pytest.raises(ValueError, match=r"actions.agent_0 has shape \[1\] but expected \[2\]"):
        env.step({"agent_0": [0]})
