"""From the frames of an episode to a replay of format 1, as plain values. Host code, NumPy.

A value that changes over time is a series `[[step, value], ...]` of its changes, from step 0 on; one that never changes
is written unchanged. Letters: T steps, n objects of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from metta_jax.config import features
from metta_jax.config.base import Config
from metta_jax.mettagrid import EnvParams, MettaGrid
from metta_jax.mettagrid.inspect import AGENT_LAYER, OBJECT_LAYER
from metta_jax.mettagrid.types import Layout
from metta_jax.replays.check import VERSION
from metta_jax.replays.frames import Frame

NumpyFrames = Any  # Frame, of NumPy arrays


class PlayedWorld(Protocol):
    """Where an episode was played."""

    @property
    def config(self) -> Config:
        """The world's configuration, which is written into the replay."""
        ...

    @property
    def grid(self) -> MettaGrid:
        """Names of actions, items and object types."""
        ...

    @property
    def layout(self) -> Layout:
        """What the frames' shapes follow."""
        ...

    @property
    def params(self) -> EnvParams:
        """Rules and maps in arrays of the shapes of `layout`."""
        ...

    @property
    def maps(self) -> Sequence[list[list[str]]]:
        """Rows of object names, by map index."""
        ...


def replay_data(
    grid: MettaGrid, map_size: tuple[int, int], num_steps: int, objects: list[dict[str, Any]], config: dict[str, Any]
) -> dict[str, Any]:
    """What a file of format 1 holds.

    Args:
      grid: names of actions, items and object types, and the number of agents.
      map_size: width and height.
      objects: in the order of their ids.
      config: of the world, with the rules under `game`, as plain values.
    """
    return {
        "version": VERSION,
        "action_names": list(grid.action_names),
        "inventory_items": list(grid.inventory_item_names),
        "object_types": list(grid.object_type_names),
        "map_size": list(map_size),
        "num_agents": grid.num_agents,
        "max_steps": num_steps,
        "grid_objects": objects,
        "config": config,
    }


def encode_replay(world: PlayedWorld, map_index: int, frames: Frame, initial: Frame | None = None) -> dict[str, Any]:
    """A replay as what JSON can hold.

    Args:
      world: where it was played. map_index: on which of its maps.
      frames: `[T, ...]`, NumPy. Step k is the state after action k + 1.
      initial: the frame before the first action; if given it becomes step 0, in which every agent's action is (0, 0).
    """
    frames = jax.tree.map(np.asarray, frames)
    if initial is not None:
        frames = jax.tree.map(lambda x, xs: np.concatenate([x[None], xs]), initial, frames)
    layout, grid = world.layout, world.grid
    height, width = np.shape(world.maps[map_index])
    start = np.asarray(world.params.maps.grid)[map_index]
    codes = start[np.flatnonzero(start)].tolist()
    moving = _agents(world, map_index, frames) + _converters(world, map_index, frames)
    moving += _blocks(world, map_index, frames)
    cells = np.flatnonzero(start).tolist()
    walls = [_wall(world, kind) for kind in range(len(layout.wall_names))]
    objects = []
    for number, (code, cell) in enumerate(zip(codes, cells, strict=True), 1):
        if code < layout.agent_code:
            row, column = _place(layout, np.asarray(cell))
            objects.append({"id": number, **walls[code - 1], "r": int(row), "c": int(column)})
        else:
            objects.append({"id": number, **moving[code - layout.agent_code]})
    return replay_data(grid, (width, height), len(frames.cell), objects, world.config.model_dump(mode="json"))


def _agents(world: PlayedWorld, map_index: int, frames: NumpyFrames) -> list[dict[str, Any]]:
    layout, rules = world.layout, world.params.rules
    group = np.asarray(world.params.maps.agent_group)[map_index]
    group_id = np.asarray(rules.group_id)[group].tolist()
    row, column = _place(layout, frames.cell)
    orientation = _encode(frames.orientation)
    frozen, is_frozen = _encode(frames.frozen), _encode((frames.frozen > 0).astype(np.int32))
    color, glyph = _encode(frames.color), _encode(frames.glyph)
    has_glyph = np.any(frames.glyph > 0, axis=0)
    rows, columns = _encode(row), _encode(column)
    inventory = _encode_rows(frames.inventory, _inventory)
    items = _items(layout, np.maximum(frames.inventory, 0), np.any(frames.inventory >= 0, axis=0))
    action = _encode_rows(frames.action, lambda values: values.tolist(), always_series=True)
    success = _encode(frames.action_success)
    reward = _encode(frames.reward, _floats)
    total_reward = _encode(np.cumsum(frames.reward, axis=0, dtype=np.float32), _floats)
    objects = []
    for i in range(layout.num_agents):
        view: dict[str, Any] = {"type": 0, "type_name": "agent", "agent_id": i, "layer": AGENT_LAYER}
        view |= {"r": rows[i], "c": columns[i], _name(features.TYPE_ID): 0, _name(features.GROUP): group_id[i]}
        view |= {_name(features.FROZEN): is_frozen[i], _name(features.ORIENTATION): orientation[i]}
        view[_name(features.COLOR)] = color[i]
        if has_glyph[i]:
            view[_name(features.GLYPH)] = glyph[i]
        view |= items[i]
        view |= {"orientation": orientation[i], "group_name": layout.group_names[group[i]], "frozen": frozen[i]}
        view |= {"inventory": inventory[i], "action": action[i], "action_success": success[i]}
        objects.append(view | {"reward": reward[i], "total_reward": total_reward[i]})
    return objects


