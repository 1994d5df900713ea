"""A batch of environments that reset themselves.

N environments, A agents each. An environment whose episode ends starts the next one in the same step; the observation
that is returned is then the first of the new episode, and `final_observation` the last of the old one. While nobody is
done, this costs nothing: the reset is one `lax.cond` for the whole batch.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.mettagrid import step
from metta_jax.mettagrid.environment import MettaGrid, check_array, drawn_keys, shared_rules
from metta_jax.mettagrid.types import EnvParams, EnvState, Stats


class EpisodeInfo(flax.struct.PyTreeNode):
    """The episodes that ended in a step; other rows are what the running episodes have come to so far."""

    done: jax.Array  # [N] bool: whether an episode of this environment ended
    episode_return: jax.Array  # [N, A] float32, before group sharing
    episode_length: jax.Array  # [N] int32
    agent_stats: Stats | None  # [N, A, K]


class VectorState(flax.struct.PyTreeNode):
    """The state of N environments."""

    env: EnvState  # [N, ...]
    key: jax.Array  # typed key, for episodes to come
    max_steps: jax.Array  # [N] int32: the step limit of the running episode


class VectorTimeStep(flax.struct.PyTreeNode):
    """What a reset or a step of N environments returns."""

    observation: jax.Array  # [N, A, T, 3] uint8, the first of the new episode where one ended
    reward: jax.Array  # [N, A] float32
    terminated: jax.Array  # [N, A] bool
    truncated: jax.Array  # [N, A] bool
    action_success: jax.Array  # [N, A] bool
    final_observation: jax.Array  # [N, A, T, 3] uint8, the last of the old episode where one ended, else `observation`
    episode: EpisodeInfo


class VectorEnv:
    """`num_envs` copies of a game, each with its own map, episode and, if wanted, its own rules.

    Args:
      env: the game.
      num_envs: N.
      staggered: the first episode of each environment gets a step limit drawn from 1..max_steps, so that episodes of a
        batch do not all end in the same step.

    Raises:
      ValueError: if `num_envs` is not a positive number.
    """

    def __init__(self, env: MettaGrid, num_envs: int, *, staggered: bool = False):
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise ValueError(f"num_envs: {num_envs!r} is not a positive integer")
        self.env = env
        self.num_envs = num_envs
        self.staggered = staggered

    def reset(self, params: EnvParams, key: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Starts the first episodes. Pure.

        Args:
          params: of the game; the leaves of `params.rules` may have a leading axis N.
          key: typed key.
        """
        params = self._batched(params)
        key, limit_key, reset_key = jax.random.split(key, 3)
        max_steps = jnp.broadcast_to(params.rules.max_steps, (self.num_envs,))
        if self.staggered:
            drawn = jax.random.randint(limit_key, (self.num_envs,), 1, jnp.maximum(max_steps, 1) + 1, jnp.int32)
            max_steps = jnp.where(max_steps > 0, drawn, 0)
        env, timestep = self._fresh(params, reset_key)
        none = jnp.zeros((self.num_envs,), bool)
        return VectorState(env, key, max_steps), VectorTimeStep(
            **vars(timestep), final_observation=timestep.observation, episode=_episode(env, none)
        )

    def step(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Plays one step in all environments and starts new episodes where one ends. Pure.

        Args:
          params: as in `reset`.
          actions: `[N, A, 2]` int32.

        Raises:
          ValueError: if the shape or the dtype of `actions` is wrong.
        """
        check_array("actions", actions, (self.num_envs, self.env.num_agents, 2))
        params = self._batched(params)
        episode_params = params.replace(rules=params.rules.replace(max_steps=state.max_steps))
        keys = drawn_keys(state.env, self.env.num_agents)
        env, timestep = step.step(self.env.layout, episode_params, state.env, jnp.asarray(actions), keys)
        done = timestep.terminated[:, 0] | timestep.truncated[:, 0]
        episode = _episode(env, done)
        final_observation = timestep.observation

        def next_episodes(state: VectorState, observation: jax.Array) -> tuple[VectorState, jax.Array]:
            key, reset_key = jax.random.split(state.key)
            fresh, first = self._fresh(params, reset_key)
            choose = _chooser(done)
            limit = jnp.broadcast_to(params.rules.max_steps, done.shape)
            new = VectorState(jax.tree.map(choose, fresh, state.env), key, choose(limit, state.max_steps))
            return new, choose(first.observation, observation)

        new = VectorState(env, state.key, state.max_steps)
        state, observation = jax.lax.cond(
            jnp.any(done), next_episodes, lambda *same: same, new, timestep.observation
        )
        fields = vars(timestep) | {"observation": observation}
        return state, VectorTimeStep(**fields, final_observation=final_observation, episode=episode)

    def _fresh(self, params: EnvParams, key: jax.Array) -> tuple[EnvState, Any]:
        """New episodes on maps drawn from the pool, for all environments."""
        map_key, key = jax.random.split(key)
        rules = params.rules
        first, count = (jnp.broadcast_to(x, (self.num_envs,)) for x in (rules.first_map, rules.num_maps))
        map_index = first + jax.random.randint(map_key, (self.num_envs,), 0, count, jnp.int32)
        return step.reset(self.env.layout, params, jax.random.split(key, self.num_envs), map_index)

    def _batched(self, params: EnvParams) -> EnvParams:
        return params if params.rules.max_steps.ndim else shared_rules(params)


def _episode(env: EnvState, done: jax.Array) -> EpisodeInfo:
    return EpisodeInfo(done, env.episode_return, env.step, env.agent_stats)


def _chooser(done: jax.Array):
    """A function that takes from its first argument where an environment is done, else from its second."""

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(done.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

    return choose
