"""A named world as a batch of environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import MapBuilder, build_maps
from metta_jax.mettagrid import EnvParams, MettaGrid, VectorEnv, VectorState, VectorTimeStep
from metta_jax.mettagrid.types import StatsLevel
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.registry import get_world

DEFAULT_NUM_MAPS = 64


class Environment:
    """`num_envs` environments of one world, with auto-reset; a static description and two pure functions.

    Letters: N environments, A agents in each, T observation tokens.

    Args:
      curriculum_path: name of a world, see `worlds.list()`; None: the default world.
      env_config: rules and map builder instead of a name.
      num_envs: exactly so many environments.
      num_agents, width, height: override the named world's; agents on the whole map, and the size of one room.
      seed: of the maps; None means 0. Same seed, same maps.
      is_training: the first episode of each environment gets a random length, so that they do not all end together.
      device: where the arrays of `params` are put: a jax.Device, or a name such as "cpu", "cuda:1" or "cuda,cpu" (the
        first one that there is); None: JAX's default.
      items: item set of the named world, "classic" or "full"; None: what the world has.
      num_maps: size of the pool of maps from which every reset draws one.
      stats: which statistics of an episode are kept, "full", "totals" or "none".
      num_workers, batch_size, async_factor, zero_copy, vectorization: accepted for scripts written for the original,
        without effect: all environments run in one compiled step.

    Attributes:
      params: what `reset` and `step` take; a pytree, so it can be replaced without recompiling.
      config: the rules.
      mettagrid: one environment of the batch, for a closer look at a state.
      num_agents: agents of one environment.
      map_width, map_height: of the largest map, borders included.

    Raises:
      ValueError: no such world or device, or an option out of range.
    """

    def __init__(
        self,
        curriculum_path: str | None = None,
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
        num_maps: int = DEFAULT_NUM_MAPS,
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
        if env_config is None:
            world = get_world("default" if curriculum_path is None else curriculum_path, **overrides)
        else:
            world = _given_world(env_config, {"curriculum_path": curriculum_path, **overrides})
        builder = world.map_builder
        if not isinstance(builder, MapBuilder):
            raise ValueError(f"env_config.map_builder: {builder!r} is no map builder, it has no method build(rng)")
        found_device = find_device(device)
        maps = build_maps(builder, seed=seed or 0, num_maps=num_maps)

        self.env_config = world
        self.num_envs = num_envs
        self.mettagrid = MettaGrid(world.game, [game_map.to_lists() for game_map in maps], stats=stats)
        self.vector = VectorEnv(self.mettagrid, num_envs=num_envs, staggered=is_training)
        self.params: EnvParams = jax.device_put(self.mettagrid.params, found_device)
        self.labels = tuple(dict.fromkeys((*world.labels, *maps[0].labels)))

        grid = self.mettagrid
        self.config: GameConfig = world.game
        self.num_agents = grid.num_agents
        self.max_steps = grid.max_steps
        self.map_width = max(game_map.grid.shape[1] for game_map in maps)
        self.map_height = max(game_map.grid.shape[0] for game_map in maps)
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
          params: `self.params`, or the same with a leading axis N.
          state: from `reset` or `step`.
          actions: int32 [N, A, 2], action index and argument.
        """
        return self.vector.step(params, state, actions)

    def close(self) -> None:
        """Does nothing: there are no processes or buffers to close."""


def _given_world(env_config: EnvConfig | Mapping[str, Any], others: Mapping[str, Any]) -> EnvConfig:
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{name}: {value!r} is given together with env_config; change the configuration instead")
    return env_config if isinstance(env_config, EnvConfig) else EnvConfig.model_validate(env_config)
