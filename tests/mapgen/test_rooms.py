"""Rooms without scenes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import (
    AsciiRoom,
    BoxShare,
    CentralTableLayout,
    CylinderWorld,
    FixedMap,
    MultiRoom,
    RandomRoom,
    Room,
    RoomList,
    TerrainFromNumpy,
    TwoRoomsCoord,
    VariedTerrain,
    build_maps,
    choose,
)


def _draw(room, seed: int = 0):
    return build_maps(room, seed=seed, num_maps=1)[0]


def _counts(grid) -> Counter[str]:
    return Counter(grid.ravel().tolist())


def test_counts_size_and_border() -> None:
    room = RandomRoom(width=10, height=6, objects={"altar": 3, "wall": 2}, agents=4, border_width=2)
    grid = _draw(room).grid
    assert grid.shape == (10, 14)
    assert (grid[:2] == "wall").all()
    assert (grid[-2:] == "wall").all()
    assert (grid[:, :2] == "wall").all()
    assert (grid[:, -2:] == "wall").all()
    assert _counts(grid[2:-2, 2:-2]) == {"altar": 3, "wall": 2, "agent.agent": 4, "empty": 51}


def test_agents_by_group() -> None:
    room = RandomRoom(width=4, height=4, agents={"team_1": 2, "team_2": 1})
    assert _counts(_draw(room).grid) == {"agent.team_1": 2, "agent.team_2": 1, "empty": 13}


def test_counts_are_halved_while_they_fill_more_than_two_thirds() -> None:
    # 2 + 20 + 5 > 24, 2 + 10 + 2 <= 24; the lone altar stays.
    room = RandomRoom(width=6, height=6, objects={"wall": 20, "block": 5, "altar": 1, "mine_red": 0}, agents=2)
    assert room.fitted_objects() == {"wall": 10, "block": 2, "altar": 1}
    assert _counts(_draw(room).grid)["agent.agent"] == 2


def test_exactly_two_thirds_is_not_too_much() -> None:
    assert RandomRoom(width=3, height=3, objects={"wall": 5}, agents=1).fitted_objects() == {"wall": 5}
    assert RandomRoom(width=3, height=3, objects={"wall": 6}, agents=1).fitted_objects() == {"wall": 3}


def test_agents_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="agents: 4 agents and 1 objects do not fit in 4 cells"):
        RandomRoom(width=2, height=2, objects={"wall": 3}, agents=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0, "height": 3}, "width: 0 is not at least 1"),
        ({"width": 3, "height": 3, "border_width": -1}, "border_width: -1 is negative"),
        ({"width": 3, "height": 3, "objects": {"wall": -2}}, r"objects\.wall: -2 is negative"),
        ({"width": 3, "height": 3, "agents": -1}, "agents: -1 is negative"),
    ],
)
def test_bad_parameters(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomRoom(**arguments)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(2, 12), st.integers(0, 2))
def test_same_seed_same_map(seed: int, width: int, height: int, agents: int) -> None:
    room = RandomRoom(width=width, height=height, objects={"wall": 2}, agents=agents)
    first, second = _draw(room, seed).grid, _draw(room, seed).grid
    np.testing.assert_array_equal(first, second)
    assert _counts(first)["agent.agent"] == agents


def test_a_pool_varies_and_its_maps_do_not_depend_on_its_size() -> None:
    room = RandomRoom(width=8, height=8, objects={"wall": 10}, agents=2)
    pool = build_maps(room, seed=3, num_maps=5)
    assert len({tuple(game_map.grid.ravel()) for game_map in pool}) == 5
    np.testing.assert_array_equal(pool[2].grid, build_maps(room, seed=3, num_maps=3)[2].grid)


def test_a_seed_of_its_own_wins() -> None:
    room = RandomRoom(width=8, height=8, objects={"wall": 10}, seed=5)
    np.testing.assert_array_equal(_draw(room, 1).grid, _draw(room, 2).grid)


def test_labels_end_with_the_size() -> None:
    assert _draw(RandomRoom(width=63, height=63, labels=("mine",))).labels == ("mine", "random", "small")
    assert _draw(RandomRoom(width=64, height=63)).labels == ("random", "medium")
    assert _draw(RandomRoom(width=100, height=60)).labels == ("random", "large")


@pytest.mark.parametrize(
    ("room", "label"),
    [
        (AsciiRoom("@"), "Ascii"),
        (BoxShare(20, 20), "boxshare"),
        (CentralTableLayout(5, 5), "central_table_layout"),
        (CylinderWorld(20, 20), "cylinder_world"),
        (TerrainFromNumpy(agents=1, dir="maze_small"), "terrain"),
        (VariedTerrain(20, 20, style="all-sparse"), "all-sparse"),
        (VariedTerrain(20, 20, style=choose("maze")), "maze"),
    ],
)
def test_the_kind_of_a_room_is_a_label(room: Room, label: str) -> None:
    assert _draw(room).labels == (label, "small")
    assert _draw(MultiRoom(room, 4)).labels[:-1] == (label,)
    assert _draw(RoomList((room, RandomRoom(3, 3)))).labels == ("small",)


def test_two_rooms_say_how_they_lie() -> None:
    assert _draw(TwoRoomsCoord(3, 3, arrangement="vertical")).labels == ("two_rooms_coord", "vertical", "small")
    drawn = {_draw(TwoRoomsCoord(3, 3), seed).labels[1] for seed in range(9)}
    assert drawn == {"horizontal", "vertical"}


def test_builders_are_hashable_values() -> None:
    room = RandomRoom(width=3, height=3, objects={"wall": 1}, agents={"team_1": 1})
    assert room == RandomRoom(width=3, height=3, objects={"wall": 1}, agents={"team_1": 1})
    assert hash(room) == hash(RandomRoom(width=3, height=3, objects={"wall": 1}, agents={"team_1": 1}))


def test_ascii_room() -> None:
    game_map = _draw(AsciiRoom("@.\n.m", border_width=1))
    assert game_map.to_lists() == [
        ["wall"] * 4,
        ["wall", "agent.agent", "empty", "wall"],
        ["wall", "empty", "mine_red", "wall"],
        ["wall"] * 4,
    ]


def test_fixed_map() -> None:
    assert _draw(FixedMap((("wall", "empty"),))).to_lists() == [["wall", "empty"]]
    with pytest.raises(ValueError, match="line 2 has 1 cells, but line 1 has 2"):
        FixedMap((("wall", "empty"), ("wall",)))


@pytest.mark.parametrize(("seed", "num_maps", "name"), [(-1, 1, "seed"), (0, 0, "num_maps")])
def test_pool_arguments(seed: int, num_maps: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        build_maps(FixedMap((("wall",),)), seed=seed, num_maps=num_maps)
