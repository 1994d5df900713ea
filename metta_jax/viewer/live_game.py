"""A world that people play in, and the messages that viewers of it expect.

A message is a dictionary that becomes JSON: `replay` carries the world as a replay of one step, `replay_step` the
objects after one more, `message` a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.mettagrid import MettaGrid
from metta_jax.replays.encoding import replay_data
from metta_jax.viewer.goal import goal_of

Message = dict[str, Any]
PolicyFn = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""observations uint8 [A, M, 3], and bool [A], true where an episode begins -> actions int32 [A, 2] of all agents; those
that a person moves are replaced."""

_INT32 = range(-(2**31), 2**31)


class LiveGame:
    """One world at a time. It waits for people: each action of one is one step of all.

    Args:
      env: the game.
      key: typed key; decides maps and the orders in which agents act.
      policy_fn: acts for agents that no player moves in a step; None: they do nothing. A `PolicyDriver` is one.
    """

    def __init__(self, env: MettaGrid, key: jax.Array, *, policy_fn: PolicyFn | None = None) -> None:
        self.env = env
        self.step = 0  # of the episode
        self.over = False
        self._key = key
        self._policy_fn = policy_fn
        self._reset_fn = jax.jit(env.reset)
        self._step_fn = jax.jit(env.step)
        names = env.action_names
        # Without a noop, an action that no type can have does nothing; it is only counted as invalid.
        idle = names.index("noop") if "noop" in names else -1
        self._idle = np.tile(np.array([idle, 0], np.int32), (env.num_agents, 1))
        self._start()
        # Compiled before a player waits for it.
        self._step_fn(env.params, self._state, jnp.asarray(self._policy_actions()))

    def replay(self) -> Message:
        """The message that shows the current world to a player who joins."""
        env, maps = self.env, self.env.params.maps
        height, width = (int(size[self._state.map_index]) for size in (maps.height, maps.width))
        config = {"game": env.config.model_dump(mode="json")}
        shown = replay_data(env, (width, height), 1, self.objects(), config)
        return {"type": "replay", "replay": shown, "goal": self.goal()}

    def goal(self) -> list[str]:
        """The game's rewards and recipes as readable lines."""
        return goal_of(self.env.config)

    def objects(self) -> list[dict[str, Any]]:
        """The objects in the order of their ids, with what their agents did and earned."""
        objects = list(self.env.grid_objects(self.env.params, self._state).values())
        for thing in objects:
            if "agent_id" in thing:
                i = thing["agent_id"]
                thing["action"] = [int(part) for part in self._actions[i]]
                thing["action_success"] = bool(self._success[i])
                thing["reward"] = float(self._reward[i])
                thing["total_reward"] = float(self._total[i])
        return objects

    def play(self, actions: Mapping[int, tuple[int, int]]) -> list[Message]:
        """Play one step and return what viewers must be told.

        After the end of an episode the next call begins another one; its actions are not played.

        Args:
          actions: agent index -> action type and argument.

        Raises:
          ValueError: there is no such agent, or an action is not two numbers of 32 bits.
        """
        for agent, action in actions.items():
            self._check(agent, action)
        if self.over:
            self._start()
            return [self.replay(), {"type": "message", "message": "A new episode begins."}]
        played = self._policy_actions()
        for agent, action in actions.items():
            played[agent] = action
        self._state, timestep = self._step_fn(self.env.params, self._state, jnp.asarray(played))
        self.step += 1
        self._actions = played
        self._success = np.asarray(timestep.action_success)
        self._keep(timestep)
        step = {"type": "replay_step", "replay_step": {"step": self.step, "grid_objects": self.objects()}}
        if not self.over:
            return [step]
        return [step, {"type": "message", "message": f"The episode is over after {self.step} steps."}]

    def answer(self, message: Any) -> list[Message]:
        """Play what a viewer sent, `{type: "action", agent_id, action: [type, argument]}`.

        Raises:
          ValueError: it is no such message.
        """
        if not isinstance(message, dict) or message.get("type") != "action":
            raise ValueError("a message must be an object of the type 'action'")
        agent, action = message.get("agent_id"), message.get("action")
        if not isinstance(agent, int):
            raise ValueError(f"agent_id: {str(agent)[:40]} is not a number")
        if not isinstance(action, list) or len(action) != 2:
            raise ValueError("action: it must be [type, argument]")
        return self.play({agent: (action[0], action[1])})

    def _start(self) -> None:
        self._key, key = jax.random.split(self._key)
        self._state, timestep = self._reset_fn(self.env.params, key)
        self.step = 0
        self._actions = self._idle
        self._success = np.ones(self.env.num_agents, bool)  # no action has failed yet
        self._total = np.zeros(self.env.num_agents, np.float32)
        self._keep(timestep)

    def _keep(self, timestep: Any) -> None:
        self._observation = np.asarray(timestep.observation)
        self._reward = np.asarray(timestep.reward)
        self._total = self._total + self._reward
        self.over = bool(timestep.terminated.any() | timestep.truncated.any())

    def _policy_actions(self) -> np.ndarray:
        if self._policy_fn is None:
            return self._idle.copy()
        is_first = np.full(self.env.num_agents, self.step == 0)
        return np.array(self._policy_fn(self._observation, is_first), np.int32)

    def _check(self, agent: Any, action: Any) -> None:
        if isinstance(agent, bool) or not isinstance(agent, int) or not 0 <= agent < self.env.num_agents:
            raise ValueError(f"agent_id: {agent} is not in 0..{self.env.num_agents - 1}")
        if not all(isinstance(part, int) and not isinstance(part, bool) and part in _INT32 for part in action):
            raise ValueError(f"action: {str(action)[:60]} is not two numbers of 32 bits")
