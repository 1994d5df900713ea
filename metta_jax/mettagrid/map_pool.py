"""Maps: checked, counted, and turned into a pool on the device. Host code, NumPy."""

import os
from collections.abc import Container, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from grid_kernels.object_entry import POINTER_BITS
from metta_jax.config import GameConfig, WallConfig
from metta_jax.mapgen import GameMap, MapBuilder
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.mettagrid.types import Layout, Maps

EMPTY = ("empty", ".", " ")


class MapCounts(NamedTuple):
    """The largest of each over all maps of a pool."""

    height: int
    width: int
    converters: int
    blocks: int


MapRows: TypeAlias = Sequence[Sequence[str]] | np.ndarray | GameMap
"""A map: rows of object names, or what a map builder draws."""


def walls_of(config: GameConfig) -> dict[str, WallConfig]:
    """Walls and blocks by name."""
    return {name: thing for name, thing in config.objects.items() if isinstance(thing, WallConfig)}


def read_maps(config: GameConfig, maps: MapRows | Sequence[MapRows]) -> list[np.ndarray]:
    """One map or a list of maps as arrays of object names.

    Raises a ValueError that names the map and the place: for ragged maps, unknown objects, and another number of
    agents than `num_agents`.
    """
    return [_read_map(config, f"maps[{i}]", rows) for i, rows in enumerate(map_list(maps))]


def map_list(maps: MapRows | Sequence[MapRows]) -> list[Any]:
    """One map or several as a list of maps, each rows of object names.

    Raises a ValueError if there is none, or for other things that are easily mistaken for maps.
    """
    given: Any = maps
    if isinstance(given, str | os.PathLike):
        raise ValueError(
            f"maps: {os.fspath(given)!r} is text; a map is rows of object names, as metta_jax.mapgen.read_map(path) "
            "and from_text(text) make them"
        )
    if isinstance(given, MapBuilder):
        name = type(given).__name__
        raise ValueError(f"maps: a {name} is a map builder; build_maps(builder, seed=0, num_maps=64) draws its maps")
    if isinstance(given, GameMap):
        given = [given]
    if not isinstance(given, Sequence | np.ndarray):
        raise ValueError(f"maps: {kind_of(given)} is not a map; a map is rows of object names")
    if not len(given):
        raise ValueError("maps: no map is given; at least one is needed")
    first = given[0]
    is_one = isinstance(first, Sequence | np.ndarray) and len(first) and isinstance(first[0], str)
    pool = [given] if is_one and not isinstance(first, str) else list(given)
    return [rows.grid if isinstance(rows, GameMap) else rows for rows in pool]


def count_maps(config: GameConfig, maps: Sequence[np.ndarray]) -> MapCounts:
    """What the arrays of a pool must have room for."""
    walls = walls_of(config)
    blocks = [name for name, wall in walls.items() if wall.swappable]
    converters = [name for name in config.objects if name not in walls]
    return MapCounts(
        height=max(len(rows) for rows in maps),
        width=max(rows.shape[1] for rows in maps),
        converters=max(int(np.isin(rows, converters).sum()) for rows in maps),
        blocks=max(int(np.isin(rows, blocks).sum()) for rows in maps),
    )


def build_maps(layout: Layout, pools: Sequence[tuple[GameConfig, Sequence[np.ndarray]]]) -> Maps:
    """One pool of the maps of one or several games, in their order; the layout has the names of all of them."""
    maps = [rows for _, maps in pools for rows in maps]
    num_codes = layout.block_code + layout.num_blocks
    num_rows = layout.converter_code + layout.num_converters + layout.num_agents
    if num_rows * layout.row_size >= 1 << POINTER_BITS:
        raise ValueError(f"maps: {num_rows} kinds of objects with {layout.num_items} items are too many for one map")
    arrays = [_map_arrays(layout, config, rows) for config, maps in pools for rows in maps]
    stacked = {name: np.stack([a[name] for a in arrays]) for name in arrays[0]}
    stacked["grid"] = stacked["grid"].astype(np.int16 if num_codes <= np.iinfo(np.int16).max else np.int32)
    return Maps(
        height=jnp.asarray([len(rows) for rows in maps], jnp.int32),
        width=jnp.asarray([rows.shape[1] for rows in maps], jnp.int32),
        **{name: jnp.asarray(x) for name, x in stacked.items()},
    )


def _read_map(config: GameConfig, name: str, rows: Sequence[Sequence[str]] | np.ndarray) -> np.ndarray:
    lengths = [len(row) for row in rows]
    if not lengths or not lengths[0]:
        raise ValueError(f"{name}: the map has no cells")
    for r, length in enumerate(lengths):
        if length != lengths[0]:
            raise ValueError(f"{name}: row {r} has {length} cells, row 0 has {lengths[0]}; a map is a rectangle")
    cells = np.asarray(rows, dtype=object)
    if cells.ndim != 2 or not all(isinstance(cell, str) for cell in cells.flat):
        raise ValueError(f"{name}: a map is rows of object names (strings)")
    cells = cells.astype(str)
    agents = [f"agent.{group}" for group in config.groups]
    known = [*config.objects, *agents]
    unknown = ~np.isin(cells, [*EMPTY, *known])
    if unknown.any():
        r, c = np.argwhere(unknown)[0]
        raise ValueError(
            f"{name}: Unknown object type: {str(cells[r, c])!r} in row {r}, column {c}; known are 'empty', "
            + ", ".join(repr(x) for x in known)
        )
    num_agents = int(np.isin(cells, agents).sum())
    if num_agents != config.num_agents:
        raise ValueError(f"{name}: {num_agents} agents are on the map, num_agents is {config.num_agents}")
    return cells


def _map_arrays(layout: Layout, config: GameConfig, rows: np.ndarray) -> dict[str, np.ndarray]:
    width = rows.shape[1]
    pad_rows, pad_columns = layout.pad
    r, c = np.divmod(np.arange(rows.size), width)
    cell = (r + pad_rows) * layout.stride + c + pad_columns
    names, inverse = np.unique(rows.reshape(-1), return_inverse=True)

    def kinds(known: Sequence[str], own: Container[str], prefix: str = "") -> np.ndarray:
        """Index of every cell's name among `known`, -1 for others and for what this game has no such thing of."""
        index = {prefix + name: i for i, name in enumerate(known) if name in own}
        return np.asarray([index.get(str(name), -1) for name in names])[inverse]

    walls = walls_of(config)
    wall = kinds(layout.wall_names, walls)
    converter = kinds(layout.converter_names, config.objects.keys() - walls.keys())
    group = kinds(layout.group_names, config.groups, "agent.")
    swappable = np.asarray([name in walls and walls[name].swappable for name in layout.wall_names], bool)
    is_block = (wall >= 0) & (np.append(swappable, False)[wall])
    grid = np.zeros(layout.num_cells, np.int32)
    grid[cell] = np.where(wall >= 0, 1 + wall, 0)
    grid[cell[group >= 0]] = layout.agent_code + np.arange(layout.num_agents)
    grid[cell[converter >= 0]] = layout.converter_code + np.arange((converter >= 0).sum())
    grid[cell[is_block]] = layout.block_code + np.arange(is_block.sum())
    return {
        "grid": grid,
        "agent_cell": cell[group >= 0].astype(np.int32),
        "agent_group": group[group >= 0].astype(np.int32),
        "converter_cell": _padded(cell[converter >= 0], layout.num_converters),
        "converter_kind": _padded(converter[converter >= 0], layout.num_converters),
        "block_kind": _padded(wall[is_block], layout.num_blocks),
    }


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return np.pad(values, (0, size - len(values))).astype(np.int32)
