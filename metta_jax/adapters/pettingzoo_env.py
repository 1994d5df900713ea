"""All agents of a world as a PettingZoo parallel environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from metta_jax.adapters.checks import check_actions, idle_action
from metta_jax.adapters.episode import Episode, Orders
from metta_jax.adapters.extras import require
from metta_jax.adapters.facade import EpisodeFacts
from metta_jax.adapters.game import GameSource, make_game
from metta_jax.adapters.rendering import RENDER_MODES

pettingzoo: Any = require("pettingzoo")
gym: Any = require("gymnasium")


class PettingZooEnv(EpisodeFacts, pettingzoo.ParallelEnv):
    """The agents "agent_0", "agent_1", ... of a world. All of them leave when the episode ends.

    `num_agents` is PettingZoo's: the agents that are still there; `max_num_agents` counts all.

    Arguments as `NumpyEnv`.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 8, "name": "metta_jax", "is_parallelizable": True}  # noqa: RUF012 - as PettingZoo has it

    def __init__(
        self,
        world: GameSource | None = None,
        *,
        orders: Orders = "random",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._begin(Episode(make_game(world, **options), orders), render_mode)
        self.possible_agents = [f"agent_{i}" for i in range(self.grid.num_agents)]
        self.agents: list[str] = []
        self._idle = idle_action(self.grid.action_names)
        sizes = self.single_action_space.nvec
        shape = self.single_observation_space.shape
        self.observation_spaces = {agent: gym.spaces.Box(0, 255, shape, np.uint8) for agent in self.possible_agents}
        # One object per agent: each has a random generator of its own.
        self.action_spaces = {agent: gym.spaces.MultiDiscrete(sizes, dtype=np.int32) for agent in self.possible_agents}
        self.state_space = gym.spaces.Box(0, 255, (len(self.possible_agents) * int(np.prod(shape)),), np.uint8)

    @property
    def num_agents(self) -> int:
        """Agents that are still there: all during an episode, none after it."""
        return len(self.agents)

    def observation_space(self, agent: str) -> Any:
        """Box(0, 255, [M, 3], uint8)"""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """MultiDiscrete([actions, largest max argument + 1], int32)"""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Start an episode: observations uint8 [M, 3] and empty infos by agent. Seeds as in `NumpyEnv.reset`;
        `options` are ignored."""
        del options
        observation = self._episode.reset(seed).observation.copy()
        self.agents = list(self.possible_agents)
        self._show()
        return dict(zip(self.agents, observation, strict=True)), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, npt.ArrayLike]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play one step: observations, rewards, terminations, truncations and infos by agent.

        Args:
          actions: int32 [2] by agent. An agent without one does noop, or (0, 0) if noop is not enabled.

        When the episode ends every agent gets the same info, and `agents` becomes empty; steps after that return empty
        dicts.

        Raises:
          ValueError: an unknown agent, or an action that is not two integers. RuntimeError: before the first reset.
        """
        unknown = [agent for agent in actions if agent not in self.action_spaces]
        if unknown:
            raise ValueError(f"actions: no agent {unknown[0]!r}; there are agent_0 .. {self.possible_agents[-1]}")
        if not self.agents and self._episode.num_resets:
            return {}, {}, {}, {}, {}
        rows = np.broadcast_to(self._idle, (len(self.possible_agents), 2)).copy()
        for i, agent in enumerate(self.possible_agents):
            if agent in actions:
                rows[i] = check_actions(actions[agent], (2,), f"actions.{agent}")
        step, info = self._episode.step(rows)
        agents = self.agents
        if self._episode.done:
            self.agents = []
        self._show()
        return (
            dict(zip(agents, step.observation.copy(), strict=True)),
            dict(zip(agents, step.reward.tolist(), strict=True)),
            dict(zip(agents, step.terminated.tolist(), strict=True)),
            dict(zip(agents, step.truncated.tolist(), strict=True)),
            {agent: dict(info) for agent in agents},
        )

    def state(self) -> np.ndarray:
        """uint8, the observations of all agents in one row."""
        if self._episode.last is None:
            raise RuntimeError("state: there is no episode yet; call reset first")
        return self._episode.last.observation.flatten()
