"""Scenes that fill: RandomObjects, MeanDistance, texts, RemoveAgents; Layout and MultiLeftAndRight."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metta_jax.mapgen import (
    Area,
    Ascii,
    Child,
    InlineAscii,
    Layout,
    LayoutArea,
    MapGen,
    MeanDistance,
    MultiLeftAndRight,
    Nop,
    Random,
    RandomObjects,
    RemoveAgents,
    from_text,
    render,
    to_text,
    uniform,
)
from metta_jax.mapgen.game_map import empty_grid
from metta_jax.mapgen.numbers import generator
from tests.mapgen.floods import counts, one_map


def _drawn(scene, height: int, width: int, seed: int = 0):
    grid = empty_grid(height, width)
    render(scene, Area(grid), generator(seed))
    return grid


def test_random_objects_round_down_and_then_come_the_children() -> None:
    scene = RandomObjects({"altar": 0.25, "lab": 0.09}, children=(Child(Random(agents=2), "full"),))
    assert counts(_drawn(scene, 3, 7)) == {"altar": 5, "lab": 1, "agent.agent": 2}


def test_shares_may_be_sampled_but_not_more_than_all() -> None:
    numbers = {counts(_drawn(RandomObjects({"altar": uniform(0.0, 0.5)}), 10, 10, seed))["altar"] for seed in range(9)}
    assert len(numbers) > 3
    assert max(numbers) <= 50
    with pytest.raises(ValueError, match=r"object_ranges\.altar: 1\.5 is not in 0\.\.1"):
        RandomObjects({"altar": 1.5})


def test_distances_have_the_mean_and_all_directions() -> None:
    places = []
    for seed in range(300):
        grid = _drawn(MeanDistance(8, {"altar": 1}), 81, 81, seed)
        assert grid[40, 40] == "agent.agent"
        places.append(np.argwhere(grid == "altar")[0] - 40)
    offsets = np.array(places)
    distances = np.hypot(offsets[:, 0], offsets[:, 1])
    assert distances.mean() == pytest.approx(8, abs=0.6)
    assert distances.var() == pytest.approx(8, rel=0.35)
    assert {(down > 0, right > 0) for down, right in places} == {(a, b) for a in (True, False) for b in (True, False)}


def test_a_mean_of_zero_puts_things_beside_the_agent() -> None:
    grid = _drawn(MeanDistance(0, {"altar": 4}), 9, 9)
    assert to_text(grid[3:6, 3:6]).count("_") == 4
    assert grid[4, 4] == "agent.agent"


def test_mean_distance_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"objects\.altar: no empty cell at a mean distance of 500 was found"):
        _drawn(MeanDistance(500, {"altar": 1}), 5, 5)
    with pytest.raises(ValueError, match="the agent's place in the center is taken by 'wall'"):
        _drawn(InlineAscii("#", 2, 2, children=(Child(MeanDistance(2), "full"),)), 5, 5)


def test_ascii_scene_has_a_size_and_may_come_from_a_file(tmp_path) -> None:
    path = tmp_path / "place.map"
    path.write_text("@.\n_#\n#.\n", encoding="utf-8")
    scene = Ascii(uri=str(path))
    assert scene.size() == (2, 3)
    assert to_text(one_map(MapGen(scene, border_width=0)).grid) == "@.\n_#\n#."
    with pytest.raises(ValueError, match="text: 2x3 cells at row 0, column 0 do not fit 2x2"):
        _drawn(scene, 2, 2)
    with pytest.raises(ValueError, match="the text is empty"):
        Ascii()


def test_inline_ascii_offset() -> None:
    assert to_text(_drawn(InlineAscii("@_", row=1, column=1), 2, 3)) == "...\n.@_"
    with pytest.raises(ValueError, match="data: 2x1 cells at row 1, column 2 do not fit 3x2"):
        _drawn(InlineAscii("@_", row=1, column=2), 2, 3)
    with pytest.raises(ValueError, match="row: -1 is negative"):
        InlineAscii("@", row=-1)


def test_remove_agents_takes_all_groups() -> None:
    grid = from_text("@1p\n#_.")
    render(RemoveAgents(), Area(grid), generator(0))
    assert to_text(grid) == "...\n#_."


def test_nop_hands_on_its_area() -> None:
    assert counts(_drawn(Nop(children=(Child(Random({"altar": 9})),)), 3, 3)) == {"altar": 9}


@pytest.mark.parametrize(
    ("placement", "x", "y"),
    [("center", 2, 1), ("top-left", 0, 0), ("top-right", 4, 0), ("bottom-left", 0, 3), ("bottom-right", 4, 3)],
)
def test_layout_areas(placement, x: int, y: int) -> None:
    scene = Layout((LayoutArea(3, 2, placement, "base"),))
    (area,) = scene.draw(Area(empty_grid(5, 7)), generator(0))
    assert (area.x, area.y, area.width, area.height, area.tags) == (x, y, 3, 2, ("base",))


def test_layout_errors() -> None:
    with pytest.raises(ValueError, match="placement: 'middle' is not one of"):
        LayoutArea(3, 2, "middle")  # pyright: ignore
    with pytest.raises(ValueError, match="does not lie inside 2x2"):
        _drawn(Layout((LayoutArea(3, 2),)), 2, 2)


def test_left_and_right() -> None:
    sides = set()
    distances: set[int] = set()
    for seed in range(40):
        grid = _drawn(MultiLeftAndRight(2, 3, 4, 0.75), 2 * 7 + 6, 3 * 32 + 12, seed)
        rooms = [grid[y : y + 7, x : x + 32] for y in (0, 13) for x in (0, 38, 76)]
        is_agent = np.char.startswith(rooms[0].astype(str), "agent.")
        ((row, column),) = np.argwhere(is_agent)
        teams = [str(room[row, column]) for room in rooms]
        assert sorted(teams) == ["agent.team_1"] * 3 + ["agent.team_2"] * 3
        for room in rooms:
            room[row, column] = "empty"
            assert (room == rooms[0]).all()
        assert counts(rooms[0]) == {"altar": 4}
        columns = np.argwhere(rooms[0] == "altar")[:, 1]
        assert column in range(12, 16)  # the fourth of seven strips of 4 columns
        assert all(place in (*range(4), *range(24, 28)) for place in columns)
        sides.add((int((columns < column).sum()), int((columns > column).sum())))
        distances |= set(np.abs(columns - column).tolist())
    assert sides == {(3, 1), (1, 3)}
    assert distances == set(range(9, 16))
    with pytest.raises(ValueError, match="rooms of 6x9 are too small"):
        _drawn(MultiLeftAndRight(1, 1, 4), 9, 6)


def test_labels_of_a_grid_are_those_of_all_children() -> None:
    from metta_jax.mapgen import RoomGrid

    children = (
        Child(Random(labels=("a", "b")), ("room_0_0",)),
        Child(Random(labels=("b", "c")), ("room_0_1",)),
    )
    scene = RoomGrid(1, 2, border_width=0, labels=("grid",), children=children)
    assert one_map(MapGen(scene, width=4, height=4)).labels == ("grid", "b", "Random", "small")


def test_distance_is_a_number() -> None:
    with pytest.raises(ValueError, match="mean_distance: inf is not finite"):
        MeanDistance(math.inf)
