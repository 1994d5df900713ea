"""A named world, or the worlds of a curriculum, as a batch of environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, GameConfig
from metta_jax.curriculum import Curriculum, Kind
from metta_jax.mapgen import GameMap, MapBuilder, build_maps
from metta_jax.mapgen.device import fresh_maps as fresh_map_fn
from metta_jax.mettagrid import EnvParams, MettaGrid, TaskGrid, VectorEnv, VectorState, VectorTimeStep, task_params
from metta_jax.mettagrid.types import StatsLevel
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.curricula import make_curriculum

DEFAULT_NUM_MAPS = 64  # of one world
SHARED_NUM_MAPS = 256  # of all worlds of a curriculum together
LEAST_NUM_MAPS = 4  # of each


class Environment:
    """`num_envs` environments of one world or one curriculum, with auto-reset; two pure functions and what is static.

    Letters: N environments, A agents in each, T observation tokens.

    Args:
      curriculum_path: name of a world, see `worlds.list()`, or of a curriculum, see `worlds.list_curricula()`; or a
        curriculum, or what `make_curriculum` takes; None: the default world. All tasks of a curriculum run in one
        compiled program, and every episode plays the one that the curriculum draws.
      env_config: rules and map builder instead of a name.
      num_envs: exactly so many environments.
      num_agents, width, height: override the named world's; agents on the whole map, and the size of one room.
      seed: of the maps and of sampled rules; None means 0. Same seed, same maps.
      is_training: the first episode of each environment gets a random length, so that they do not all end together.
      device: where the arrays of `params` are put: a jax.Device, or a name such as "cpu", "cuda:1" or "cuda,cpu" (the
        first one that there is); None: JAX's default.
      items: item set of the named world, "classic" or "full"; None: what the world has.
      num_maps: size of the pool of maps from which every reset draws one; in a curriculum, of every task with maps of
        its own. None: 64 for one world; for several 256 in all, but at least 4 each.
      fresh_maps: every episode plays a map of its own, drawn on the device, instead of one of the pool; only for one
        world, whose maps are a `RandomRoom` or a `MapGen` of `Random` without sampled numbers.
      stats: which statistics of an episode are kept, "full", "totals" or "none".
      num_workers, batch_size, async_factor, zero_copy, vectorization: accepted for scripts written for the original,
        without effect: all environments run in one compiled step.

    Attributes:
      params: what `reset` and `step` take; a pytree, so it can be replaced without recompiling. With a curriculum, its
        rules have a leading axis of tasks.
      curriculum: what draws the task of each episode; None if there is only one task. Its state is part of what `reset`
        and `step` return, and of the TrainState.
      task_names, task_configs: by number of the task.
      config: the rules; of the first task.
      mettagrid: one environment of the batch, for a closer look at a state.
      num_agents: agents of one environment.
      map_width, map_height: of the largest map, borders included.

    Raises:
      ValueError: no such world or device, or an option out of range.
    """

    def __init__(
        self,
        curriculum_path: str | Mapping[str, Any] | Kind | Curriculum | None = None,
        *,
        env_config: EnvConfig | Mapping[str, Any] | None = None,
        num_envs: int = 1,
        num_agents: int | None = None,
        width: int | None = None,
        height: int | None = None,
        seed: int | None = None,
        is_training: bool = True,
        device: Any = None,
        items: ItemSet | None = None,
        num_maps: int | None = None,
        fresh_maps: bool = False,
        stats: StatsLevel = "totals",
        num_workers: int = 1,
        batch_size: int | None = None,
        async_factor: int = 1,
        zero_copy: bool = True,
        vectorization: str = "serial",
    ) -> None:
        del num_workers, batch_size, async_factor, zero_copy, vectorization
        if num_envs < 1:
            raise ValueError(f"num_envs: {num_envs} is not at least 1")
        overrides = {"num_agents": num_agents, "width": width, "height": height, "items": items}
        if env_config is not None:
            worlds = (_given_world(env_config, {"curriculum_path": curriculum_path, **overrides}),)
            names, curriculum = ("env_config",), None
        else:
            path = "default" if curriculum_path is None else curriculum_path
            curriculum = make_curriculum(path, seed=seed or 0, **overrides)
            worlds, names = curriculum.env_configs, curriculum.task_names
        found_device = find_device(device)
        pools = _build_pools(worlds, names, seed=seed or 0, num_maps=num_maps)
        games = [world.game for world in worlds]
        rows = {id(pool): [game_map.to_lists() for game_map in pool] for pool in pools}

        self.env_config = worlds[0]
        self.num_envs = num_envs
        if len(worlds) == 1:  # nothing to choose: a program without tasks
            self.curriculum: Curriculum | None = None
            self.mettagrid = MettaGrid(games[0], rows[id(pools[0])], stats=stats)
        else:
            self.curriculum = curriculum
            self.mettagrid = TaskGrid(games, [rows[id(pool)] for pool in pools], names=names, stats=stats)
        self.task_names: tuple[str, ...] = tuple(names)
        self.task_configs: tuple[GameConfig, ...] = tuple(games)
        if fresh_maps and len(worlds) > 1:
            raise ValueError(f"fresh_maps: True is for one world only, not for the {len(worlds)} tasks of a curriculum")
        map_fn = fresh_map_fn(self.mettagrid, self.env_config.map_builder) if fresh_maps else None
        self.vector = VectorEnv(
            self.mettagrid, num_envs, staggered=is_training, curriculum=self.curriculum, map_fn=map_fn
        )
        self.params: EnvParams = jax.device_put(self.mettagrid.params, found_device)
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

    def get_observation_features(self) -> dict[str, dict[str, Any]]:
        """{feature name: {"id": int, "normalization": float}}."""
        return self.mettagrid.get_observation_features()

    def reset(self, params: EnvParams, key: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """Starts all episodes. Pure; `key` is a typed key and is used up."""
        return self.vector.reset(params, key)

    def step(self, params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        """One step of all environments; where an episode ended the next one has begun. Pure.

        Args:
          params: `self.params`; for one task also the same with a leading axis N.
          state: from `reset` or `step`.
          actions: int32 [N, A, 2], action index and argument.
        """
        return self.vector.step(params, state, actions)

    def params_of(self, state: VectorState, index: int) -> EnvParams:
        """The parameters that environment `index` plays by, for the functions of `mettagrid`."""
        params = self.params if state.task is None else task_params(self.params, state.task[index])
        if state.maps is None:
            return params
        # `map_index` counts within a chunk of environments, see `VectorEnv`.
        first = index - state.env.map_index[index]
        return params.replace(maps=jax.tree.map(lambda x: jax.numpy.roll(x, -first, axis=0), state.maps))

    def close(self) -> None:
        """Does nothing: there are no processes or buffers to close."""


def _build_pools(
    worlds: Sequence[EnvConfig], names: Sequence[str], *, seed: int, num_maps: int | None
) -> list[list[GameMap]]:
    """The maps of each world; worlds with equal builders have the same list."""
    builders: dict[MapBuilder, None] = {}
    for world, name in zip(worlds, names, strict=True):
        builder = world.map_builder
        if not isinstance(builder, MapBuilder):
            raise ValueError(f"{name}.map_builder: {builder!r} is no map builder, it has no method build(rng)")
        builders[builder] = None
    if num_maps is None:
        num_maps = DEFAULT_NUM_MAPS if len(worlds) == 1 else max(SHARED_NUM_MAPS // len(builders), LEAST_NUM_MAPS)
    pools = {builder: build_maps(builder, seed=seed, num_maps=num_maps) for builder in builders}
    return [pools[world.map_builder] for world in worlds]


def _given_world(env_config: EnvConfig | Mapping[str, Any], others: Mapping[str, Any]) -> EnvConfig:
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{name}: {value!r} is given together with env_config; change the configuration instead")
    return env_config if isinstance(env_config, EnvConfig) else EnvConfig.model_validate(env_config)
