"""What the adapters play: rules, a pool of maps, and the names that statistics are counted under."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import jax

from metta_jax.adapters.process import check_process
from metta_jax.agent.device import find_device
from metta_jax.config import GameConfig
from metta_jax.core.device import Device
from metta_jax.core.whole_numbers import whole_number, whole_numbers
from metta_jax.mapgen import GameMap
from metta_jax.mettagrid import EnvParams, MettaGrid
from metta_jax.mettagrid.engine_path import choose_path
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.mettagrid.map_pool import MapRows
from metta_jax.mettagrid.types import Layout, StatsLevel
from metta_jax.worlds import canonical_name
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.source import (
    WorldSource,
    draw_maps,
    given_maps,
    is_name,
    read_world,
    refuse_options,
    world_name,
)

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
      params: `grid.params`, on the requested device.
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
        """The original's `initial_grid_hash` of a map; computed on first use."""
        if map_index not in self._hashes:
            self._hashes[map_index] = map_hash(self.maps[map_index].to_lists())
        return self._hashes[map_index]

    def map_labels(self, map_index: int) -> tuple[str, ...]:
        """The labels of the world and of a map, each once."""
        return tuple(dict.fromkeys((*self.labels, *self.maps[map_index].labels)))


GameSource: TypeAlias = WorldSource | GameConfig | Game
"""A world, see `worlds.read`; a GameConfig together with `maps`; or a Game."""


def make_game(
    world: GameSource | None = None,
    *,
    maps: MapRows | Sequence[MapRows] | None = None,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: ItemSet | None = None,
    num_maps: int | None = None,
    map_seed: int = 0,
    stats: StatsLevel = "totals",
    device: Device | str | None = None,
) -> Game:
    """The game that an adapter plays.

    Args:
      world: a world, see `worlds.read` (None: the default world), or a GameConfig together with `maps`. A Game is
        returned unchanged.
      maps: one map or several, rows of object names, in place of the world's map builder.
      num_agents, width, height, items: change a named world, see `worlds.get`.
      num_maps: size of the pool of maps; None: 64, or as many as are given.
      map_seed: of the pool; the same seed, the same maps.
      stats: which statistics of an episode the infos report: "full" with the original's derived ones, "totals", "none".
      device: where the parameters are put, as in `Environment`; None: JAX's default.

    Raises:
      ValueError: no such world, or options that do not go together; names the argument.
    """
    check_process()
    overrides = {**whole_numbers(1, num_agents=num_agents, width=width, height=height), "items": items}
    num_maps = whole_numbers(1, num_maps=num_maps)["num_maps"]
    map_seed = whole_number("map_seed", map_seed, 0)
    if isinstance(world, Game):
        refuse_options(
            {"maps": maps, **overrides, "num_maps": num_maps, "device": device}, "a Game, which has all of them"
        )
        return world
    pool = None if maps is None else given_maps(maps)
    if isinstance(world, GameConfig):
        refuse_options(overrides, "a configuration; change the configuration instead")
        name, labels, rules = UNNAMED, (), world
        if pool is None:
            raise ValueError("maps: None; a GameConfig needs maps, rows of object names")
    else:
        world = "default" if world is None else world
        config = read_world(world, **overrides)
        labels, rules = config.labels, config.game
        name = canonical_name(world) if isinstance(world, str) and is_name(world) else world_name(world, UNNAMED)
        if pool is None:
            pool = draw_maps(config, seed=map_seed, num_maps=DEFAULT_NUM_MAPS if num_maps is None else num_maps)
    if maps is not None:
        refuse_options({"num_maps": num_maps}, "maps, which are all played")
    found = find_device(device)
    grid = MettaGrid(rules, [game_map.to_lists() for game_map in pool], stats=stats, engine_path=choose_path(found))
    return Game(name, grid, tuple(pool), tuple(labels), jax.device_put(grid.params, found))
