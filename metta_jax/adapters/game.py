"""What the adapters play: rules, a pool of maps, and the names that statistics are counted under."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import FixedMap, GameMap, MapBuilder, build_maps
from metta_jax.mettagrid import EnvParams, MettaGrid
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.mettagrid.types import Layout, StatsLevel
from metta_jax.worlds import canonical_name, get

DEFAULT_NUM_MAPS = 64
UNNAMED = "game"  # the name of a world that is given as a configuration


@dataclass(frozen=True, eq=False)
class Game:
    """A world that is ready to be played. Never changes, so several environments may share one.

    Attributes:
      name: of the world; its last part names the task in the infos.
      grid: the engine's shapes and numbers.
      maps: the pool that every reset draws from, in the order of map indices.
      labels: words that the rewards of every map are counted under; each map adds its own.
      params: `grid.params`, on the device that was asked for.
    """

    name: str
    grid: MettaGrid
    maps: tuple[GameMap, ...]
    labels: tuple[str, ...]
    params: EnvParams

    @property
    def layout(self) -> Layout:
        return self.grid.layout

    @functools.cached_property
    def _hashes(self) -> dict[int, int]:
        return {}

    def map_hash(self, map_index: int) -> int:
        """The original's `initial_grid_hash` of a map; worked out when it is first asked for."""
        if map_index not in self._hashes:
            self._hashes[map_index] = map_hash(self.maps[map_index].to_lists())
        return self._hashes[map_index]

    def map_labels(self, map_index: int) -> tuple[str, ...]:
        """The labels of the world and of a map, each once."""
        return tuple(dict.fromkeys((*self.labels, *self.maps[map_index].labels)))


def make_game(
    world: str | EnvConfig | GameConfig | Mapping[str, Any] | Game | None = None,
    *,
    maps: Sequence[Any] | None = None,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: Any = None,
    num_maps: int | None = None,
    map_seed: int = 0,
    stats: StatsLevel = "totals",
    device: Any = None,
) -> Game:
    """The game that an adapter plays.

    Args:
      world: name of a world (None: the default world), an EnvConfig or a mapping for one, or a GameConfig together with
        `maps`. A Game is returned as it is.
      maps: one map or several, rows of object names, in place of the world's map builder.
      num_agents, width, height, items: change a named world, see `worlds.get`.
      num_maps: size of the pool of maps; None: 64, or as many as are given.
      map_seed: of the pool; the same seed, the same maps.
      stats: which statistics of an episode the infos report: "full" with the original's derived ones, "totals", "none".
      device: where the parameters are put, as in `Environment`; None: JAX's default.

    Raises:
      ValueError: no such world, or options that do not go together; names the argument.
    """
    overrides = {"num_agents": num_agents, "width": width, "height": height, "items": items}
    if isinstance(world, Game):
        _refuse({"maps": maps, **overrides, "num_maps": num_maps, "device": device}, "a Game, which has all of them")
        return world
    rows = None if maps is None else _map_list(maps)
    name, labels, builder = UNNAMED, (), None
    if world is None or isinstance(world, str):
        name = canonical_name("default" if world is None else world)
        config = get(name, **overrides)
        rules, labels, builder = config.game, config.labels, config.map_builder
    else:
        _refuse(overrides, "a configuration; change the configuration instead")
        rules = world if isinstance(world, GameConfig) else None
        if rules is None:
            config = world if isinstance(world, EnvConfig) else EnvConfig.model_validate(world)
            rules, labels, builder = config.game, config.labels, config.map_builder
    if rows is not None:
        _refuse({"num_maps": num_maps}, "maps, which are all played")
        pool = [FixedMap(tuple(tuple(row) for row in grid)).build(_NO_RNG) for grid in rows]
    elif isinstance(builder, MapBuilder):
        pool = build_maps(builder, seed=map_seed, num_maps=DEFAULT_NUM_MAPS if num_maps is None else num_maps)
    elif builder is None:
        raise ValueError("maps: None; a GameConfig needs maps, rows of object names")
    else:
        raise ValueError(f"world.map_builder: {builder!r} is no map builder, it has no method build(rng)")
    grid = MettaGrid(rules, [game_map.to_lists() for game_map in pool], stats=stats)
    return Game(name, grid, tuple(pool), tuple(labels), jax.device_put(grid.params, find_device(device)))


_NO_RNG: Any = None  # a fixed map draws nothing


def _map_list(maps: Any) -> list[Any]:
    """One map or several, as a list of maps."""
    if len(maps) and len(maps[0]) and isinstance(maps[0][0], str) and not isinstance(maps[0], str):
        return [maps]
    if not len(maps):
        raise ValueError("maps: no map is given; at least one is needed")
    return list(maps)


def _refuse(options: Mapping[str, Any], given: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name}: {value!r} is given together with {given}")
