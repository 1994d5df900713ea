"""From the configuration of a simulation to an environment: rules, maps, and room for other worlds. Host code."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from metta_jax import worlds
from metta_jax.config import EnvConfig, SingleEnvSimulationConfig
from metta_jax.config.base import FrozenDict, deep_merge
from metta_jax.config.frozen_dict import thaw
from metta_jax.mapgen import MapBuilder, build_maps
from metta_jax.mettagrid import EnvParams, MettaGrid
from metta_jax.mettagrid.build import build_layout, build_params
from metta_jax.mettagrid.map_pool import MapCounts, read_maps
from metta_jax.mettagrid.types import Layout, StatsLevel

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
        layout = build_layout(self.grid.config, counts, self.layout.stats)
        cells = read_maps(self.grid.config, list(self.maps))
        return dataclasses.replace(self, layout=layout, params=build_params(self.grid.config, layout, cells))


def make_world(config: SingleEnvSimulationConfig, *, seed: int, num_episodes: int, stats: StatsLevel) -> SimWorld:
    """The world of a simulation, with a map for each episode but at most `MAX_MAPS`.

    Raises:
      ValueError: no such world; an override that does not fit; a game without a step limit, whose episodes never end.
    """
    world = resolve_env(config)
    builder = world.map_builder
    if not isinstance(builder, MapBuilder):
        raise ValueError(f"env.map_builder: {builder!r} is no map builder, it has no method build(rng)")
    if world.game.max_steps < 1:
        raise ValueError("env.game.max_steps: 0 means no limit; episodes that are evaluated must end")
    maps = [m.to_lists() for m in build_maps(builder, seed=seed, num_maps=min(num_episodes, MAX_MAPS))]
    grid = MettaGrid(world.game, maps, stats=stats)
    return SimWorld(
        env=env_name(config),
        config=world,
        grid=grid,
        layout=grid.layout,
        params=grid.params,
        maps=tuple(maps),
        seed=seed,
    )


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
    world = config.env
    if isinstance(world, str):
        num_agents = game.get("num_agents") if isinstance(game, Mapping) else None
        world = worlds.get(world, num_agents=num_agents if isinstance(num_agents, int) else None)
    if not overrides:
        return world
    builder = overrides.get("map_builder")
    if isinstance(builder, Mapping):
        overrides["map_builder"] = _changed("map_builder", world.map_builder, builder)
    return world.replace(overrides)


def _changed(name: str, old: Any, changes: Any) -> Any:
    """A dataclass or a mapping with some values changed, at every depth; anything else is replaced."""
    if not isinstance(changes, Mapping):
        return changes
    if isinstance(old, Mapping):
        return FrozenDict(deep_merge(old, changes))
    if not dataclasses.is_dataclass(old) or isinstance(old, type):
        return FrozenDict(changes)
    known = [field.name for field in dataclasses.fields(old) if field.init]
    for key in changes:
        if key not in known:
            raise ValueError(f"env_overrides.{name}: {type(old).__name__} has no {key!r}; known are {', '.join(known)}")
    return dataclasses.replace(
        old, **{key: _changed(f"{name}.{key}", getattr(old, key), value) for key, value in changes.items()}
    )


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
