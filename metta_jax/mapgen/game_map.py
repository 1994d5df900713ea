"""What a map generator makes: a grid of object names, and labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.numbers import WatchedGenerator

EMPTY = "empty"
WALL = "wall"
_ATTEMPTS = 20  # to draw a map
AGENT_PREFIX = "agent."

# Python strings in an object array: a fixed-width string dtype would cut long names silently.
Grid: TypeAlias = NDArray[np.object_]
"""Object names, [height, width]."""

Agents: TypeAlias = Any
"""A number of agents of group `agent`, or numbers by group name (`int | Mapping[str, int]`); may be sampled."""


@dataclass(frozen=True)
class GameMap:
    """A map: `grid` str [height, width] of object names, `labels` for statistics."""

    grid: Grid
    labels: tuple[str, ...] = ()

    def to_lists(self) -> list[list[str]]:
        """The rows as plain lists."""
        return self.grid.tolist()


@runtime_checkable
class MapBuilder(Protocol):
    """A frozen description of maps; `build` draws one."""

    def build(self, rng: np.random.Generator) -> GameMap:
        """Draw a map. The same state of `rng` gives the same map."""
        ...


def build_maps(builder: MapBuilder, *, seed: int, num_maps: int) -> list[GameMap]:
    """Draw a pool of maps; map i depends on `seed` and i only, not on `num_maps`.

    A builder with sampled numbers may draw some that do not fit together. Such a map is drawn again with another
    generator, and a warning gives their number.

    Raises:
      ValueError: a negative seed, or fewer than one map; or what the builder raises, if it does so every time, or
        before it has drawn any random number.
    """
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    if num_maps < 1:
        raise ValueError(f"num_maps: {num_maps} is not at least 1")
    drawn = [_drawn(builder, seed, index) for index in range(num_maps)]
    errors = [error for _, error in drawn if error is not None]
    if errors:
        warnings.warn(
            f"maps: {len(errors)} of {num_maps} did not fit and were drawn again; the first: {errors[0]}", stacklevel=2
        )
    return [game_map for game_map, _ in drawn]


def _drawn(builder: MapBuilder, seed: int, index: int) -> tuple[GameMap, ValueError | None]:
    """A map, and the error of the first attempt if it had to be drawn again."""
    first: ValueError | None = None
    for attempt in range(_ATTEMPTS):
        rng = WatchedGenerator.of(seed, index, attempt) if attempt else WatchedGenerator.of(seed, index)
        try:
            return builder.build(rng), first
        except ValueError as error:
            if not rng.was_used:
                raise  # other numbers would not help: none was drawn
            first = first or error
    assert first is not None
    raise first


def empty_grid(height: int, width: int, fill: str = EMPTY) -> Grid:
    """A grid of one name everywhere."""
    grid = np.empty((height, width), dtype=np.object_)
    grid[:] = fill
    return grid


def as_grid(rows: Grid | Sequence[Sequence[str]]) -> Grid:
    """Rows of names as a grid."""
    grid = np.empty((len(rows), len(rows[0])), dtype=np.object_)
    grid[:] = rows
    return grid


def with_border(grid: Grid, width: int, name: str = WALL) -> Grid:
    """The grid with `width` cells of `name` around it: height and width grow by twice `width`."""
    height, inner_width = grid.shape
    framed = empty_grid(height + 2 * width, inner_width + 2 * width, name)
    framed[width : width + height, width : width + inner_width] = grid
    return framed


def agent_names(agents: Agents) -> list[str]:
    """One object name per agent: `agent.agent` for a plain number, else `agent.<group>`."""
    groups: Mapping[str, int] = {"agent": agents} if isinstance(agents, int) else agents
    return [f"{AGENT_PREFIX}{group}" for group, count in groups.items() for _ in range(count)]


SIZE_LABELS = ("small", "medium", "large")


def size_label(num_cells: int) -> str:
    """`small`, `medium` or `large`, by the number of cells inside the outer border."""
    return "small" if num_cells < 4000 else "medium" if num_cells < 6000 else "large"


def common_labels(labels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The labels that all have, in the order of the first."""
    return tuple(label for label in labels[0] if all(label in others for others in labels)) if labels else ()
