"""A batch of environments that reset themselves.

N environments, A agents each. An environment whose episode ends starts the next one in the same step; the observation
that is returned is then the first of the new episode, and `final_observation` the last of the old one. While nobody is
done, this costs nothing: the reset is one `lax.cond` for the whole batch.
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.mettagrid import step
from metta_jax.mettagrid.environment import MettaGrid, check_array, drawn_keys, shared_rules
from metta_jax.mettagrid.types import EnvParams, EnvState, Rules, Stats, TimeStep

MAX_AGENTS = 1536  # of one chunk of environments, see `VectorEnv._in_chunks`


class EpisodeInfo(flax.struct.PyTreeNode):
    """The episodes that ended in a step; other rows are what the running episodes have come to so far."""

    done: jax.Array  # [N] bool: whether an episode of this environment ended
    episode_return: jax.Array  # [N, A] float32, before group sharing
    episode_length: jax.Array  # [N] int32
    agent_stats: Stats | None  # [N, A, K]


class VectorState(flax.struct.PyTreeNode):
    """The state of N environments."""

    env: EnvState  # [N, ...]
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

        Environment i starts as `MettaGrid.reset` with key i of `jax.random.split(key, N + 1)`; the last key draws the
        limits of staggered episodes.

        Args:
          params: of the game; the leaves of `params.rules` may have a leading axis N.
          key: typed key.
        """
        keys = jax.random.split(key, self.num_envs + 1)
        params = _batched(params)
        max_steps = jnp.broadcast_to(params.rules.max_steps, (self.num_envs,))
        if self.staggered:
            drawn = jax.random.randint(keys[-1], (self.num_envs,), 1, jnp.maximum(max_steps, 1) + 1, jnp.int32)
            max_steps = jnp.where(max_steps > 0, drawn, 0)

        def start(rules: Rules, keys: jax.Array) -> tuple[EnvState, TimeStep]:
            return self._start(params.replace(rules=rules), keys)

        env, timestep = self._in_chunks(start, params.rules, keys[:-1])
        none = jnp.zeros((self.num_envs,), bool)
        return VectorState(env, max_steps), VectorTimeStep(
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
        params = _batched(params)

        def play(rules: Rules, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
            return self._play(params.replace(rules=rules), state, actions)

        return self._in_chunks(play, params.rules, state, jnp.asarray(actions))

    def _play(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        episode_params = params.replace(rules=params.rules.replace(max_steps=state.max_steps))
        keys = drawn_keys(state.env, self.env.num_agents)
        env, timestep = step.step(self.env.layout, episode_params, state.env, actions, keys)
        done = timestep.terminated[:, 0] | timestep.truncated[:, 0]

        def next_episodes(state: VectorState, observation: jax.Array) -> tuple[VectorState, jax.Array]:
            # Orders of agents use the steps from 1 on, so step 0 of an episode's key is free to seed the next one.
            keys = jax.vmap(lambda key: jax.random.fold_in(key, 0))(state.env.key)
            fresh, first = self._start(params, keys)
            choose = _chooser(done)
            limit = jnp.broadcast_to(params.rules.max_steps, done.shape)
            new = VectorState(jax.tree.map(choose, fresh, state.env), choose(limit, state.max_steps))
            return new, choose(first.observation, observation)

        new = VectorState(env, state.max_steps)
        state, observation = jax.lax.cond(jnp.any(done), next_episodes, lambda *same: same, new, timestep.observation)
        final_observation = timestep.observation
        timestep = timestep.replace(observation=observation)
        return state, VectorTimeStep(**vars(timestep), final_observation=final_observation, episode=_episode(env, done))

    def _start(self, params: EnvParams, keys: jax.Array) -> tuple[EnvState, TimeStep]:
        """A new episode for each key, on a map drawn from the pool."""
        keys = jax.vmap(jax.random.split)(keys)
        rules = params.rules
        first, count = (jnp.broadcast_to(x, keys.shape[:1]) for x in (rules.first_map, rules.num_maps))
        drawn = jax.vmap(lambda key, count: jax.random.randint(key, (), 0, count, jnp.int32))(keys[:, 0], count)
        return step.reset(self.env.layout, params, keys[:, 1], first + drawn)

    def _in_chunks(self, fn: Callable[..., Any], rules: Rules, *batch: Any) -> Any:
        """`fn(rules, *batch)` for all environments, so many at a time that their arrays stay in the cache.

        Without it the cost of a step grows with the number of environments (threefold from 64 to 4,096 with 24 agents).
        Resets become cheaper too: only chunks in which an episode ends make new ones.
        """
        num_chunks = self.num_envs // _chunk_size(self.num_envs, self.env.num_agents)
        if num_chunks == 1:
            return fn(rules, *batch)
        shared = rules.max_steps.shape[0] == 1
        chunks = batch if shared else (rules, *batch)
        chunks = jax.tree.map(lambda x: x.reshape(num_chunks, x.shape[0] // num_chunks, *x.shape[1:]), chunks)
        out = jax.lax.map(lambda chunk: fn(rules, *chunk) if shared else fn(*chunk), chunks)
        return jax.tree.map(lambda x: x.reshape(self.num_envs, *x.shape[2:]), out)


def _chunk_size(num_envs: int, num_agents: int) -> int:
    """Environments in a chunk: the largest divisor of `num_envs` that makes at most MAX_AGENTS agents.

    All of them if only much smaller chunks divide the number.
    """
    most = max(MAX_AGENTS // num_agents, 1)
    size = next(size for size in range(min(most, num_envs), 0, -1) if num_envs % size == 0)
    return size if 4 * size >= min(most, num_envs) else num_envs


def _batched(params: EnvParams) -> EnvParams:
    return params if params.rules.max_steps.ndim else shared_rules(params)


def _episode(env: EnvState, done: jax.Array) -> EpisodeInfo:
    return EpisodeInfo(done, env.episode_return, env.step, env.agent_stats)


def _chooser(done: jax.Array):
    """A function that takes from its first argument where an environment is done, else from its second."""

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(done.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

    return choose
