"""VariedTerrain, CylinderWorld, TerrainFromNumpy and what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import CylinderWorld, TerrainFromNumpy, VariedTerrain, choose
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.places import free_place
from metta_jax.mapgen.rooms.terrain_elements import block, cross, labyrinth, shape
from tests.mapgen.floods import counts, num_components, one_map

_SEEDS = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), _SEEDS)
def test_shapes_are_connected_and_enclose_nothing(num_cells: int, seed: int) -> None:
    wall = shape(num_cells, generator(seed))
    assert num_components(wall) == 1
    assert wall.sum() >= num_cells
    assert num_components(~np.pad(wall, 1)) == 1
    assert wall.any(axis=0).all()
    assert wall.any(axis=1).all()


@settings(max_examples=40, deadline=None)
@given(_SEEDS)
def test_labyrinths_are_connected_and_open_to_all_sides(seed: int) -> None:
    wall = labyrinth(generator(seed))
    assert all(side % 2 and 11 <= side <= 25 for side in wall.shape)
    assert num_components(~wall) == 1
    for side in (wall[0], wall[-1], wall[:, 0], wall[:, -1]):
        assert (~side).sum() == 2
        assert num_components(~side[None]) == 1


def test_crosses_and_blocks() -> None:
    for seed in range(40):
        wall = cross(generator(seed))
        assert wall.sum() == sum(wall.shape) - 1
        assert max(wall.shape) <= 17
        sides = block(generator(seed)).shape
        assert min(sides) >= 2
        assert max(sides) <= 14


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.05, 0.1, 0.2]),
    _SEEDS,
)
def test_free_places(rows: int, columns: int, height: int, width: int, density: float, seed: int) -> None:
    occupied = generator(seed, 1).random((rows, columns)) < density
    places = {
        (row, column)
        for row in range(1, rows - height)
        for column in range(1, columns - width)
        if not occupied[row - 1 : row + height + 1, column - 1 : column + width + 1].any()
    }
    found = free_place(occupied, height, width, generator(seed))
    assert found in places if places else found is None


# Cells of wall per 60 x 60 cells, from the ranges of the styles: below the largest, above what the least would need.
@pytest.mark.parametrize(
    ("style", "least", "most"),
    [("all-sparse", 0, 700), ("balanced", 200, 1800), ("dense", 700, 2600), ("maze", 300, 2500)],
)
def test_styles_differ_in_how_much_they_cover(style, least: int, most: int) -> None:
    walls = [int((one_map(VariedTerrain(60, 60, style=style), seed).grid == "wall").sum()) for seed in range(6)]
    assert least <= np.mean(walls) <= most


def test_element_counts_follow_style_and_area() -> None:
    room = VariedTerrain(60, 60, style="dense")
    drawn = [room._element_counts(generator(seed)) for seed in range(200)]
    ranges = {"labyrinth": (6, 14), "large": (8, 14), "small": (8, 14), "cross": (7, 14), "scattered": (40, 59)}
    for kind, (low, high) in ranges.items():
        assert {low, high} <= {counts[kind] for counts in drawn}
        assert all(low <= counts[kind] <= high for counts in drawn)
    half = VariedTerrain(60, 30, style="dense")
    for seed in range(20):
        assert half._element_counts(generator(seed))["large"] == room._element_counts(generator(seed))["large"] // 2
    # At most 30 % of the area over the average size: 0.3 * 400 / 72 = 1.67 labyrinths in 20 x 20.
    assert max(VariedTerrain(20, 20, style="maze")._element_counts(generator(s))["labyrinth"] for s in range(50)) <= 1


def test_altars_of_labyrinths_are_among_the_requested_ones() -> None:
    for wanted in (0, 2, 40):
        for seed in range(5):
            grid = one_map(VariedTerrain(50, 50, {"altar": wanted}, style="maze"), seed).grid
            assert counts(grid)["altar"] == wanted


def test_agents_by_turns_and_too_many_of_them() -> None:
    room = VariedTerrain(20, 20, agents=5, style=choose("all-sparse", "maze"), teams=("red", "blue"))
    assert counts(one_map(room).grid) == {"agent.red": 3, "agent.blue": 2}
    with pytest.raises(ValueError, match="agents: 5 agents do not fit on the empty cells of 2x2"):
        one_map(VariedTerrain(2, 2, agents=5))
    assert counts(one_map(VariedTerrain(2, 2, {"altar": 9}, 1)).grid) == {"agent.agent": 1, "altar": 3}
    with pytest.raises(ValueError, match="style: 'thick' is not one of"):
        VariedTerrain(9, 9, style="thick")  # pyright: ignore


def test_cylinders() -> None:
    sizes = {one_map(CylinderWorld(), seed).grid.shape for seed in range(8)}
    assert len(sizes) > 4
    assert all(40 <= side <= 99 for shape in sizes for side in shape)
    grid = one_map(CylinderWorld(50, 40)).grid
    assert grid.shape == (40, 50)
    altars = np.argwhere(grid == "altar")
    assert len(altars) > 5
    for row, column in altars:  # between walls, above and below or left and right
        upright = "wall" in grid[row, max(0, column - 3) : column] and "wall" in grid[row, column + 1 : column + 4]
        lying = "wall" in grid[max(0, row - 3) : row, column] and "wall" in grid[row + 1 : row + 4, column]
        assert upright or lying


def test_as_many_altars_as_asked_in_a_cylinder_world() -> None:
    for wanted in (0, 3, 60):
        assert counts(one_map(CylinderWorld(40, 40, 2, {"altar": wanted}), 1).grid)["altar"] == wanted


@pytest.mark.parametrize(("name", "side"), [("small", 30), ("medium", 60), ("large", 90)])
def test_stored_terrain_has_the_named_size(name: str, side: int) -> None:
    assert one_map(TerrainFromNumpy(agents=1, dir=f"varied_terrain/sparse_{name}")).grid.shape == (side, side)


def test_a_named_terrain_is_always_the_same() -> None:
    room = TerrainFromNumpy({"altar": 5}, 4, dir="cylinder-world_small", file="terrain_7.npy")
    walls = [one_map(room, seed).grid == "wall" for seed in range(3)]
    assert (walls[0] == walls[1]).all()
    assert (one_map(room, 0).grid != one_map(room, 1).grid).any()
    other = TerrainFromNumpy({"altar": 5}, 4, dir="cylinder-world_small", file="terrain_8.npy")
    assert (walls[0] != (one_map(other).grid == "wall")).any()


def test_agents_and_objects_of_a_stored_terrain_are_not_at_the_edge() -> None:
    for seed in range(5):
        grid = one_map(TerrainFromNumpy({"altar": 300}, 50, dir="balanced_small"), seed).grid
        for edge in (grid[0], grid[-1], grid[:, 0], grid[:, -1]):
            assert set(edge) <= {"empty", "wall"}
