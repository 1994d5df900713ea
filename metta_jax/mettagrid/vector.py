"""A batch of environments that reset themselves.

N environments, A agents each. An environment whose episode ends starts the next one in the same step; the observation
that is returned is then the first of the new episode, and `final_observation` the last of the old one. While no episode
is done, this costs nothing.
"""

from collections.abc import Callable
from typing import Any, Protocol

import flax.struct
import jax
import jax.numpy as jnp

from grid_kernels.compiled import compiled
from grid_kernels.gather import pick
from metta_jax.core.pytree import PyTree
from metta_jax.core.short_repr import node_repr
from metta_jax.core.whole_numbers import whole_number
from metta_jax.mettagrid import step
from metta_jax.mettagrid.arguments import check_array, check_reset, check_step, kind_of
from metta_jax.mettagrid.batching import shared_rules
from metta_jax.mettagrid.chunks import in_chunks
from metta_jax.mettagrid.environment import MettaGrid, drawn_keys
from metta_jax.mettagrid.resets import next_keys, replace_all, replace_few
from metta_jax.mettagrid.tasks import TaskGrid
from metta_jax.mettagrid.types import EnvParams, EnvState, MapFn, Maps, Rules, Stats, TimeStep


class TaskChooser(Protocol):
    """What decides the task of each new episode: pure functions over a state of its own. See `metta_jax.curriculum`."""

    def init(self, key: jax.Array) -> Any:
        """The state before the first episode."""
        ...

    def sample(self, state: PyTree, key: jax.Array) -> jax.Array:
        """int32 [], the task of a first episode."""
        ...

    def advance(
        self, state: PyTree, task: jax.Array, score: jax.Array, done: jax.Array, keys: jax.Array
    ) -> tuple[Any, jax.Array]:
        """Learn from the episodes that are `done` and draw the tasks of the next ones, in the order of environments.

        `task` int32 [n], `score` float32 [n], `done` bool [n], `keys` [n]; other rows of `task` come back unchanged.
        """
        ...

    def begin_rollout(self, state: PyTree) -> PyTree:
        """The state at the start of a rollout, whose `stats` are of this rollout alone."""
        ...

    def stats(self, state: PyTree) -> dict[str, jax.Array]:
        """What a training run reports of the curriculum, [] arrays by name."""
        ...


class EpisodeInfo(flax.struct.PyTreeNode):
    """The episodes that ended in a step; other rows are what the running episodes have come to so far."""

    done: jax.Array  # bool [N]: whether an episode of this environment ended
    episode_return: jax.Array  # float32 [N, A], before group sharing
    episode_length: jax.Array  # int32 [N], in steps
    agent_stats: Stats | None  # [N, A, K]: of each agent; None if none are kept
    task: jax.Array | None = None  # int32 [N]: of these episodes, None without a curriculum


class VectorState(flax.struct.PyTreeNode):
    """The state of N environments."""

    env: EnvState  # [N, ...]: the running episodes
    max_steps: jax.Array  # int32 [N]: the step limit of the running episode
    observation: jax.Array  # uint8 [N, A, M, 3]: the last one, not yet acted upon; the next one is written in its place
    task: jax.Array | None = None  # int32 [N]: the task of the running episode, None without a curriculum
    curriculum: Any = None  # the state of the curriculum, one for all environments
    maps: Maps | None = None  # [N, ...]: the maps of the running episodes, None if they are those of the pool

    def __repr__(self) -> str:
        return node_repr(self)


class VectorTimeStep(flax.struct.PyTreeNode):
    """What a reset or a step of N environments returns."""

    observation: jax.Array  # uint8 [N, A, M, 3], the first of the new episode where one ended
    reward: jax.Array  # float32 [N, A]: of this step, 0 after a reset; with what groups share
    terminated: jax.Array  # bool [N, A]: the episode ended for good in this step, the same for all agents
    truncated: jax.Array  # bool [N, A]: it was cut off in this step, the same for all agents
    action_success: jax.Array  # bool [N, A]: whether the action did what it is for
    final_observation: jax.Array  # uint8 [N, A, M, 3], the last of the old episode where one ended, else `observation`
    episode: EpisodeInfo  # the episodes that ended in this step

    def __repr__(self) -> str:
        return node_repr(self)


