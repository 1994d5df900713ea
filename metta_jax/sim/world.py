"""From the configuration of a simulation to an environment: rules, maps, and room for other worlds. Host code."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from metta_jax.config import EnvConfig, SingleEnvSimulationConfig
from metta_jax.config.base import deep_merge
from metta_jax.core.device import Device
from metta_jax.core.frozen_dict import thaw
from metta_jax.mettagrid import EnvParams, MettaGrid
from metta_jax.mettagrid.build import build_layout, build_params
from metta_jax.mettagrid.engine_path import choose_path
from metta_jax.mettagrid.map_pool import MapCounts, read_maps
from metta_jax.mettagrid.types import Layout, StatsLevel
from metta_jax.worlds.source import draw_maps, is_file, is_name, read_world

MAX_MAPS = 64  # of one simulation: episode i plays map i modulo this


@dataclasses.dataclass(frozen=True, eq=False)
class SimWorld:
    """A world with its maps, in arrays that may have room for larger maps.

    env: what the database calls it. grid: names and shapes of observations and actions. layout, params: what the
    compiled program takes. maps: rows of object names, as the builder made them. seed: of the maps.
    """

    env: str
    config: EnvConfig
    grid: MettaGrid
    layout: Layout
    params: EnvParams
    maps: tuple[list[list[str]], ...]
    seed: int

    @property
    def counts(self) -> MapCounts:
        layout = self.layout
        return MapCounts(layout.height, layout.width, layout.num_converters, layout.num_blocks)

    @property
    def family(self) -> Layout:
        """The layout without the sizes of maps: worlds of one family can share a program."""
        return dataclasses.replace(self.layout, height=0, width=0, num_converters=0, num_blocks=0)

    def with_room(self, counts: MapCounts) -> SimWorld:
        """The same world in arrays with room for `counts`; nothing that happens in it changes."""
        if counts == self.counts:
            return self
        layout = build_layout(self.grid.config, counts, self.layout.stats, self.layout.path)
        cells = read_maps(self.grid.config, list(self.maps))
        return dataclasses.replace(self, layout=layout, params=build_params(self.grid.config, layout, cells))


def make_world(
    config: SingleEnvSimulationConfig,
    *,
    seed: int,
    num_episodes: int,
    stats: StatsLevel,
    device: Device | None = None,
) -> SimWorld:
    """The world of a simulation on a jax.Device, with a map for each episode but at most `MAX_MAPS`.

    Raises:
      ValueError: no such world; an override that does not fit; a game without a step limit, whose episodes never end.
    """
    world = playable_env(config)
    maps = [m.to_lists() for m in draw_maps(world, seed=seed, num_maps=min(num_episodes, MAX_MAPS))]
    grid = MettaGrid(world.game, maps, stats=stats, engine_path=choose_path(device))
    return SimWorld(
        env=env_name(config),
        config=world,
        grid=grid,
        layout=grid.layout,
        params=grid.params,
        maps=tuple(maps),
        seed=seed,
    )


def playable_env(config: SingleEnvSimulationConfig) -> EnvConfig:
    """`resolve_env`, checked for whether episodes can be played there to their end; raises like `make_world`."""
    world = resolve_env(config)
    if world.game.max_steps < 1:
        raise ValueError("env.game.max_steps: 0 means no limit; episodes that are evaluated or recorded must end")
    return world


def with_content(config: SingleEnvSimulationConfig) -> SingleEnvSimulationConfig:
    """The same simulation with what its file holds in place of the file: what is recorded must not change with it."""
    return config.replace(env=read_world(config.env, name="env")) if is_file(config.env) else config


def env_name(config: SingleEnvSimulationConfig) -> str:
    """The path of a named world as it was given; `custom/<8 hex digits>` for a configuration."""
    if isinstance(config.env, str):
        return config.env
    return f"custom/{hashlib.blake2b(config.env.model_dump_json().encode(), digest_size=4).hexdigest()}"


def common_room(group: list[SimWorld]) -> MapCounts:
    """What holds every world of the group."""
    return MapCounts(*(max(sizes) for sizes in zip(*(world.counts for world in group), strict=True)))


def resolve_env(config: SingleEnvSimulationConfig) -> EnvConfig:
    """The world of a simulation with its overrides.

    Overrides reach into the map builder too: `{"map_builder": {"width": 8}}`. A number of agents in `game.num_agents`
    also goes to the builder of a named world.
    """
    overrides = thaw(config.env_overrides)
    game = overrides.get("game")
    if isinstance(game, Mapping) and "map_builder" in game:
        overrides["game"] = {key: value for key, value in game.items() if key != "map_builder"}
        overrides = deep_merge(overrides, {"map_builder": game["map_builder"]})
    num_agents = game.get("num_agents") if isinstance(game, Mapping) else None
    options = {"num_agents": num_agents} if is_name(config.env) and isinstance(num_agents, int) else {}
    world = read_world(config.env, name="env", **options)
    if not overrides:
        return world
    try:
        return world.replace(overrides)
    except ValueError as error:
        raise ValueError(f"env_overrides.{error}") from None


def flattened(config: EnvConfig) -> dict[str, str]:
    """`config.<dotted path>` and the value as text, of every value of a configuration."""
    flat: dict[str, str] = {}

    def visit(path: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                visit(f"{path}.{str(key).replace('/', '.')}", item)
        else:
            flat[path] = str(value)

    visit("config", config.model_dump(mode="json"))
    return flat


def map_size(rows: list[list[str]]) -> tuple[int, int]:
    """Width and height."""
    height, width = np.shape(rows)
    return width, height
