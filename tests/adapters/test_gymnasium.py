"""Gymnasium's own checks, and what they do not look at."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import (
    check_env,
    check_reset_options,
    check_reset_return_type,
    check_reset_seed_determinism,
)

from metta_jax.adapters import (
    GymnasiumEnv,
    GymnasiumMultiAgentEnv,
    MultiToDiscreteWrapper,
    NumpyEnv,
    SingleAgentWrapper,
    make_game,
)
from tests.adapters import worlds
from tests.mettagrid.small_world import GET, MOVE, NOOP, ROTATE

# Without a registered id gymnasium cannot make more environments to look at their render modes.
without_spec = pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes.*:UserWarning")
wrapped = pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version.*:UserWarning")


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


@without_spec
@pytest.mark.parametrize(
    ("world", "options"),
    [
        (worlds.alone, {}),
        (worlds.pair, {"others": "idle", "agent": 1}),
        slow("default", {"num_agents": 1, "width": 8, "height": 8}),
        slow("forage", {"num_agents": 2, "width": 8, "height": 8, "others": "idle"}),
        slow("arena/basic", {"others": "idle"}),
        slow("arena/combat", {"others": "idle"}),
        slow("simple", {"others": "idle"}),
    ],
)
def test_gymnasiums_check(world: Any, options: dict[str, Any]) -> None:
    game = world() if callable(world) else None
    env = GymnasiumEnv(game or world, **options, **({} if game else {"num_maps": 2}))
    check_env(env)


@without_spec
@wrapped
def test_gymnasiums_check_of_the_wrappers() -> None:
    check_env(SingleAgentWrapper(GymnasiumMultiAgentEnv(worlds.alone())))
    check_env(MultiToDiscreteWrapper(SingleAgentWrapper(GymnasiumMultiAgentEnv(worlds.alone()))))
    check_env(MultiToDiscreteWrapper(GymnasiumEnv(worlds.alone())))


def test_several_agents_pass_what_gymnasium_can_check_of_them() -> None:
    env = GymnasiumMultiAgentEnv(worlds.pair())
    check_reset_seed_determinism(env)
    check_reset_options(env)
    check_reset_return_type(env)
    assert isinstance(env.observation_space, gymnasium.spaces.Tuple)
    assert len(env.observation_space) == len(env.action_space) == 2
    assert env.observation_space[0] == gymnasium.spaces.Box(0, 255, (24, 3), np.uint8)
    assert env.action_space[0] == gymnasium.spaces.MultiDiscrete([4, 4], dtype=np.int32)


def test_several_agents_play_as_in_numpy() -> None:
    env, plain = GymnasiumMultiAgentEnv(worlds.pair()), NumpyEnv(worlds.pair())
    np.testing.assert_array_equal(env.reset(seed=4)[0], plain.reset(4)[0])
    env.action_space.seed(0)
    for _ in range(4):
        actions = env.action_space.sample()
        ours, theirs = env.step(actions), plain.step(np.stack(actions))
        for x, y in zip(ours[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(x, y)
    assert ours[4]["agent"] == theirs[4]["agent"]
    assert (env.num_agents, env.current_step, env.done) == (2, 4, True)


def test_one_agent_among_idle_ones() -> None:
    env = GymnasiumEnv(worlds.pair(), agent=1, others="idle")
    observation, info = env.reset(seed=0)
    assert (observation.shape, info) == ((24, 3), {})
    env.step(np.array([MOVE, 0], np.int32))
    assert env.action_success.tolist() == [True, False]  # noop, and against the wall
    _, reward, terminated, truncated, _ = env.step(np.array([ROTATE, 1], np.int32))
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)


def test_others_play_by_a_policy() -> None:
    class Digger:
        resets = 0

        def reset(self) -> None:
            self.resets += 1

        def __call__(self, observations: np.ndarray) -> np.ndarray:
            assert (observations.shape, observations.dtype) == ((2, 24, 3), np.uint8)
            observations[...] = 0  # its own copy
            return np.array([[GET, 0], [GET, 0]])

    digger = Digger()
    env = GymnasiumEnv(worlds.pair(), agent=1, others=digger)
    env.reset(seed=0)
    env.reset()
    observation = env.step([NOOP, 0])[0]
    assert observation.any()
    assert (digger.resets, env.action_success.tolist()) == (2, [False, True])


def test_the_limit_truncates() -> None:
    env = GymnasiumEnv(worlds.alone())
    env.reset(seed=0)
    flags = [env.step([NOOP, 0])[2:] for _ in range(4)]
    assert [(terminated, truncated) for terminated, truncated, _ in flags] == [(False, False)] * 3 + [(False, True)]
    assert [bool(info) for *_, info in flags] == [False] * 3 + [True]


def test_flat_actions() -> None:
    env = MultiToDiscreteWrapper(GymnasiumEnv(worlds.alone()))
    assert env.action_space == gymnasium.spaces.Discrete(8)
    assert env.flat_action_names[2] == "move_1"
    plain = NumpyEnv(worlds.alone())
    env.reset(seed=1)
    plain.reset(1)
    for k, pair in ((5, [ROTATE, 1]), (2, [MOVE, 1]), (0, [GET, 0])):
        np.testing.assert_array_equal(env.step(k)[0], plain.step([pair])[0][0])
    assert env.current_step == 3
    for wrong in (8, -1, 0.5):
        with pytest.raises(ValueError, match=r"action: .* is not an integer in 0\.\.7"):
            env.step(wrong)


def test_flat_actions_of_several_agents() -> None:
    env = MultiToDiscreteWrapper(GymnasiumMultiAgentEnv(worlds.pair()))
    assert env.action_space == gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(8)] * 2)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.step((3, 3))
    assert env.action_success.tolist() == [True, True]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="others: None; 1 agents more need a policy, or 'idle'"):
        GymnasiumEnv(worlds.pair())
    with pytest.raises(ValueError, match="others: 'sleep' is not 'idle' or a callable"):
        GymnasiumEnv(worlds.pair(), others="sleep")
    with pytest.raises(ValueError, match=r"agent: 2 is not in 0\.\.1"):
        GymnasiumEnv(worlds.pair(), agent=2, others="idle")
    with pytest.raises(ValueError, match="env: 2 agents"):
        SingleAgentWrapper(GymnasiumMultiAgentEnv(worlds.pair()))
    env = GymnasiumEnv(worlds.pair(), others=lambda observations: np.zeros((1, 2), np.int32))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"others has shape \[1, 2\] but expected \[2, 2\]"):
        env.step([0, 0])
    with pytest.raises(ValueError, match=r"action has shape \[3\] but expected \[2\]"):
        env.step([0, 0, 0])


def test_worlds_without_noop_idle_with_the_first_action() -> None:
    from tests.mettagrid.small_world import MAP, game

    actions = {name: {"enabled": True} for name in ("get_items", "move")}
    env = GymnasiumEnv(make_game({"game": game(actions=actions), "map_builder": worlds.fixed(MAP)}), others="idle")
    assert env._idle.tolist() == [0, 0]
