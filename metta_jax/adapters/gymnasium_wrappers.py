"""Wrappers that turn one form of a gymnasium environment into another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from metta_jax.adapters.episode import Episode
from metta_jax.adapters.extras import require
from metta_jax.adapters.facade import EpisodeFacts
from metta_jax.mettagrid.spaces import ActionSpace

gym: Any = require("gymnasium")


class _Wrapper(EpisodeFacts, gym.Wrapper):
    """A gymnasium wrapper that has the properties of the environment inside."""

    render_mode = gym.Wrapper.render_mode
    render = gym.Wrapper.render
    close = gym.Wrapper.close

    @property
    def _episode(self) -> Episode:
        return self.unwrapped._episode


class SingleAgentWrapper(_Wrapper):
    """The only agent of a `GymnasiumMultiAgentEnv`, without the axis of agents.

    Raises:
      ValueError: the world has more than one agent (`GymnasiumEnv` plays one of many).
    """

    def __init__(self, env: Any) -> None:
        gym.Wrapper.__init__(self, env)
        spaces = env.observation_space, env.action_space
        if not all(isinstance(space, gym.spaces.Tuple) and len(space) == 1 for space in spaces):
            raise ValueError(f"env: {len(spaces[1])} agents; SingleAgentWrapper takes a multi-agent environment of one")
        self.observation_space, self.action_space = (space[0] for space in spaces)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """observation uint8 [M, 3], {}"""
        observation, info = self.env.reset(seed=seed, options=options)
        return np.array(observation[0]), info

    def step(self, action: npt.ArrayLike) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """observation uint8 [M, 3], reward, terminated, truncated, info"""
        observation, reward, terminated, truncated, info = self.env.step((action,))
        return np.array(observation[0]), float(reward[0]), bool(terminated[0]), bool(truncated[0]), info


class MultiToDiscreteWrapper(_Wrapper):
    """One number for an action: Discrete(F) over the F valid (type, argument) pairs, in flat order.

    For one agent, or for all agents of a `GymnasiumMultiAgentEnv` (then a tuple of Discrete(F)). Flat action k is row k
    of `flat_actions`, by the name `flat_action_names[k]`.
    """

    def __init__(self, env: Any) -> None:
        gym.Wrapper.__init__(self, env)
        space = ActionSpace.of(env.unwrapped)
        self.flat_actions = space.flat_actions()
        self.flat_action_names = space.full_names()
        size = len(self.flat_actions)
        if isinstance(env.action_space, gym.spaces.Tuple):
            self.action_space = gym.spaces.Tuple([gym.spaces.Discrete(size) for _ in env.action_space])
        else:
            self.action_space = gym.spaces.Discrete(size)

    def step(self, action: npt.ArrayLike) -> Any:
        """As the environment inside. Raises a ValueError for a number outside of 0..F-1."""
        numbers = np.asarray(action)
        size = len(self.flat_actions)
        if numbers.dtype.kind not in "iu" or not ((numbers >= 0) & (numbers < size)).all():
            raise ValueError(f"action: {action!r} is not an integer in 0..{size - 1}")
        return self.env.step(self.flat_actions[numbers])
