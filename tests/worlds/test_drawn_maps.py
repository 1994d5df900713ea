"""The maps that we drew: rectangles, in one piece, and everything can be done within the steps that there are."""

from __future__ import annotations

import itertools
from collections import deque
from importlib import resources

import numpy as np
import pytest

from metta_jax import worlds
from metta_jax.mapgen import AsciiRoom, Grid, from_text
from metta_jax.worlds.drawn import drawn_map, drawn_text
from tests.worlds.api_test import map_of

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right, as orientations are numbered
WALKABLE = ("empty", "block", "agent.agent")  # blocks by a swap; other agents move away
NEVER = 10_000
Cell = tuple[int, int]
Pose = tuple[int, int, int]  # row, column, orientation

DRAWN = [
    name
    for name in worlds.list()
    if isinstance(worlds.get(name).map_builder, AsciiRoom) and name != "debug"  # no agent can walk there
]


def _names() -> list[str]:
    folder = resources.files("metta_jax.worlds") / "maps"
    files = [file for part in folder.iterdir() if part.is_dir() for file in part.iterdir()]
    return sorted(f"{file.parent.name}/{file.name.removesuffix('.map')}" for file in files)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", _names())
def test_all_cells_that_are_not_wall_hang_together(name: str) -> None:
    """What stands in the way of an agent that is walled in from another agent is allowed: lanes are apart."""
    grid = from_text(drawn_text(name))
    starts = [tuple(cell) for cell in np.argwhere([[thing.startswith("agent") for thing in row] for row in grid])]
    assert starts
    reached = set(starts)
    todo = deque(starts)
    while todo:
        row, column = todo.popleft()
        if grid[row, column] not in WALKABLE:
            continue  # seen, but not walked through
        for down, right in STEPS:
            cell = (row + down, column + right)
            if 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1] and cell not in reached:
                reached.add(cell)
                todo.append(cell)
    assert {tuple(cell) for cell in np.argwhere(grid != "wall")} <= reached


@pytest.mark.parametrize("name", DRAWN)
def test_everything_can_be_done_in_time(name: str) -> None:
    """Each agent can take every heart that it can reach, or complete a sequence, with no more than the steps."""
    world = worlds.get(name)
    grid = map_of(world).grid
    kinds = [_cells(grid, kind) for kind in ("mine_red", "generator_red", "altar")]
    for row, column in _cells(grid, "agent.agent"):
        start = {(row, column, 0): 0}
        if kinds[0]:
            least = min(_least_steps_in_order(grid, start, order) for order in itertools.product(*kinds))
        else:
            around = _walk(grid, start)
            things = [cell for kind in ("altar", "lasery") for cell in _cells(grid, kind)]
            reachable = [cell for cell in things if any(pose in around for pose in _facing(cell))]
            assert len(reachable) >= min(3, len(things)), "its lane has three altars"
            least = _least_steps(grid, start, reachable)
        assert least <= world.game.max_steps, f"{least} steps are needed"


def _cells(grid: Grid, name: str) -> list[Cell]:
    return [(int(row), int(column)) for row, column in np.argwhere(grid == name)]


def _facing(cell: Cell) -> list[Pose]:
    return [(cell[0] - down, cell[1] - right, turn) for turn, (down, right) in enumerate(STEPS)]


def _least_steps_in_order(grid: Grid, costs: dict[Pose, int], order: tuple[Cell, ...]) -> int:
    """One step to take from the first thing, three to put into the next, wait, and take."""
    for number, cell in enumerate(order):
        costs = _walk(grid, costs)
        costs = {pose: costs[pose] + (3 if number else 1) for pose in _facing(cell) if pose in costs}
    return min(costs.values(), default=NEVER)


def _least_steps(grid: Grid, start: dict[Pose, int], things: list[Cell]) -> int:
    """To take one item from each of the things, in the best order."""
    costs: dict[frozenset[Cell], dict[Pose, int]] = {frozenset(): start}
    for _ in things:
        further: dict[frozenset[Cell], dict[Pose, int]] = {}
        for taken, poses in costs.items():
            reached = _walk(grid, poses)
            for cell in set(things) - taken:
                best = further.setdefault(taken | {cell}, {})
                for pose in _facing(cell):
                    if pose in reached:
                        best[pose] = min(best.get(pose, NEVER), reached[pose] + 1)
        costs = further
    return min(min(poses.values()) for poses in costs.values())


def _walk(grid: Grid, costs: dict[Pose, int]) -> dict[Pose, int]:
    """From poses and their costs to all poses: turn, or go one cell ahead or back (through a block by a swap)."""
    best = dict(costs)
    todo = deque(sorted(costs, key=costs.__getitem__))
    while todo:
        row, column, turn = todo.popleft()
        down, right = STEPS[turn]
        poses = [(row, column, other) for other in range(4)]
        poses += [(row + sign * down, column + sign * right, turn) for sign in (1, -1)]
        cost = best[row, column, turn] + 1
        for pose in poses:
            if grid[pose[:2]] in WALKABLE and cost < best.get(pose, NEVER):
                best[pose] = cost
                todo.append(pose)
    return best


def test_contents_in_place_of_converters() -> None:
    text = drawn_map("memory/which_way", 1, ("altar", "lab")).text
    assert (text.count("_"), text.count("L"), text.count("m"), text.count("@")) == (2, 1, 0, 1)
