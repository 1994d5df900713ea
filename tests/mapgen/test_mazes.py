"""Mazes, radial mazes and binary space partitions."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import BSP, Area, BSPLayout, Maze, MazePrim, RadialMaze, Scene, render, to_text
from metta_jax.mapgen.bsp import partition
from metta_jax.mapgen.game_map import empty_grid
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.scenes.mazes import line
from metta_jax.mapgen.spanning import spanning_tree
from tests.mapgen.floods import num_components, one_map

_SEEDS = st.integers(0, 2**32)


def _drawn(scene: Scene, height: int, width: int, seed: int = 0):
    grid = empty_grid(height, width)
    areas = scene.draw(Area(grid), generator(seed))
    return grid, areas


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.sampled_from(["kruskal", "dfs", "prim"]), _SEEDS)
def test_spanning_trees(rows: int, columns: int, algorithm, seed: int) -> None:
    tree = spanning_tree(rows, columns, algorithm, generator(seed))
    assert len(tree) == rows * columns - 1
    mask = np.zeros((2 * rows - 1, 2 * columns - 1), bool)
    mask[::2, ::2] = True
    for (a, b), (c, d) in tree:
        assert abs(a - c) + abs(b - d) == 1
        mask[a + c, b + d] = True
    assert num_components(mask) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["kruskal", "dfs"]),
    _SEEDS,
)
def test_maze(width: int, height: int, room: int, wall: int, algorithm, seed: int) -> None:
    grid, areas = _drawn(Maze(algorithm, room, wall), height, width, seed)
    room = min(room, width, height)
    columns, rows = (width + wall) // (room + wall), (height + wall) // (room + wall)
    empty = grid == "empty"
    assert num_components(empty) == 1
    # A tree: every room, and one opening less than rooms.
    assert empty.sum() == rows * columns * room * room + (rows * columns - 1) * room * wall
    assert [area.tags for area in areas] == [("top-left",), ("top-right",), ("bottom-left",), ("bottom-right",)]
    assert all((area.grid == "empty").all() and area.grid.shape == (room, room) for area in areas)
    assert (areas[3].x, areas[3].y) == ((columns - 1) * (room + wall), (rows - 1) * (room + wall))


def test_dfs_has_longer_corridors() -> None:
    def dead_ends(algorithm) -> int:
        total = 0
        for seed in range(5):
            free = np.pad(_drawn(Maze(algorithm), 31, 31, seed)[0] == "empty", 1)
            around = free[:-2, 1:-1].astype(int) + free[2:, 1:-1] + free[1:-1, :-2] + free[1:-1, 2:]
            total += int((free[1:-1, 1:-1] & (around == 1)).sum())
        return total

    assert dead_ends("dfs") < 0.6 * dead_ends("kruskal")


def test_four_arms() -> None:
    """Offsets of the cells from the middle line begin at -ceil(width / 2), and are as many on its other side, with it:
    arms of an odd width are one cell wider."""
    two_wide = "##..###\n##..###\n......#\n......#\n##..###\n##..###\n#######"
    assert to_text(_drawn(RadialMaze(4, 2, 2), 7, 7)[0]) == two_wide
    four_wide = "#....##\n.......\n.......\n.......\n.......\n#....##\n#....##"
    assert to_text(_drawn(RadialMaze(4, 3, 2), 7, 7)[0]) == four_wide
    grid, areas = _drawn(RadialMaze(4, 1, 2), 7, 7)
    assert to_text(grid) == two_wide
    assert [(area.tags[0], area.x, area.y) for area in areas] == [
        ("endpoint", 5, 3),
        ("endpoint", 3, 5),
        ("endpoint", 1, 3),
        ("endpoint", 3, 1),
        ("center", 3, 3),
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 12), st.integers(1, 6), st.integers(4, 40), st.integers(4, 40))
def test_radial_maze(arms: int, width: int, columns: int, rows: int) -> None:
    grid, areas = _drawn(RadialMaze(arms, width), rows, columns)
    assert num_components(grid == "empty") == 1
    assert len(areas) == arms + 1
    assert all(area.grid[0, 0] == "empty" for area in areas)


@pytest.mark.parametrize(("rows", "columns"), [(10, 10), (9, 12), (3, 20), (2, 2), (1, 5)])
def test_arms_end_inside_the_area(rows: int, columns: int) -> None:
    grid, areas = _drawn(RadialMaze(4, 1, 99), rows, columns)
    assert num_components(grid == "empty") == 1
    assert len(areas) == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RadialMaze(3), r"arms: 3 is not in 4\.\.12"),
        (lambda: RadialMaze(13), r"arms: 13 is not in 4\.\.12"),
        (lambda: Maze("prim"), "algorithm: 'prim' is not one of"),
        (lambda: Maze(room_size=0), "room_size: 0 is not at least 1"),
        (lambda: BSP(3, min_room_size_ratio=0.9, max_room_size_ratio=0.5), "min_room_size_ratio: 0.9 is more than"),
        (lambda: _drawn(BSP(30), 10, 10), "rooms: 30 zones with sides of at least 4 do not fit in 10x10"),
        (lambda: _drawn(BSPLayout(5), 2, 2), "area_count: 5 zones"),
        (lambda: MazePrim(9, 9, start_pos=(2, 1)), r"start_pos: \(2, 1\) is not a place of the maze"),
        (lambda: MazePrim(9, 9, end_pos=(1, 1)), r"end_pos: \(1, 1\) is the place of the agent"),
    ],
)
def test_errors(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@settings(max_examples=50, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_lines_are_straight(x: int, y: int) -> None:
    cells = line((0, 0), (x, y))
    assert cells[0] == (0, 0)
    assert cells[-1] == (x, y)
    assert len(cells) == max(abs(x), abs(y)) + 1
    for a, b in cells:  # no farther than half a cell from the line, along the shorter direction
        assert abs(a * y - b * x) <= 0.5 * max(abs(x), abs(y)) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(1, 6), st.booleans(), _SEEDS)
def test_bsp(width: int, height: int, rooms: int, skip: bool, seed: int) -> None:
    scene = BSP(rooms, 2, skip_corridors=skip)
    if width * height < rooms * 9 * 9:  # it may be too small; then it says so
        with contextlib.suppress(ValueError):
            _drawn(scene, height, width, seed)
        return
    grid, areas = _drawn(scene, height, width, seed)
    assert len(areas) == rooms
    assert all(area.tags == ("room",) and min(area.width, area.height) >= 2 for area in areas)
    assert num_components(grid == "empty") == (rooms if skip else 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 60), st.integers(10, 60), st.integers(1, 9), _SEEDS)
def test_partition(width: int, height: int, leaves: int, seed: int) -> None:
    zones = partition(width, height, leaves, 1, generator(seed)).leaves()
    covered = np.zeros((height, width), int)
    for zone in zones:
        covered[zone.y : zone.y + zone.height, zone.x : zone.x + zone.width] += 1
    assert (covered == 1).all()
    assert len(zones) == leaves


def test_bsp_layout_draws_nothing() -> None:
    grid = empty_grid(9, 9)
    render(BSPLayout(4), Area(grid), generator(0))
    assert (grid == "empty").all()


def test_maze_rooms_are_odd_and_ends_may_be_chosen() -> None:
    grid = one_map(MazePrim(8, 10, start_pos=(3, 5), end_pos=(1, 9))).grid
    assert grid.shape == (11, 9)
    assert (grid[5, 3], grid[9, 1]) == ("agent.agent", "altar")
