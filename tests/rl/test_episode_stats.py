"""The statistics of the episodes that ended in a rollout, against those of each environment by itself."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from metta_jax import worlds
from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.worlds.environment import Environment

NUM_ENVS, SLOTS = 3, 8


def _training(stats: Any = "totals") -> TrainingComponents:
    world = worlds.get("default", num_agents=2, width=8, height=8)
    world = world.model_copy(update={"game": world.game.model_copy(update={"max_steps": 5})})
    env = Environment(env_config=world, num_envs=NUM_ENVS, num_maps=2, stats=stats)
    config = TrainerConfig(batch_size=48, minibatch_size=48, bptt_horizon=SLOTS)
    return TrainingComponents.create(env, Agent(env, "fast"), config)


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    return _training()


def _last_states(training: TrainingComponents, state: TrainState) -> list[Any]:
    """The final state of every episode that ends in the next rollout, each environment played alone."""
    env, last = training.plan.env, []
    assert isinstance(env, Environment)
    play = jax.jit(env.mettagrid.step)
    state = training.reset_for_rollout(state)
    for slot in range(SLOTS):
        before = state.env_state
        state, info = training.rollout_step(state)
        for i in np.flatnonzero(info["done"]):
            alone = jax.tree.map(lambda x, i=i: x[i], before.env)
            actions = state.experience.action[:, slot].reshape(NUM_ENVS, 2, 2)[i]
            last.append(play(env.params, alone, actions)[0])
    return last


def test_they_are_those_of_each_episode_by_itself(training: TrainingComponents) -> None:
    state, _ = training.rollout(training.init(jax.random.key(5)))
    env = training.plan.env
    assert isinstance(env, Environment)
    grid, params = env.mettagrid, env.params
    last = _last_states(training, state)
    state, _ = training.rollout(state)
    found = training.episode_stats(state)
    assert len(last) >= NUM_ENVS
    expected: dict[str, float] = {}
    for final in last:
        for agent in grid.episode_stats(params, final)["agent"]:
            for name, value in agent.items():
                expected[f"agent/{name}"] = expected.get(f"agent/{name}", 0.0) + value / (2 * len(last))
    assert any(name.startswith("agent/action.move") for name in expected)
    assert {n: v for n, v in found.items() if n.startswith("agent/")} == pytest.approx(expected)
    assert found["attributes/steps"] == pytest.approx(np.mean([int(final.step) for final in last]))
    returns = [float(np.mean(final.episode_return)) for final in last]
    assert found["task_reward/env_config/rewards.mean"] == pytest.approx(np.mean(returns))


def test_they_last_until_the_next_rollout(training: TrainingComponents) -> None:
    state = training.init(jax.random.key(5))
    assert training.episode_stats(state) == {}
    state, batch = training.rollout(state)
    after, _ = training.update(state, batch)
    assert training.episode_stats(after) == training.episode_stats(state) != {}
    assert training.episode_stats(training.reset_for_rollout(after)) == {}


def test_without_statistics_there_are_rewards_and_lengths() -> None:
    training = _training("none")
    state, _ = training.rollout(training.init(jax.random.key(5)))
    assert set(training.episode_stats(state)) == {"attributes/steps", "task_reward/env_config/rewards.mean"}