class VectorEnv:
    """`num_envs` copies of a game, each with its own map, episode and, if wanted, its own rules.

    Args:
      env: the game.
      num_envs: N.
      staggered: the first episode of each environment gets a step limit drawn from 1..max_steps, so that episodes of a
        batch do not all end in the same step.
      curriculum: decides the task of every episode; `env` is then a `TaskGrid`, and `params.rules` has a leading axis
        of its tasks. Each environment reads the rules of its own task.
      map_fn: draws a map for every episode, from a typed key, as a pool of one: `Maps` with a leading axis of 1, that
        fits in the game's arrays (see `metta_jax.mettagrid.fresh_maps`). None: episodes play the maps of the pool.

    Raises:
      ValueError: if `num_envs` is not a positive number, or both `curriculum` and `map_fn` are given.
    """

    def __init__(
        self,
        env: MettaGrid,
        num_envs: int,
        *,
        staggered: bool = False,
        curriculum: TaskChooser | None = None,
        map_fn: MapFn | None = None,
    ):
        if not isinstance(env, MettaGrid):
            raise ValueError(f"env: {kind_of(env)} is not a MettaGrid; VectorEnv makes a batch of one")
        num_envs = whole_number("num_envs", num_envs, 1, "a positive integer")
        if curriculum is not None and map_fn is not None:
            raise ValueError("map_fn: with a curriculum, maps come from the pool, where each task has its own")
        self.env = env
        self.path = env.path
        self.num_envs = num_envs
        self.staggered = staggered
        self.curriculum = curriculum
        self.map_fn = map_fn

    def __repr__(self) -> str:
        return f"VectorEnv({self.num_envs} times {self.env!r})"

    def reset(self, params: EnvParams, key: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Start the first episodes. Pure.

        Environment i starts as `MettaGrid.reset` with key i of `jax.random.split(key, N + 1)`; the last key draws the
        limits of staggered episodes.

        Args:
          params: of the game; the leaves of `params.rules` may have a leading axis N.
          key: typed key.

        Raises:
          ValueError: these are no parameters, or no key.
        """
        check_reset(params, key, EnvParams)
        return self._reset(params, key)

    @compiled
    def _reset(self, params: EnvParams, key: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        keys = jax.random.split(key, self.num_envs + 1)
        params = self._batched(params)
        curriculum, task = self._first_tasks(keys)
        max_steps = jnp.broadcast_to(_rules_of(params.rules, task).max_steps, (self.num_envs,))
        if self.staggered:
            # From 0 on: one more than the longest limit is no int32.
            drawn = jax.random.randint(keys[-1], (self.num_envs,), 0, jnp.maximum(max_steps, 1), jnp.int32)
            max_steps = jnp.where(max_steps > 0, 1 + drawn, 0)

        def start(rules: Rules, _: None, __: None, task: jax.Array | None, keys: jax.Array) -> tuple[None, None, Any]:
            return None, None, self._start(params.replace(rules=_rules_of(rules, task)), keys)

        _, _, (maps, env, timestep) = self._in_chunks(start, params.rules, None, None, task, keys[:-1])
        none = jnp.zeros((self.num_envs,), bool)
        return VectorState(env, max_steps, timestep.observation, task, curriculum, maps), VectorTimeStep(
            **vars(timestep), final_observation=timestep.observation, episode=_episode(env, none, task)
        )

    def step(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Play one step in all environments and start new episodes where one ends. Pure.

        With a curriculum, every episode that ends is reported to it, and then the next task of that environment is
        drawn, one environment after the other.

        Args:
          params: as in `reset`.
          actions: int32 [N, A, 2].

        Raises:
          ValueError: if the shape or the dtype of `actions` is wrong, or the arguments are in another order.
        """
        check_step(params, state, EnvParams, VectorState)
        check_array("actions", actions, (self.num_envs, self.env.num_agents, 2))
        return self._step(params, state, actions)

    @compiled
    def _step(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        params = self._batched(params)

        def play(rules: Rules, curriculum: Any, state: VectorState, actions: jax.Array) -> tuple[Any, ...]:
            return self._play(params.replace(rules=rules), curriculum, state, actions)

        batch = state.replace(curriculum=None)
        curriculum, batch, timestep = self._in_chunks(play, params.rules, state.curriculum, batch, jnp.asarray(actions))
        return batch.replace(curriculum=curriculum), timestep.replace(observation=batch.observation)

    def _play(
        self, params: EnvParams, curriculum: Any, state: VectorState, actions: jax.Array
    ) -> tuple[Any, VectorState, VectorTimeStep]:
        """One step of some environments. The observation of the timestep is left out: it is that of the new state."""
        rules = _rules_of(params.rules, state.task)
        episode_params = params.replace(rules=rules.replace(max_steps=state.max_steps))
        if state.maps is not None:
            episode_params = episode_params.replace(maps=state.maps)
            # The maps of these environments, a chunk of them or all, are a pool in their order.
            own = jnp.arange(actions.shape[0], dtype=jnp.int32)
            state = state.replace(env=state.env.replace(map_index=own))
        keys = drawn_keys(state.env, self.env.num_agents)
        masks = isinstance(self.env, TaskGrid) and self.env.masks_actions
        known = _known_actions(rules, actions) if masks else actions
        env, timestep = step.step(self.env.layout, episode_params, state.env, known, keys)
        done = timestep.terminated[:, 0] | timestep.truncated[:, 0]

        if state.maps is not None:
            env = env.replace(map_index=jnp.zeros_like(env.map_index))
        new = state.replace(env=env, observation=timestep.observation)
        with jax.named_scope("resets"):
            curriculum, new = self._next_episodes(params, curriculum, new, done)
        parts = vars(timestep) | {"observation": None, "final_observation": timestep.observation}
        return curriculum, new, VectorTimeStep(**parts, episode=_episode(env, done, state.task))

    def _next_episodes(
        self, params: EnvParams, curriculum: Any, state: VectorState, done: jax.Array
    ) -> tuple[Any, VectorState]:
        """Start an episode in each environment that is `done`; `state` still holds the ones that ended."""
        is_wide, shared = self.path.is_wide, self._shares(params.rules)

        def start(curriculum: Any, state: VectorState) -> tuple[Any, VectorState]:
            task = state.task
            if self.curriculum is not None and task is not None:
                score = jnp.mean(state.env.episode_return, axis=1)
                keys = _task_keys(next_keys(state.env.key))
                curriculum, task = self.curriculum.advance(curriculum, task, score, done, keys)

            def fresh(rows: jax.Array) -> VectorState:
                def of_rows(tree: PyTree) -> PyTree:
                    return jax.tree.map(lambda x: x.at[rows].get(mode="promise_in_bounds"), tree)

                rules = _rules_of(params.rules if shared else of_rows(params.rules), of_rows(task))
                maps, env, first = self._start(params.replace(rules=rules), next_keys(of_rows(state.env.key)))
                limit = jnp.broadcast_to(rules.max_steps, rows.shape)
                return VectorState(env, limit, first.observation, of_rows(task), maps=maps)

            replace_fn = replace_few if is_wide else replace_all
            return curriculum, replace_fn(done, fresh, state.replace(task=task))

        if is_wide:
            return start(curriculum, state)
        return jax.lax.cond(jnp.any(done), start, lambda *same: same, curriculum, state)

    def _start(self, params: EnvParams, keys: jax.Array) -> tuple[Maps | None, EnvState, TimeStep]:
        """A new episode for each key, on a map from the pool, or on a freshly drawn one, which is then returned too."""
        keys = jax.vmap(jax.random.split)(keys)
        if self.map_fn is not None:
            maps = jax.tree.map(lambda x: x[:, 0], jax.vmap(self.map_fn)(keys[:, 0]))
            # The maps of these environments are a pool in their order; each of them knows of its own alone.
            index = jnp.arange(keys.shape[0], dtype=jnp.int32)
            env, timestep = step.reset(self.env.layout, params.replace(maps=maps), keys[:, 1], index)
            return maps, env.replace(map_index=jnp.zeros_like(index)), timestep
        rules = params.rules
        first, count = (jnp.broadcast_to(x, keys.shape[:1]) for x in (rules.first_map, rules.num_maps))
        drawn = jax.vmap(lambda key, count: jax.random.randint(key, (), 0, count, jnp.int32))(keys[:, 0], count)
        return None, *step.reset(self.env.layout, params, keys[:, 1], first + drawn)

    def _first_tasks(self, keys: jax.Array) -> tuple[Any, jax.Array | None]:
        """The state of the curriculum and a task for every environment, from the keys of `reset`."""
        if self.curriculum is None:
            return None, None
        state, sample = self.curriculum.init(_task_keys(keys[-1:])[0]), self.curriculum.sample
        return state, jax.vmap(lambda key: sample(state, key))(_task_keys(keys[:-1]))

    def _batched(self, params: EnvParams) -> EnvParams:
        """Parameters whose rules have a leading axis: 1 if environments share them, N, or tasks with a curriculum."""
        if self.curriculum is not None:
            num_tasks = self.env.num_tasks if isinstance(self.env, TaskGrid) else 0
            if params.rules.max_steps.shape != (num_tasks,):
                raise ValueError(f"params.rules: shape {params.rules.max_steps.shape} is not that of {num_tasks} tasks")
            return params
        return params if params.rules.max_steps.ndim else shared_rules(params)

    def _in_chunks(
        self, fn: Callable[..., Any], rules: Rules, carry: Any, state: PyTree, *batch: Any
    ) -> tuple[Any, ...]:
        return in_chunks(self.env.layout, self.num_envs, fn, rules, self._shares(rules), carry, state, *batch)

    def _shares(self, rules: Rules) -> bool:
        """Whether all environments read the same rules, those of one game or of all tasks."""
        return self.curriculum is not None or rules.max_steps.shape[0] == 1


def _rules_of(rules: Rules, task: jax.Array | None) -> Rules:
    """The rules of each environment, from those of all tasks."""
    if task is None:
        return rules
    # The barrier keeps XLA from repeating the gather in each of the many places that read a rule.
    return jax.lax.optimization_barrier(jax.tree.map(lambda x: x.at[task].get(mode="promise_in_bounds"), rules))


def _known_actions(rules: Rules, actions: jax.Array) -> jax.Array:
    """The actions `[n, A, 2]`; type -1 in place of those that the task of an environment does not have."""
    kind = actions[..., 0]
    exists = (kind >= 0) & (kind < rules.enabled.shape[1])
    missing = exists & ~pick(rules.enabled, jnp.where(exists, kind, 0))
    return actions.at[..., 0].set(jnp.where(missing, -1, kind))


def _task_keys(keys: jax.Array) -> jax.Array:
    """Keys that draw tasks. Of the same keys `split` draws maps and episodes: that uses up folds 0 and 1."""
    return jax.vmap(lambda key: jax.random.fold_in(key, 2))(keys)


def _episode(env: EnvState, done: jax.Array, task: jax.Array | None) -> EpisodeInfo:
    return EpisodeInfo(done, env.episode_return, env.step, env.agent_stats, task)
