"""A policy plays engines that know nothing of JAX, and other ones than it was trained on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.adapters import EngineFacts, GymnasiumEnv, NumpyEnv, PettingZooEnv, PolicyDriver
from metta_jax.agent import Agent
from tests.adapters import worlds
from tests.agent.facts import randomize, small_config


@pytest.fixture(scope="module")
def agent() -> Agent:
    config = small_config()
    config["components"]["cnn1"]["nn_params"]["stride"] = 1
    return Agent(NumpyEnv(worlds.pair()), config)


@pytest.fixture(scope="module")
def params(agent: Agent) -> Any:
    return randomize(agent.init(jax.random.key(0)))


def facts(**changes: Any) -> EngineFacts:
    """The facts of the small world, as a foreign program would write them down."""
    env = NumpyEnv(worlds.pair())
    values: dict[str, Any] = {
        "action_names": list(env.action_names),
        "max_action_args": dict(zip(env.action_names, env.max_action_args, strict=True)),
        "features": env.get_observation_features(),
        "obs_width": 3,
        "obs_height": 3,
        "num_observation_tokens": 24,
    }
    return EngineFacts(**{**values, **changes})


def test_memory_and_seed(agent: Agent, params: Any) -> None:
    env = NumpyEnv(worlds.pair())
    observation, _ = env.reset(0)
    driver = PolicyDriver(agent, params, seed=5)
    carry, seeds = None, np.random.default_rng(5)
    for _ in range(4):
        actions = driver(observation)
        expected, carry = agent.act_numpy(params, observation, carry, int(seeds.integers(1 << 32)))
        np.testing.assert_array_equal(actions, expected)
        assert (actions.shape, actions.dtype) == ((2, 2), np.int32)
        observation = env.step(actions)[0]
    np.testing.assert_array_equal(
        PolicyDriver(agent, params, greedy=True)(observation), agent.act_numpy(params, observation, greedy=True)[0]
    )


def test_reset_forgets(agent: Agent, params: Any) -> None:
    observations = [NumpyEnv(worlds.pair()).reset(0)[0], np.full((2, 24, 3), 255, np.uint8)]
    driver = PolicyDriver(agent, params, greedy=True)

    def memory() -> np.ndarray:
        assert driver._recurrent is not None
        return driver._recurrent[1]

    driver(observations[1])
    fresh = memory()
    driver.reset()
    driver(observations[0])
    driver(observations[1], reset=[True, False])
    np.testing.assert_array_equal(memory()[:, 0], fresh[:, 0])
    assert not np.array_equal(memory()[:, 1], fresh[:, 1])
    driver.reset()
    driver(observations[1])
    np.testing.assert_array_equal(memory(), fresh)


def test_an_engine_with_other_ids_and_another_order_of_actions(agent: Agent, params: Any) -> None:
    """The same world as another engine would number it: the policy does the same things."""
    names = {"noop": 0, "rotate": 3, "move": 1, "get_output": 0}
    features = NumpyEnv(worlds.pair()).get_observation_features()
    renumbered = {name: {**entry, "id": 200 - int(entry["id"])} for name, entry in features.items()}
    other = facts(action_names=list(names), max_action_args=names, features=renumbered, num_observation_tokens=30)
    observation, _ = NumpyEnv(worlds.pair()).reset(0)
    foreign = np.full((2, 30, 3), 255, np.uint8)
    used = observation[..., 0] != 255
    foreign[:, :24] = observation
    foreign[:, :24, 1][used] = 200 - observation[..., 1][used]
    ours = PolicyDriver(agent, params, greedy=True)(observation)
    theirs = PolicyDriver(agent, params, other, greedy=True)(foreign)
    actions = NumpyEnv(worlds.pair()).action_names
    assert [(actions[k], a) for k, a in ours.tolist()] == [(list(names)[k], a) for k, a in theirs.tolist()]


def test_it_plays_in_every_adapter(agent: Agent, params: Any) -> None:
    driver = PolicyDriver(agent, params, facts(), greedy=True)
    single = GymnasiumEnv(worlds.pair(), others=PolicyDriver(agent, params, greedy=True))
    plain, zoo = NumpyEnv(worlds.pair()), PettingZooEnv(worlds.pair())
    observation, _ = plain.reset(2)
    seen, _ = single.reset(seed=2)
    observations, _ = zoo.reset(seed=2)
    hand = PolicyDriver(agent, params, greedy=True)
    for _ in range(4):
        np.testing.assert_array_equal(seen, observation[0])
        np.testing.assert_array_equal(np.stack(list(observations.values())), observation)
        actions = driver(observation)
        observation = plain.step(actions)[0]
        action = hand(seen)
        assert action.tolist() == actions[0].tolist()
        seen = single.step(action)[0]
        observations = zoo.step(dict(zip(zoo.agents, actions, strict=True)))[0]


def test_wrong_arguments(agent: Agent, params: Any) -> None:
    driver = PolicyDriver(agent, params, facts())
    with pytest.raises(ValueError, match=r"observations has shape \[2, 9, 3\] but expected \[2, 24, 3\]"):
        driver(np.zeros((2, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="observations has dtype float64 but expected uint8"):
        driver(np.zeros((2, 24, 3)))
    with pytest.raises(ValueError, match="observations has shape"):
        driver(np.zeros(3, np.uint8))
    driver(np.zeros((2, 24, 3), np.uint8))
    with pytest.raises(ValueError, match="LSTM state batch size mismatch"):
        driver(np.zeros((1, 24, 3), np.uint8))
    with pytest.raises(ValueError, match="window"):
        PolicyDriver(agent, params, facts(obs_width=5, obs_height=5))
    with pytest.raises(ValueError, match="seed: -1 is not"):
        PolicyDriver(agent, params, seed=-1)
