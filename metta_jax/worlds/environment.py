"""A named world, or the worlds of a curriculum, as a batch of environments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, GameConfig
from metta_jax.core.device import Device
from metta_jax.core.short_repr import wrapped
from metta_jax.core.whole_numbers import whole_number, whole_numbers
from metta_jax.curriculum import Curriculum, Kind
from metta_jax.mapgen import GameMap, MapBuilder, build_maps
from metta_jax.mettagrid import (
    BatchEnv,
    EnvParams,
    MettaGrid,
    TaskGrid,
    VectorEnv,
    VectorState,
    VectorTimeStep,
    task_params,
)
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.mettagrid.endings import truncations
from metta_jax.mettagrid.engine_path import EnginePath, choose_path
from metta_jax.mettagrid.environment import DEFAULT_NUM_MAPS
from metta_jax.mettagrid.fresh_maps import fresh_maps as fresh_map_fn
from metta_jax.mettagrid.spaces import ActionSpace, Box
from metta_jax.mettagrid.types import StatsLevel
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.curricula import make_curriculum
from metta_jax.worlds.source import read_config, refuse_options

SHARED_NUM_MAPS = 256  # of all worlds of a curriculum together
LEAST_NUM_MAPS = 4  # of each


class Environment(BatchEnv):
    """`num_envs` environments of one world or one curriculum, with auto-reset; two pure functions and what is static.

    Letters: N environments, A agents in each, M observation tokens.

    Args:
      curriculum_path: name of a world, see `worlds.list()`, or of a curriculum, see `worlds.list_curricula()`; a YAML
        or JSON file of one; or a curriculum, or what `make_curriculum` takes; None: the default world. All tasks of a
        curriculum run in one compiled program, and every episode plays the one that the curriculum draws.
      env_config: rules and map builder instead of a name: an EnvConfig, or a mapping of its fields.
      num_envs: the number of environments, exactly.
      num_agents, width, height: override the named world's; agents on the whole map, and the size of one room.
      seed: of the maps and of sampled rules; None means 0. Same seed, same maps.
      is_training: the first episode of each environment gets a random length, so that they do not all end together.
      device: where everything that uses this environment runs: a jax.Device, or a name such as "cpu", "cuda:1" or
        "cuda,cpu" (the first one available). The arrays of `params` are put there, and a run's parameters and states
        follow them. None: JAX's default.
      items: item set of the named world, "classic" or "full"; None: what the world has.
      num_maps: size of the pool of maps from which every reset draws one; in a curriculum, of every task with maps of
        its own. None: 64 for one world; for several 256 in all, but at least 4 each.
      fresh_maps: every episode plays a map of its own, drawn on the device, instead of one of the pool; only for one
        world, whose maps are a `RandomRoom` or a `MapGen` of `Random` without sampled numbers.
      stats: which statistics of an episode are kept, "full", "totals" or "none".
      engine_path: "wide", "narrow" or an `EnginePath`: how much of the batch one operation covers. None: narrow on a
        CPU, wide elsewhere. Both compute the same integers.
      num_workers, batch_size, async_factor, zero_copy, vectorization: accepted for scripts written for the original,
        without effect: all environments run in one compiled step.

    Attributes:
      params: what `reset` and `step` take; a pytree, so it can be replaced without recompiling. With a curriculum, its
        rules have a leading axis of tasks.
      curriculum: what draws the task of each episode; None if there is only one task. Its state is part of what `reset`
        and `step` return, and of the TrainState.
      task_names, task_configs: by number of the task.
      device: the jax.Device that was requested; None: JAX's default.
      config: the rules; of the first task.
      mettagrid: one environment of the batch, for a closer look at a state.
      num_agents: agents of one environment.
      action_space, observation_space: of one agent: what `sample`s and `contains` actions and observations, with their
        shape and dtype.
      flat_actions: int32 [F, 2], all valid actions, type and argument; num_flat_actions: F.
      map_width, map_height: of the largest map, borders included.

    Raises:
      ValueError: no such world or device, or an option out of range.
    """

    env_config: EnvConfig  # the world; of the first task

    def __init__(
        self,
        curriculum_path: str | os.PathLike[str] | Mapping[str, Any] | Kind | EnvConfig | Curriculum | None = None,
        *,
        env_config: EnvConfig | Mapping[str, Any] | None = None,
        num_envs: int = 1,
        num_agents: int | None = None,
        width: int | None = None,
        height: int | None = None,
        seed: int | None = None,
        is_training: bool = True,
        device: Device | str | None = None,
        items: ItemSet | None = None,
        num_maps: int | None = None,
        fresh_maps: bool = False,
        stats: StatsLevel = "totals",
        engine_path: EnginePath | str | None = None,
        num_workers: int = 1,
        batch_size: int | None = None,
        async_factor: int = 1,
        zero_copy: bool = True,
        vectorization: str = "serial",
    ) -> None:
        del num_workers, batch_size, async_factor, zero_copy, vectorization
        for name, given in (("curriculum_path", curriculum_path), ("env_config", env_config)):
            if isinstance(given, GameConfig):
                raise ValueError(f"{name}: a GameConfig has no maps; give EnvConfig(game=..., map_builder=...)")
            if isinstance(given, MettaGrid | Environment):
                raise ValueError(f"{name}: {kind_of(given)} is made already; give the name or the EnvConfig of a world")
        if isinstance(env_config, str):
            raise ValueError(f"env_config: {env_config!r} is a name; give it first, Environment({env_config!r})")
        num_envs = whole_number("num_envs", num_envs, 1)
        seed = 0 if seed is None else whole_number("seed", seed, 0)
        num_maps = whole_numbers(1, num_maps=num_maps)["num_maps"]
        overrides = {**whole_numbers(1, num_agents=num_agents, width=width, height=height), "items": items}
        if env_config is not None:
            refuse_options(
                {"curriculum_path": curriculum_path, **overrides}, "env_config; change the configuration instead"
            )
            worlds, names, curriculum = (env_config,), ("env_config",), None
        else:
            path = "default" if curriculum_path is None else curriculum_path
            curriculum = make_curriculum(path, seed=seed, **overrides)
            worlds, names = curriculum.env_configs, curriculum.task_names
        worlds = [read_config(world, name=name) for world, name in zip(worlds, names, strict=True)]
        self.device = find_device(device)
        self.path = choose_path(self.device, engine_path)
        pools = _build_pools(worlds, seed=seed, num_maps=num_maps)
        games = [world.game for world in worlds]
        rows = {id(pool): [game_map.to_lists() for game_map in pool] for pool in pools}

        self.env_config = worlds[0]
        self.num_envs = num_envs
        if len(worlds) == 1:  # nothing to choose: a program without tasks
            self.curriculum: Curriculum | None = None
            self.mettagrid = MettaGrid(games[0], rows[id(pools[0])], stats=stats, engine_path=self.path)
        else:
            self.curriculum = curriculum
            self.mettagrid = TaskGrid(
                games, [rows[id(pool)] for pool in pools], names=names, stats=stats, engine_path=self.path
            )
        self.task_names: tuple[str, ...] = tuple(names)
        self.task_configs: tuple[GameConfig, ...] = tuple(games)
        if fresh_maps and len(worlds) > 1:
            raise ValueError(f"fresh_maps: True is for one world only, not for the {len(worlds)} tasks of a curriculum")
        map_fn = fresh_map_fn(self.mettagrid, self.env_config.map_builder) if fresh_maps else None
        self.vector = VectorEnv(
            self.mettagrid, num_envs, staggered=is_training, curriculum=self.curriculum, map_fn=map_fn
        )
        self.params: EnvParams = jax.device_put(self.mettagrid.params, self.device)
        labels = [(*world.labels, *pool[0].labels) for world, pool in zip(worlds, pools, strict=True)]
        self.labels = tuple(dict.fromkeys(label for some in labels for label in some))

        grid = self.mettagrid
        self.config: GameConfig = games[0]
        self.num_agents = grid.num_agents
        self.max_steps = grid.max_steps
        self.map_width = grid.map_width
        self.map_height = grid.map_height
        self.action_names = grid.action_names
        self.max_action_args = grid.max_action_args
        self.object_type_names = grid.object_type_names
        self.inventory_item_names = grid.inventory_item_names
        self.feature_normalizations = grid.feature_normalizations
        self.obs_width = grid.obs_width
        self.obs_height = grid.obs_height
        self.num_observation_tokens = grid.num_observation_tokens
        self.unique_tokens = grid.unique_tokens

    def get_observation_features(self) -> dict[str, dict[str, Any]]:
        """{feature name: {"id": int, "normalization": float}}."""
        return self.mettagrid.get_observation_features()

    def reset(self, params: EnvParams, key: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Start all episodes. Pure; `key` is a typed key and is used up."""
        return self.vector.reset(params, key)

    def step(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """One step of all environments; where an episode ended, the next one has started. Pure.

        Args:
          params: `self.params`; for one task also the same with a leading axis N.
          state: from `reset` or `step`.
          actions: int32 [N, A, 2], action index and argument.
        """
        return self.vector.step(params, state, actions)

    def __repr__(self) -> str:
        name = self.task_names[0] if len(self.task_names) == 1 else f"{len(self.task_names)} tasks"
        steps = f"{self.max_steps} steps" if self.max_steps else "any length"
        return wrapped(
            f"Environment({name}, num_envs={self.num_envs}, num_agents={self.num_agents}): "
            f"{self.map_width}x{self.map_height} cells, episodes of {steps}, {self.num_flat_actions} flat actions, "
            f"observations uint8[{self.num_envs},{self.num_agents},{self.num_observation_tokens},3]"
        )

    @property
    def action_space(self) -> ActionSpace:
        """The actions of one agent, int32 [2]: `sample(key, (N, A))` draws those of all."""
        return self.mettagrid.action_space

    @property
    def observation_space(self) -> Box:
        """What one agent sees, uint8 [M, 3]."""
        return self.mettagrid.observation_space

    @property
    def num_flat_actions(self) -> int:
        """F: the number of valid (type, argument) pairs."""
        return self.mettagrid.num_flat_actions

    @property
    def flat_actions(self) -> np.ndarray:
        """int32 [F, 2]: (type, argument) of every flat action, the table that makes actions of a network's choices."""
        return self.mettagrid.flat_actions

    @property
    def agent_stat_names(self) -> tuple[dict[str, int], ...]:
        """Of each group of agents, where a statistic is in `agent_stats`."""
        return self.mettagrid.agent_stat_names

    @property
    def truncates(self) -> bool:
        """Whether episodes of a task can end by truncation."""
        return any(any(truncations(game)) for game in self.task_configs)

    def step_limits(self, params: EnvParams, state: VectorState) -> jax.Array:
        """The step limit of a full episode of each environment's task, int32 [N]; 0 if there is none."""
        limits = params.rules.max_steps
        return jnp.broadcast_to(limits if state.task is None else limits[state.task], (self.num_envs,))

    def params_of(self, state: VectorState, index: int) -> EnvParams:
        """The parameters that environment `index` plays by, for the functions of `mettagrid`."""
        params = self.params if state.task is None else task_params(self.params, state.task[index])
        if state.maps is None:
            return params
        return params.replace(maps=jax.tree.map(lambda x: x[index][None], state.maps))

    def close(self) -> None:
        """Do nothing: there are no processes or buffers to close."""


def _build_pools(worlds: Sequence[EnvConfig], *, seed: int, num_maps: int | None) -> list[list[GameMap]]:
    """The maps of each world; worlds with equal builders have the same list."""
    builders: dict[MapBuilder, None] = {}
    for world in worlds:
        builders[world.map_builder] = None
    if num_maps is None:
        num_maps = DEFAULT_NUM_MAPS if len(worlds) == 1 else max(SHARED_NUM_MAPS // len(builders), LEAST_NUM_MAPS)
    pools = {builder: build_maps(builder, seed=seed, num_maps=num_maps) for builder in builders}
    return [pools[world.map_builder] for world in worlds]
