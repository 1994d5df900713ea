"""Random rooms drawn on the device: a fresh map for every episode, inside a jitted reset.

    env = MettaGrid(game, [build_maps(room, seed=0, num_maps=1)[0].to_lists()])
    map_fn = fresh_maps(env, room)
    params = env.params.replace(maps=map_fn(key))          # a pool of this one map
    state, timestep = env.reset(params, key, map_index=0)

All of it may be transformed by `jax.jit` and `jax.vmap`. R rooms have n cells each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.config import GameConfig, WallConfig
from metta_jax.mapgen.game_map import AGENT_PREFIX, EMPTY, Grid, agent_names
from metta_jax.mapgen.map_gen import MapGen
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.places import counted
from metta_jax.mapgen.rooms import RandomRoom
from metta_jax.mapgen.sampled import has_sampled
from metta_jax.mapgen.scenes import Random
from metta_jax.mettagrid.environment import MettaGrid
from metta_jax.mettagrid.types import Layout, MapFn, Maps

RandomBuilder: TypeAlias = RandomRoom | MapGen
"""A `RandomRoom`, or a `MapGen` whose root is `Random`: one or several of them in a grid."""


def fresh_maps(env: MettaGrid, builder: RandomBuilder) -> MapFn:
    """A pure function that draws maps of a builder for a game.

    The maps have the same size, border and contents as those that `builder.build` draws on the host, in other places.

    Args:
      env: the game; made with at least one map of the same builder, so that its arrays have room.
      builder: a `RandomRoom`, or a `MapGen` of `Random`, without sampled numbers, children, and a seed of its own.

    Raises:
      ValueError: another builder, objects that the game does not know, or more than `env` has room for.
    """
    names = kind_names(env.layout)
    rooms = _rooms(builder)
    template = _kinds(rooms.template, names)
    things = _kinds(np.array(rooms.contents, dtype=np.object_)[None], names)[0]
    swappable = _swappable(env.config, env.layout)
    _check_room(env.layout, rooms, swappable)

    return partial(_fresh_map, env.layout, swappable, template, rooms.cells, things)


def _fresh_map(
    layout: Layout,
    swappable: tuple[bool, ...],
    template: np.ndarray,
    cells: np.ndarray,
    things: np.ndarray,
    key: jax.Array,
) -> Maps:
    kinds = scattered(key, template, cells, things)
    return jax.tree.map(lambda x: x[None], map_of_kinds(layout, swappable, kinds))


def scattered(key: jax.Array, template: np.ndarray, cells: np.ndarray, things: np.ndarray) -> jax.Array:
    """Put things on random cells of each of several rooms.

    Args:
      key: typed key, used up.
      template: int32 [height, width], the map without them.
      cells: int [R, n], the cells of each room, `row * width + column`.
      things: int32 [k], the same ones for each room; k is at most n.

    Returns:
      int32 [height, width].
    """
    filled = jnp.asarray(np.pad(things, (0, cells.shape[1] - len(things)), constant_values=0), jnp.int32)
    keys = jax.random.split(key, len(cells))
    shuffled = jax.vmap(lambda key: jax.random.permutation(key, filled))(keys)
    flat = jnp.asarray(template.reshape(-1), jnp.int32).at[jnp.asarray(cells)].set(shuffled, unique_indices=True)
    return flat.reshape(template.shape)


def kind_names(layout: Layout) -> tuple[str, ...]:
    """The object names that the numbers of a map of kinds stand for: empty, walls, converters, agents of each group."""
    return (
        EMPTY,
        *layout.wall_names,
        *layout.converter_names,
        *(f"agent.{group}" for group in layout.group_names),
    )


def map_of_kinds(layout: Layout, swappable: Sequence[bool], kinds: jax.Array) -> Maps:
    """A map as the start of an episode needs it. Pure; for generators of your own that run on the device.

    Agents, converters and blocks are numbered row by row, as on maps that come from the host.

    Args:
      layout: of the game. The map has exactly `num_agents` agents, and not more converters and blocks than it.
      swappable: for each of `layout.wall_names`, whether agents can change places with it.
      kinds: int32 [height, width], indices of `kind_names`; not larger than the layout.

    Returns:
      `Maps` without its leading axis.
    """
    height, width = kinds.shape
    first_converter = 1 + len(layout.wall_names)
    first_agent = first_converter + len(layout.converter_names)
    row, column = np.divmod(np.arange(height * width), width)
    padded = (row + layout.pad[0]) * layout.stride + column + layout.pad[1]
    # One more, for absent things: cell 0 is the corner of the padding, which is always empty.
    cell = jnp.asarray(np.append(padded, 0), jnp.int32)
    kind = kinds.reshape(-1)
    is_block_kind = np.zeros(first_agent + layout.num_groups, bool)
    is_block_kind[1:first_converter] = swappable
    is_agent = kind >= first_agent
    is_converter = (kind >= first_converter) & ~is_agent
    is_block = jnp.asarray(is_block_kind)[kind]

    # Walls keep their kind as their code; the others are numbered in the order of cells.
    code = kind
    for mask, first in (
        (is_agent, layout.agent_code),
        (is_converter, layout.converter_code),
        (is_block, layout.block_code),
    ):
        code = jnp.where(mask, first + jnp.cumsum(mask, dtype=jnp.int32) - 1, code)
    num_codes = layout.block_code + layout.num_blocks
    dtype = jnp.int16 if num_codes <= np.iinfo(np.int16).max else jnp.int32
    grid = jnp.zeros((layout.num_cells,), dtype).at[cell[:-1]].set(code.astype(dtype), unique_indices=True)

    nowhere = kind.shape[0]
    kind = jnp.append(kind, 0)  # what `nowhere` gives
    agents = jnp.nonzero(is_agent, size=layout.num_agents, fill_value=nowhere)[0]
    converters = jnp.nonzero(is_converter, size=layout.num_converters, fill_value=nowhere)[0]
    blocks = jnp.nonzero(is_block, size=layout.num_blocks, fill_value=nowhere)[0]
    return Maps(
        height=jnp.asarray(height, jnp.int32),
        width=jnp.asarray(width, jnp.int32),
        grid=grid,
        agent_cell=cell[agents],
        agent_group=kind[agents] - first_agent,
        converter_cell=cell[converters],
        converter_kind=jnp.maximum(kind[converters] - first_converter, 0),
        block_kind=jnp.maximum(kind[blocks] - 1, 0),
    )


@dataclass(frozen=True, eq=False)
class _Rooms:
    """What a builder draws: the map without contents, the cells of its rooms, int [R, n], and the contents of each."""

    template: Grid
    cells: np.ndarray
    contents: list[str]


def _rooms(builder: RandomBuilder) -> _Rooms:
    if isinstance(builder, RandomRoom):
        if builder.seed is not None:
            raise ValueError(f"seed: {builder.seed} is given; a room with a seed of its own always has the same map")
        _check_constant(builder)
        places, size = [(builder.border_width, builder.border_width)], (builder.width, builder.height)
        objects, agents = builder.fitted_objects(), builder.agents
        bare: RandomBuilder = replace(builder, objects={}, agents=0)
    elif isinstance(builder, MapGen) and type(builder.root) is Random:
        if builder.root.children:
            raise ValueError("root.children: only the scene itself can be drawn on the device, not its children")
        _check_constant(builder)
        _check_constant(builder.root)
        places, size = builder.instance_places(), builder.instance_size()
        objects, agents = builder.root.objects, builder.root.agents
        bare = replace(builder, root=Random())
    else:
        raise ValueError(f"builder: {builder!r} is not a RandomRoom, and not a MapGen whose root is Random")
    contents = counted(objects) + agent_names(agents)
    if len(contents) > size[0] * size[1]:
        raise ValueError(f"Too many objects for available empty cells: {len(contents)} > {size[0] * size[1]}")
    template = bare.build(generator(0)).grid
    number = np.arange(template.size, dtype=np.int32).reshape(template.shape)
    cells = [number[y : y + size[1], x : x + size[0]].reshape(-1) for x, y in places]
    return _Rooms(template, np.stack(cells), contents)


def _check_constant(parameters: RandomBuilder | Random) -> None:
    for name, value in vars(parameters).items():
        if has_sampled(value):
            raise ValueError(f"{name}: {value!r} is sampled; on the device the numbers of a map have to be constant")


def _check_room(layout: Layout, rooms: _Rooms, swappable: Sequence[bool]) -> None:
    """Raise a ValueError if the maps do not fit in the arrays of the game."""
    names = [*rooms.template.reshape(-1).tolist(), *(rooms.contents * len(rooms.cells))]
    blocks = [name for name, is_block in zip(layout.wall_names, swappable, strict=True) if is_block]
    agents = sum(name.startswith(AGENT_PREFIX) for name in names)
    if agents != layout.num_agents:
        raise ValueError(f"builder: {agents} agents are on its maps, the game has {layout.num_agents}")
    for what, number, most in (
        ("rows", rooms.template.shape[0], layout.height),
        ("columns", rooms.template.shape[1], layout.width),
        ("converters", sum(name in layout.converter_names for name in names), layout.num_converters),
        ("blocks", sum(name in blocks for name in names), layout.num_blocks),
    ):
        if number > most:
            raise ValueError(f"builder: its maps have {number} {what}, env was made for at most {most}")


def _kinds(grid: Grid, names: Sequence[str]) -> np.ndarray:
    """The numbers of object names, int32 of the same shape."""
    unknown = sorted(set(grid.reshape(-1).tolist()) - set(names))
    if unknown:
        raise ValueError(f"builder: Unknown object type: {unknown[0]!r}; the game has {', '.join(names)}")
    index = {name: number for number, name in enumerate(names)}
    return np.array([[index[name] for name in row] for row in grid.tolist()], np.int32).reshape(grid.shape)


def _swappable(config: GameConfig, layout: Layout) -> tuple[bool, ...]:
    things = (config.objects.get(name) for name in layout.wall_names)
    return tuple(isinstance(thing, WallConfig) and thing.swappable for thing in things)
