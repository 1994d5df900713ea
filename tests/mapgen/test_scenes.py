"""Scenes and MapGen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import (
    Area,
    Child,
    MakeConnected,
    MapGen,
    Random,
    RoomGrid,
    Scene,
    build_maps,
    from_text,
    render,
    scene_tree,
    to_text,
)
from metta_jax.mapgen.game_map import as_grid, empty_grid
from tests.mapgen.floods import num_components


def _drawn(scene: Scene, text_or_size: str | tuple[int, int], seed: int = 0):
    grid = from_text(text_or_size) if isinstance(text_or_size, str) else empty_grid(*text_or_size)
    node = render(scene, Area(grid), np.random.default_rng(seed))
    return grid, node


def test_random_takes_only_empty_cells() -> None:
    grid, _ = _drawn(Random(objects={"altar": 2}, agents=3), "#.#.\n.#.#\n#.#.")
    assert Counter(grid.ravel().tolist()) == {"wall": 6, "altar": 2, "agent.agent": 3, "empty": 1}


def test_random_with_too_much() -> None:
    grid, _ = _drawn(Random(objects={"altar": 9}), (2, 2))
    assert (grid == "altar").all()
    with pytest.raises(ValueError, match="^Too many objects for available empty cells: 9 > 4$"):
        _drawn(Random(objects={"altar": 9}, too_many_is_ok=False), (2, 2))


def test_room_grid_leaves_the_rest_of_the_division_as_wall() -> None:
    grid, _ = _drawn(RoomGrid(rows=2, columns=2, border_width=1), (5, 6))
    assert to_text(grid) == "..#..#\n..#..#\n######\n..#..#\n..#..#"


def test_room_grid_tags() -> None:
    scene = RoomGrid(layout=(("base", "wild"),), border_width=0)
    areas = scene.draw(Area(empty_grid(2, 4)), np.random.default_rng(0))
    assert [(area.tags, area.x, area.y, area.width, area.height) for area in areas] == [
        (("base",), 0, 0, 2, 2),
        (("wild",), 2, 0, 2, 2),
    ]


def test_room_grid_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="1x3 rooms do not fit 6x1"):
        _drawn(RoomGrid(columns=3, border_width=3), (1, 6))


def _fill(name: str) -> Random:
    return Random(objects={name: 100})


@pytest.mark.parametrize(
    ("child", "rooms"),
    [
        (Child(_fill("altar")), [0, 1, 2, 3]),
        (Child(_fill("altar"), ("room_1_0",)), [2]),
        (Child(_fill("altar"), ("room", "room_0_1")), [1]),
        (Child(_fill("altar"), ("nowhere",)), []),
        (Child(_fill("altar"), limit=3, order_by="first"), [0, 1, 2]),
        (Child(_fill("altar"), limit=2, offset=1, order_by="first"), [1, 2]),
        (Child(_fill("altar"), limit=2, order_by="last"), [2, 3]),
        (Child(_fill("altar"), limit=2, offset=1, order_by="last"), [1, 2]),
        (Child(_fill("altar"), limit=9), [0, 1, 2, 3]),
    ],
)
def test_child_queries(child: Child, rooms: list[int]) -> None:
    grid, _ = _drawn(RoomGrid(rows=2, columns=2, border_width=1, children=(child,)), (3, 3))
    corners = [grid[0, 0], grid[0, 2], grid[2, 0], grid[2, 2]]
    assert [index for index, name in enumerate(corners) if name == "altar"] == rooms


def test_random_order_takes_the_limit_and_varies() -> None:
    scene = RoomGrid(rows=2, columns=2, border_width=1, children=(Child(_fill("altar"), limit=2),))
    grids = [to_text(_drawn(scene, (3, 3), seed)[0]) for seed in range(20)]
    assert all(text.count("_") == 2 for text in grids)
    assert len(set(grids)) > 1


def test_a_lock_keeps_areas_from_later_children_with_it() -> None:
    one = {name: Random(objects={name: 1}) for name in ("altar", "lab", "temple")}
    children = (Child(one["altar"], limit=3, lock="a"), Child(one["lab"], lock="a"), Child(one["temple"]))
    grid, _ = _drawn(RoomGrid(rows=2, columns=2, border_width=1, children=children), (3, 5))
    # Four rooms of two cells: the locked children share them, the free one is in all.
    assert Counter(grid[::2].ravel().tolist()) == {"altar": 3, "lab": 1, "temple": 4, "wall": 2}


def test_offset_needs_an_order() -> None:
    with pytest.raises(ValueError, match="offset: 1 is not allowed"):
        Child(_fill("altar"), offset=1)


def test_make_connected_digs_single_openings() -> None:
    grid, _ = _drawn(MakeConnected(), "...#...\n...#...\n...#...")
    assert (grid[:, 3] == "empty").sum() == 1


def test_make_connected_leaves_a_connected_map_alone() -> None:
    text = "..#\n#..\n##."
    assert to_text(_drawn(MakeConnected(), text)[0]) == text


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 2**32), st.floats(0.1, 0.9))
def test_make_connected_leaves_one_component(height: int, width: int, seed: int, density: float) -> None:
    walls = np.random.default_rng(seed).random((height, width)) < density
    grid = as_grid(np.where(walls, "wall", "empty").tolist())
    before = grid.copy()
    render(MakeConnected(), Area(grid), np.random.default_rng(seed))
    assert ((before == "wall") | (grid == "empty")).all(), "only walls are dug"
    assert num_components(grid == "empty") <= 1


def test_scene_tree() -> None:
    scene = RoomGrid(columns=2, border_width=1, children=(Child(Random(), ("room_0_1",)),))
    _, node = _drawn(scene, (1, 5))
    assert scene_tree(node) == {
        "type": "RoomGrid",
        "params": {"rows": 1, "columns": 2, "layout": None, "border_width": 1, "border_object": "wall"},
        "area": {"x": 0, "y": 0, "width": 5, "height": 1, "tags": []},
        "children": [
            {
                "type": "Random",
                "params": {"objects": {}, "agents": 0, "too_many_is_ok": True},
                "area": {"x": 3, "y": 0, "width": 2, "height": 1, "tags": ["room", "room_0_1"]},
                "children": [],
            }
        ],
    }


def test_area_outside() -> None:
    with pytest.raises(ValueError, match=r"area: 3x1 at \(0, 0\) does not lie inside 2x2"):
        Area(empty_grid(2, 2)).part(0, 0, 3, 1)


def _one_map(builder: MapGen, seed: int = 0):
    return build_maps(builder, seed=seed, num_maps=1)[0]


def test_map_gen_borders_and_instances() -> None:
    builder = MapGen(Random(agents=1), width=2, height=1, border_width=1, instances=4, instance_border_width=1)
    grid = _one_map(builder).grid
    assert grid.shape == (5, 7)
    text = to_text(grid).replace("@", ".")
    assert text == "#######\n#..#..#\n#######\n#..#..#\n#######"
    assert (grid == "agent.agent").sum() == 4


@pytest.mark.parametrize(
    ("instances", "rows", "columns"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (5, 3, 2), (7, 3, 3), (12, 4, 3)]
)
def test_instances_stand_in_a_near_square(instances: int, rows: int, columns: int) -> None:
    builder = MapGen(Random(agents=1), width=1, height=1, border_width=0, instances=instances, instance_border_width=0)
    grid = _one_map(builder).grid
    assert grid.shape == (rows, columns)
    assert (grid.ravel() == "agent.agent").tolist() == [True] * instances + [False] * (rows * columns - instances)


def test_instances_differ_and_the_map_follows_the_seed() -> None:
    builder = MapGen(Random(objects={"altar": 8}), width=8, height=8, instances=2, border_width=0)
    grid = _one_map(builder).grid
    assert (grid[:8] != grid[-8:]).any()
    np.testing.assert_array_equal(grid, _one_map(builder).grid)
    assert (grid != _one_map(builder, seed=1).grid).any()


def test_map_gen_needs_a_size() -> None:
    with pytest.raises(ValueError, match="^width and height must be provided if the root scene has no intrinsic size$"):
        MapGen(Random(), width=3)


def test_map_gen_labels() -> None:
    builder = MapGen(Random(labels=("arena",)), width=40, height=40, instances=4, instance_border_width=0)
    assert _one_map(builder).labels == ("arena", "Random", "large")
