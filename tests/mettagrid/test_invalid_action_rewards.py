"""Rewards for single invalid actions, whose statistics are kept only if a reward names them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import GameConfig
from metta_jax.mettagrid import MettaGrid, TaskGrid
from tests.mettagrid.small_world import MAP, game
from tests.oracle import Oracle

REWARDS = {
    "action.invalid_type.-1.0": 0.25,
    "action.invalid_type.9.3.updates": 0.5,
    "action.invalid_arg.1.2": 1.0,
    "action.invalid_arg.1.2_max": 1.0,
    "action.invalid_type.-1.0.last_step": 0.125,
    f"action.invalid_type.{2**40}.0": 1.0,
}
ACTIONS = [[[-1, 0], [2, 0]], [[9, 3], [1, 2]], [[-1, 0], [1, 2]], [[-1, 1], [9, 3]], [[2, 0], [-(2**31), 0]]]


def rewarded(*more: str, **rewards: float) -> dict[str, Any]:
    config = game(max_steps=0)
    config["agent"] = config["agent"] | {"action_failure_penalty": 0.01, "rewards": {"stats": rewards}}
    config["actions"] = config["actions"] | {name: {"enabled": True} for name in more}
    return config


@pytest.mark.parametrize(
    ("attack", "path"),
    [
        ((), "narrow"),
        (("attack",), "wide"),
        pytest.param((), "wide", marks=pytest.mark.slow),
        pytest.param(("attack",), "narrow", marks=pytest.mark.slow),
    ],
)
def test_agrees_with_the_oracle(attack: tuple[str, ...], path: str) -> None:
    config = rewarded(*attack, **REWARDS)
    env, oracle = MettaGrid(GameConfig.model_validate(config), [MAP], engine_path=path), Oracle(config, [MAP])
    order = np.arange(2, dtype=np.int32)
    state, _ = env.reset(env.params, jax.random.key(0), 0)
    world, _ = oracle.reset(map_index=0)
    for actions in np.asarray(ACTIONS, np.int32):
        state, timestep = env.step(env.params, state, jnp.asarray(actions), order)
        world, expected = oracle.step(None, world, actions, order)
        np.testing.assert_array_equal(timestep.reward, expected.reward)
    assert np.asarray(state.episode_return).min() > 0.1
    stats = env.episode_stats(env.params, state)["agent"][0]
    assert stats["action.invalid_type.-1.0"] == 2 * (1 + len(attack))
    assert not any(name.startswith("action.invalid_type.-1.1") for name in stats)  # not named by a reward


def test_costs_nothing_where_no_reward_names_one() -> None:
    sizes = []
    for rewards in ({}, {"action.noop.success": 1.0}, {"action.invalid_arg.1.2": 1.0}):
        env = MettaGrid(GameConfig.model_validate(rewarded(**rewards)), [MAP])
        sizes.append(len(set(env.agent_stat_names[0].values())))
    assert sizes[0] == sizes[1] == sizes[2] - 1


def test_numbers_of_actions_must_mean_the_same_in_all_tasks() -> None:
    games = [GameConfig.model_validate(rewarded(*more, **REWARDS)) for more in ((), ("swap",))]
    with pytest.raises(ValueError, match=r"rewards.stats: action.invalid_arg.1.2 names an action by its number"):
        TaskGrid(games, [[MAP], [MAP]])
