"""Pictures of the grid as arrays.

Everything is drawn from a list of objects with plain values, as `grid_objects` gives them, and the size of the map: so
states, worlds and replays share one painter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from metta_jax.replays.replay import Replay, as_replay
from metta_jax.viewer.looks import Look, color_of_group, look_of, look_of_item, sprite_table
from metta_jax.viewer.raster import rgba, sprite_image
from metta_jax.viewer.state_objects import is_agent

# Below this many pixels of a cell the state of a converter would be unreadable.
SMALLEST_DETAIL = 9


def draw(objects: Iterable[Mapping[str, Any]], size: tuple[int, int], *, cell_pixels: int = 24) -> np.ndarray:
    """Draw objects on a map.

    Args:
      objects: with `type_name`, `r`, `c`, and what else `grid_objects` says about them.
      size: width and height of the map in cells.
      cell_pixels: side of a cell.

    Returns:
      uint8 [height * cell_pixels, width * cell_pixels, 3], red, green, blue.

    Raises:
      ValueError: an object is outside of the map, or a size is not positive.
    """
    width, height = size
    if cell_pixels < 1:
        raise ValueError(f"cell_pixels: {cell_pixels} is not at least 1")
    if width < 1 or height < 1:
        raise ValueError(f"size: {width} x {height} cells is not a map")
    image = _floor(width, height, cell_pixels)
    # Agents last: they are what one looks for.
    for thing in sorted(objects, key=is_agent):
        row, column = int(thing["r"]), int(thing["c"])
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"object {thing.get('id', '?')}: row {row}, column {column} is outside of the map of {width} x {height}"
            )
        cell = image[row * cell_pixels : (row + 1) * cell_pixels, column * cell_pixels : (column + 1) * cell_pixels]
        _draw_agent(cell, thing) if is_agent(thing) else _draw_thing(cell, thing)
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def draw_replay(replay: Replay | Mapping[str, Any], step: int, *, cell_pixels: int = 24) -> np.ndarray:
    """Draw one step of a replay; see `draw`.

    Args:
      replay: a `Replay`, or what its file holds, which is checked first.
      step: 0..num_steps - 1.

    Raises:
      ValueError: it is not a replay of format 1.
      IndexError: it has no such step.
    """
    replay = as_replay(replay)
    return draw(replay.objects_at(step).values(), replay.map_size, cell_pixels=cell_pixels)


def draw_episode(
    replay: Replay | Mapping[str, Any], steps: Iterable[int] | None = None, *, cell_pixels: int = 16
) -> Iterator[np.ndarray]:
    """The pictures of some steps of a replay, of all of them if None; see `draw_replay`, and `save_gif` for a film."""
    replay = as_replay(replay)
    for step in range(replay.num_steps) if steps is None else steps:
        yield draw_replay(replay, step, cell_pixels=cell_pixels)


def _floor(width: int, height: int, cell_pixels: int) -> np.ndarray:
    colors = sprite_table()["colors"]
    both = np.array([rgba(colors["floor"])[:3], rgba(colors["floor_odd"])[:3]], np.float32)
    odd = np.add.outer(np.arange(height), np.arange(width)) % 2
    return both[odd].repeat(cell_pixels, axis=0).repeat(cell_pixels, axis=1)


def _draw_agent(cell: np.ndarray, thing: Mapping[str, Any]) -> None:
    size = len(cell)
    orientation = int(thing.get("orientation", thing.get("agent:orientation", 0)))
    look = Look("agent", color_of_group(int(thing.get("agent:group", 0))))
    _paste(cell, sprite_image(look, size, orientation if 0 <= orientation <= 3 else 0))
    if thing.get("frozen", thing.get("agent:frozen", 0)):
        _paste(cell, sprite_image(Look("frozen", "#000000"), size))


def _draw_thing(cell: np.ndarray, thing: Mapping[str, Any]) -> None:
    size = len(cell)
    _paste(cell, sprite_image(look_of(str(thing["type_name"])), size))
    if size < SMALLEST_DETAIL:
        return
    if thing.get("converting"):
        _paste(cell, sprite_image(Look("busy", "#000000"), size))
    side = round(size * 0.3)
    left = round(size * 0.04)
    for name, amount in thing.items():
        if name.startswith("inv:") and amount > 0 and left + side <= size:
            _paste(cell[size - side :, left : left + side], sprite_image(look_of_item(name[4:]), side))
            left += side


def _paste(cell: np.ndarray, sprite: np.ndarray) -> None:
    cell *= 1 - sprite[..., 3:]
    cell += sprite[..., :3]
