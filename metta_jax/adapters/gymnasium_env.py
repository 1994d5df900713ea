"""Gymnasium environments: all agents of a world, or one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from metta_jax.adapters.checks import check_actions, idle_action
from metta_jax.adapters.episode import Episode, Orders
from metta_jax.adapters.episode_info import for_gymnasium
from metta_jax.adapters.extras import require
from metta_jax.adapters.facade import EpisodeFacts
from metta_jax.adapters.game import GameSource, make_game
from metta_jax.adapters.rendering import RENDER_MODES
from metta_jax.core.whole_numbers import whole_number

gym: Any = require("gymnasium")

METADATA = {"render_modes": list(RENDER_MODES), "render_fps": 8}


class GymnasiumMultiAgentEnv(EpisodeFacts, gym.Env):
    """All A agents of a world in gymnasium's calls, with rewards and flags as arrays.

    Gymnasium has no notion of several agents: `observation_space` and `action_space` are tuples of A spaces, and what
    `step` returns for reward, terminated and truncated are arrays [A] where it expects single numbers. Libraries that
    insist on those take `GymnasiumEnv` or `SingleAgentWrapper`.

    Arguments as `NumpyEnv`.
    """

    metadata = METADATA

    def __init__(
        self,
        world: GameSource | None = None,
        *,
        orders: Orders = "random",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._begin(Episode(make_game(world, **options), orders), render_mode)
        num_agents = self.grid.num_agents
        self.observation_space = gym.spaces.Tuple([self.single_observation_space] * num_agents)
        # Every agent's space has a generator of its own, so each is an object of its own.
        sizes = self.single_action_space.nvec
        self.action_space = gym.spaces.Tuple(
            [gym.spaces.MultiDiscrete(sizes, dtype=np.int32) for _ in range(num_agents)]
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As `NumpyEnv.reset`; `options` are ignored."""
        del options
        super().reset(seed=seed)
        observation = self._episode.reset(seed).observation.copy()
        self._show()
        return observation, {}

    def step(self, action: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As `NumpyEnv.step`; `action` is a tuple of A actions or an array int32 [A, 2]."""
        step, info = self._episode.step(check_actions(action, (self.grid.num_agents, 2)))
        self._show()
        observation, reward, terminated, truncated = (x.copy() for x in step[:4])
        return observation, reward, terminated, truncated, for_gymnasium(info)


class GymnasiumEnv(EpisodeFacts, gym.Env):
    """One agent of a world as a gymnasium environment; the others, if there are any, are played by a policy.

    Args:
      world, orders, render_mode, options: as `NumpyEnv`.
      agent: which agent is played, 0..A-1.
      others: plays the other agents: "idle" (they do noop), or a callable that takes the observations of all agents,
        uint8 [A, M, 3], and returns actions int32 [A, 2], of which that of `agent` is not used; a method `reset` is
        called when an episode begins. `PolicyDriver` is one. A world of several agents needs it.

    Raises:
      ValueError: as `NumpyEnv`; there are other agents and nothing plays them; `agent` is not among them.
    """

    metadata = METADATA

    def __init__(
        self,
        world: GameSource | None = None,
        *,
        agent: int = 0,
        others: Callable[[np.ndarray], npt.ArrayLike] | str | None = None,
        orders: Orders = "random",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._begin(Episode(make_game(world, **options), orders), render_mode)
        num_agents = self.grid.num_agents
        agent = whole_number("agent", agent, 0, f"in 0..{num_agents - 1}")
        if agent >= num_agents:
            raise ValueError(f"agent: {agent} is not in 0..{num_agents - 1}")
        if others is None and num_agents > 1:
            raise ValueError(f"others: None; {num_agents - 1} agents more need a policy, or 'idle'")
        if isinstance(others, str) and others != "idle":
            raise ValueError(f"others: {others!r} is not 'idle' or a callable")
        self.agent = agent
        self._others = others if callable(others) else None
        self._idle = idle_action(self.grid.action_names)
        self.observation_space = self.single_observation_space
        self.action_space = self.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode: (observation uint8 [M, 3], {}). Seeds as in `NumpyEnv.reset`; `options` are ignored."""
        del options
        super().reset(seed=seed)
        observation = self._episode.reset(seed).observation.copy()
        restart = getattr(self._others, "reset", None)
        if restart is not None:
            restart()
        self._show()
        return observation[self.agent], {}

    def step(self, action: npt.ArrayLike) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play one step with action int32 [2]: observation uint8 [M, 3], reward, terminated, truncated, info."""
        step, info = self._episode.step(self._all_actions(check_actions(action, (2,), "action")))
        self._show()
        i = self.agent
        return (
            step.observation[i].copy(),
            float(step.reward[i]),
            bool(step.terminated[i]),
            bool(step.truncated[i]),
            for_gymnasium(info),
        )

    def _all_actions(self, action: np.ndarray) -> np.ndarray:
        shape = (self.grid.num_agents, 2)
        actions = np.broadcast_to(self._idle, shape).copy()
        last = self._episode.last
        if self._others is not None and last is not None:
            actions = check_actions(self._others(last.observation.copy()), shape, "others")
        actions[self.agent] = action
        return actions
