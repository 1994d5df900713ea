"""Finding free places on a map and putting things there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.game_map import EMPTY, Agents, Grid, agent_names
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.regions import components


def free_place(
    occupied: NDArray[np.bool_], height: int, width: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Row and column of a random free rectangle of `height` x `width` cells, or None if there is none.

    Free is: inside, no cell occupied, and none of the cells around it (8 neighbors), which are inside too. So
    rectangles that are placed in sequence neither touch each other nor the edge, and all cells between them stay
    connected.

    Args:
      occupied: bool [rows, columns].
    """
    rows, columns = occupied.shape[0] - height - 1, occupied.shape[1] - width - 1
    if rows < 1 or columns < 1:
        return None
    total = np.zeros((occupied.shape[0] + 1, occupied.shape[1] + 1), np.int32)
    np.cumsum(occupied, axis=0, out=total[1:, 1:])
    np.cumsum(total[1:, 1:], axis=1, out=total[1:, 1:])
    height, width = height + 2, width + 2
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    places = np.flatnonzero(inside == 0)
    if not len(places):
        return None
    row, column = divmod(int(places[rng.integers(len(places))]), inside.shape[1])
    return row + 1, column + 1


def scatter(
    grid: Grid, names: Sequence[str], rng: np.random.Generator, where: NDArray[np.bool_] | None = None
) -> list[str]:
    """Put names on random empty cells, in order, and return those for which there was no cell left.

    Args:
      grid: str [height, width], drawn on.
      names: object names.
      where: bool [height, width], the cells that may be used, if they are empty; None: all.
    """
    free = grid == EMPTY
    cells = np.flatnonzero(free if where is None else free & where)
    chosen = cells[permutation(len(cells), rng)[: len(names)]]
    for cell, name in zip(chosen.tolist(), names, strict=False):
        grid.flat[cell] = name
    return list(names[len(chosen) :])


def scatter_agents(
    grid: Grid, names: Sequence[str], rng: np.random.Generator, where: NDArray[np.bool_] | None = None
) -> None:
    """As `scatter`, but all of them; the cells of `where` are taken first, then other empty ones.

    Raises:
      ValueError: there are not enough empty cells.
    """
    rest = scatter(grid, names, rng, where)
    if where is not None and rest:
        rest = scatter(grid, rest, rng)
    if rest:
        height, width = grid.shape
        raise ValueError(f"agents: {len(names)} agents do not fit on the empty cells of {width}x{height}")


def scatter_all(
    grid: Grid, names: Sequence[str], rng: np.random.Generator, where: NDArray[np.bool_], place: str
) -> None:
    """As `scatter`, but a ValueError if not all of them find an empty cell in `where`, which is called `place`."""
    num_cells = int(((grid == EMPTY) & where).sum())
    check_places("objects, agents", "things", len(names), num_cells, f"empty cells {place}")
    scatter(grid, names, rng, where)


def check_places(field: str, things: str, num_things: int, num_places: int, places: str) -> None:
    """A ValueError that names the field if there are not enough places for all things."""
    if num_things > num_places:
        raise ValueError(f"{field}: {num_things} {things} do not fit, there are {num_places} {places}")


def team_names(agents: Agents, teams: Sequence[str] | None) -> list[str]:
    """One object name per agent; with `teams`, their number is shared out to the teams in turn."""
    names = agent_names(agents)
    return [f"agent.{teams[index % len(teams)]}" for index in range(len(names))] if teams else names


def largest_region(grid: Grid) -> NDArray[np.bool_]:
    """The largest connected region of empty cells, bool [height, width]; all False if there are none."""
    parts = components(grid == EMPTY)
    return max(parts, key=lambda part: int(part.sum())) if parts else np.zeros(grid.shape, bool)


def counted(objects: Mapping[str, int]) -> list[str]:
    """A name for every object of a mapping from names to counts."""
    return [name for name, count in objects.items() for _ in range(count)]