def _converters(world: PlayedWorld, map_index: int, frames: NumpyFrames) -> list[dict[str, Any]]:
    layout, rules, maps = world.layout, jax.device_get(world.params.rules), world.params.maps
    if not layout.num_converters:
        return []
    kind = np.asarray(maps.converter_kind)[map_index]
    row, column = _place(layout, np.asarray(maps.converter_cell)[map_index])
    converting = _encode(frames.converting.astype(np.int32))
    items = _items(layout, frames.converter_stock, np.any(frames.converter_stock > 0, axis=0))
    recipes = [_shown_recipe(world, k) for k in range(len(layout.converter_names))]
    objects = []
    for i in range(layout.num_converters):
        type_id = int(rules.converter_type[kind[i]])
        view: dict[str, Any] = {"type": type_id, "type_name": layout.converter_names[kind[i]], "layer": OBJECT_LAYER}
        view |= {"r": int(row[i]), "c": int(column[i]), _name(features.TYPE_ID): type_id}
        view[_name(features.COLOR)] = int(rules.converter_color[kind[i]])
        view[_name(features.CONVERTING)] = converting[i]
        objects.append(view | items[i] | recipes[kind[i]])
    return objects


def _blocks(world: PlayedWorld, map_index: int, frames: NumpyFrames) -> list[dict[str, Any]]:
    layout = world.layout
    if not layout.num_blocks:
        return []
    kind = np.asarray(world.params.maps.block_kind)[map_index].tolist()
    row, column = _place(layout, frames.block_cell)
    rows, columns = _encode(row), _encode(column)
    return [{**_wall(world, kind[i]), "r": rows[i], "c": columns[i]} for i in range(layout.num_blocks)]


def _wall(world: PlayedWorld, kind: int) -> dict[str, Any]:
    type_id = int(world.params.rules.wall_type[kind])
    view = {"type": type_id, "type_name": world.layout.wall_names[kind], "layer": OBJECT_LAYER}
    view[_name(features.TYPE_ID)] = type_id
    if world.params.rules.wall_swappable[kind]:
        view[_name(features.SWAPPABLE)] = 1
    return view


def _shown_recipe(world: PlayedWorld, kind: int) -> dict[str, int]:
    """Inputs that a converter shows; they stand where its stock of the same item would."""
    rules = world.params.rules
    if not rules.shows_recipe[kind]:
        return {}
    items, amounts = np.asarray(rules.recipe.input_item)[kind], np.asarray(rules.recipe.input_amount)[kind]
    return {f"inv:{world.layout.item_names[item]}": int(n) for item, n in zip(items, amounts, strict=True) if n > 0}


def _items(layout: Layout, amount: np.ndarray, present: np.ndarray) -> list[dict[str, Any]]:
    """`inv:<item>` of objects with `amount` `[T, n, I]`, for the items that are `present` `[n, I]` at any time."""
    objects: list[dict[str, Any]] = [{} for _ in range(amount.shape[1])]
    for item, name in enumerate(layout.item_names):
        if present[:, item].any():
            encoded = _encode(amount[:, :, item])
            for i in np.flatnonzero(present[:, item]).tolist():
                objects[i][f"inv:{name}"] = encoded[i]
    return objects


def _encode(values: np.ndarray, plain: Callable[[np.ndarray], list[Any]] = np.ndarray.tolist) -> list[Any]:
    """The series, or the only value, of each object of `values` `[T, n]`; `plain` makes Python values."""
    changed = values[1:] != values[:-1]
    return [_series(values[:, i], changed[:, i], plain) for i in range(values.shape[1])]


def _encode_rows(
    values: np.ndarray, plain: Callable[[np.ndarray], list[Any]], always_series: bool = False
) -> list[Any]:
    """The same for `values` `[T, n, k]`, whose last axis makes one value."""
    changed = np.any(values[1:] != values[:-1], axis=2)
    return [_series(values[:, i], changed[:, i], plain, always_series) for i in range(values.shape[1])]


def _series(
    values: np.ndarray, changed: np.ndarray, plain: Callable[[np.ndarray], list[Any]], always_series: bool = False
) -> Any:
    steps = np.flatnonzero(changed) + 1
    steps = np.concatenate([np.zeros(1, steps.dtype), steps])
    picked = plain(values[steps])
    if len(picked) == 1 and not always_series:
        return picked[0]
    return [[step, value] for step, value in zip(steps.tolist(), picked, strict=True)]


def _inventory(rows: np.ndarray) -> list[dict[str, int]]:
    return [{str(item): n for item, n in enumerate(row) if n >= 0} for row in rows.tolist()]


def _floats(values: np.ndarray) -> list[float]:
    """The shortest decimals that are these float32 numbers: 0.01, not 0.009999999776482582."""
    return [float(str(value)) for value in values]


def _place(layout: Layout, cell: np.ndarray) -> Sequence[np.ndarray]:
    row, column = np.divmod(cell, layout.stride)
    return row - layout.pad[0], column - layout.pad[1]


def _name(feature: int) -> str:
    return features.NAMES[feature][0]
