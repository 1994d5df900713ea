"""Rooms made of rooms, the cognitive tests, and where the multiagent and cooperation rooms put their things."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.mapgen import (
    AsciiRoom,
    BarrierMaze,
    BoxShare,
    Boxy,
    CentralTableLayout,
    ConfinedRoomCoord,
    CorridorMaze,
    ExploreExploit,
    Manhatten,
    MultiRoom,
    NarrowWorld,
    RandomRoom,
    RoomList,
    RoomScene,
    RoomWithinRoom,
    TwoRoomsCoord,
    to_text,
    uniform,
)
from tests.mapgen.floods import counts, num_components, one_map

_THINGS = {"mine_red": 6, "generator_red": 9, "altar": 5}
_SEEDS = range(12)
_A, _B = AsciiRoom("@", labels=("a", "both")), AsciiRoom("__\n__\n__", labels=("both",))


def _text(room, seed: int = 0) -> str:
    return to_text(one_map(room, seed).grid)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("row", "..__..\n@.__@.\n..__.."),
        ("column", "..\n@.\n..\n__\n__\n__\n..\n@.\n.."),
        ("grid", "..__\n@.__\n..__\n....\n@...\n...."),
    ],
)
def test_room_list(layout, text: str) -> None:
    assert _text(RoomList((_A, _B, _A), layout)) == text


def test_labels_common_to_all_rooms() -> None:
    assert one_map(RoomList((_A, _B), labels=("list",))).labels == ("list", "both", "Ascii", "small")


def test_layout_words() -> None:
    with pytest.raises(ValueError, match="^Invalid layout: heap. Must be 'grid', 'column', or 'row'$"):
        RoomList((_A,), "heap")  # pyright: ignore
    with pytest.raises(ValueError, match="rooms: there are none"):
        RoomList(())
    with pytest.raises(ValueError, match=r"rooms\.1: 3 is not a map builder"):
        RoomList((_A, 3))  # pyright: ignore


@pytest.mark.parametrize("seed", [None, 5])
def test_multi_room_draws_each_room_separately(seed: int | None) -> None:
    grid = one_map(MultiRoom(RandomRoom(5, 5, {"altar": 3}, seed=seed), 4, "row")).grid
    rooms = [grid[:, 5 * index : 5 * index + 5] for index in range(4)]
    assert len({to_text(room) for room in rooms}) > 1


def test_room_scene_alternates_rows_and_columns() -> None:
    scene = RoomScene({"a": _A, "b": _B}, ("a", ("b", ("a", "a"))))
    assert _text(scene) == ".@.\n__@\n__@\n__."
    assert one_map(scene).labels == ("both", "Ascii", "small")
    with pytest.raises(ValueError, match="layout: there is no room 'c', only a, b"):
        RoomScene({"a": _A, "b": _B}, ("a", ("c",)))


def test_barriers_have_one_gap_each() -> None:
    for mode in ("same", "alternating", "doorways"):
        grid = one_map(BarrierMaze(width=12, height=5, mode=mode)).grid
        gaps = [np.flatnonzero(grid[:, column] == "empty").tolist() for column in (3, 6, 9)]
        assert all(len(gap) == 1 for gap in gaps)
        if mode == "same":
            assert gaps[0] == gaps[1] == gaps[2]
        if mode == "alternating":
            assert gaps[0] == gaps[2] != gaps[1]
    with pytest.raises(ValueError, match=r"barrier_size: 9 is not in 1\.\.6"):
        BarrierMaze(barrier_size=9)
    with pytest.raises(ValueError, match="width, height: 5 cells are not enough"):
        BarrierMaze(width=5)


def test_cognitive_rooms_vary_and_check() -> None:
    for room in (CorridorMaze(), ExploreExploit(), RoomWithinRoom()):
        assert len({_text(room, seed) for seed in _SEEDS}) > 4
    with pytest.raises(ValueError, match="num_altars: 7 altars are more than 6 arms"):
        CorridorMaze(num_altars=7)
    with pytest.raises(ValueError, match=r"inner_width: 14 is not in 4\.\.13"):
        RoomWithinRoom(inner_width=14)
    with pytest.raises(ValueError, match="objects, agents: 40 things do not fit, there are 24 empty cells"):
        one_map(RoomWithinRoom(objects={"altar": 40}))


def test_box_share() -> None:
    for seed in _SEEDS:
        grid = one_map(BoxShare(26, 24, _THINGS, 7), seed).grid
        inside = _enclosed(grid)
        assert {name: int((grid[inside] == name).sum()) for name in _THINGS} == {
            "mine_red": 6,
            "generator_red": 0,
            "altar": 0,
        }
        assert (grid[inside] == "agent.agent").sum() == 3
        assert counts(grid)["altar"] == 5
        for row, column in np.argwhere(grid == "generator_red"):  # can be used from both sides
            around = [
                inside[row - 1, column],
                inside[row + 1, column],
                inside[row, column - 1],
                inside[row, column + 1],
            ]
            assert sum(around) == 1
    with pytest.raises(ValueError, match="objects: 99 generators do not fit, there are"):
        one_map(BoxShare(26, 24, {"generator_red": 99}))
    with pytest.raises(ValueError, match="width: 14 is not at least 15"):
        BoxShare(14, 24)


def _enclosed(grid) -> np.ndarray:
    """Cells that cannot be reached from the corner without crossing walls or generators."""
    closed = np.isin(grid, ["wall", "generator_red"])
    outside = np.zeros(grid.shape, bool)
    outside[0, 0] = True
    while True:
        grown = outside.copy()
        grown[1:] |= outside[:-1]
        grown[:-1] |= outside[1:]
        grown[:, 1:] |= outside[:, :-1]
        grown[:, :-1] |= outside[:, 1:]
        grown &= ~closed
        if (grown == outside).all():
            return ~outside & ~closed
        outside = grown


def test_boxy() -> None:
    for seed in _SEEDS:
        grid = one_map(Boxy(50, 45, {"altar": 6, "mine_red": 9}, 20), seed).grid
        # Every cell can be reached, also inside the boxes and past the altars.
        assert num_components(grid == "empty") == 1 or num_components(grid != "wall") == 1
        assert counts(grid) == {"altar": 6, "mine_red": 9, "agent.agent": 20}
        for row, column in np.argwhere(grid == "altar"):
            around = grid[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            assert (around == "wall").sum() >= 3
    # There is no place for any box.
    assert counts(one_map(Boxy(8, 8, {"altar": 2}, 1)).grid) == {"altar": 2, "agent.agent": 1}


def test_manhatten_streets() -> None:
    for seed in _SEEDS:
        grid = one_map(Manhatten(40, 30, {}, 0, alcove_prob=0.0, corridor_spacing=8), seed).grid
        empty = grid == "empty"
        rows, columns = np.flatnonzero(empty[:, 1:-1].all(axis=1)), np.flatnonzero(empty[1:-1].all(axis=0))
        assert (np.diff(rows) == 8).all()
        assert (np.diff(columns) == 8).all()
        assert rows[0] >= 2
        assert columns[0] >= 2
        assert [int(edge.sum()) for edge in (empty[0], empty[-1], empty[:, 0], empty[:, -1])] == [1, 1, 1, 1]
        assert num_components(empty) == 1


def test_manhatten_objects_have_room_around_them() -> None:
    for seed in _SEEDS:
        grid = one_map(Manhatten(45, 45, {"altar": 8, "mine_red": 8}, 16, corridor_spacing=uniform(6, 15)), seed).grid
        for row, column in np.argwhere(np.isin(grid, ["altar", "mine_red"])):
            around = grid[max(1, row - 1) : min(44, row + 2), max(1, column - 1) : min(44, column + 2)]
            assert "wall" not in around


def test_hearts_count_as_altars() -> None:
    for seed in _SEEDS:
        assert counts(one_map(Manhatten(30, 30, {"altar": 3}, 2, heart_prob=0.9), seed).grid)["altar"] == 3


def test_narrow_world() -> None:
    for seed in _SEEDS:
        grid = one_map(NarrowWorld(21, 15, _THINGS, 6), seed).grid
        assert counts(grid) == {**_THINGS, "agent.agent": 6}
        free = np.isin(grid, ["empty", "agent.agent"])
        assert num_components(free) == 1
        # Corridors of one cell: no 3 x 3 cells are all free.
        assert not any(free[r : r + 3, c : c + 3].all() for r in range(13) for c in range(19))
    with pytest.raises(ValueError, match="objects: 99 objects do not fit, there are"):
        one_map(NarrowWorld(5, 5, {"altar": 99}))


def test_central_table() -> None:
    for seed in _SEEDS:
        grid = one_map(CentralTableLayout(11, 7, 2, 3, 4, 2, {"team_1": 3, "team_2": 3}), seed).grid
        assert (grid[3:4, 3:8] == "wall").all()
        assert set(grid[1:3, 1:-1].ravel()) <= {"empty", "agent.team_1", "agent.team_2"}
        assert np.isin(np.argwhere(grid == "generator_red")[:, 0], [0, 6]).all()
        assert counts(grid) == {"mine_red": 3, "generator_red": 4, "altar": 2, "agent.team_1": 3, "agent.team_2": 3}
    with pytest.raises(ValueError, match="height: 6 is not at least 7, for a lane of 2"):
        CentralTableLayout(11, 6, 2)
    with pytest.raises(ValueError, match="9 objects do not fit, there are 6 cells in the long sides"):
        one_map(CentralTableLayout(5, 5, num_generators=9))


def test_confined_room() -> None:
    for seed in _SEEDS:
        grid = one_map(ConfinedRoomCoord(5, 3, 2, 3, 4, 6), seed).grid
        assert grid.shape == (5, 7)
        assert set(grid[1:-1, 1:-1].ravel()) == {"empty", "agent.agent"}
        assert {grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]} == {"wall"}
    with pytest.raises(ValueError, match="17 objects do not fit, there are 16 cells in the ring"):
        one_map(ConfinedRoomCoord(5, 3, 17, 0, 0))
    with pytest.raises(ValueError, match="agents: 16 agents do not fit"):
        one_map(ConfinedRoomCoord(5, 3, agents=16))


@pytest.mark.parametrize("arrangement", ["horizontal", "vertical"])
def test_two_rooms(arrangement) -> None:
    sides = set()
    for seed in _SEEDS:
        grid = one_map(TwoRoomsCoord(5, 4, 2, 3, 3, 5, arrangement), seed).grid
        assert grid.shape == ((6, 13) if arrangement == "horizontal" else (11, 7))
        along = grid if arrangement == "horizontal" else grid.T
        middle = along.shape[1] // 2
        assert (along[:, middle] == "generator_red").sum() == 2
        left, right = along[:, :middle], along[:, middle + 1 :]
        assert [(part == "agent.agent").sum() for part in (left, right)] == [3, 2]
        names = [set(part.ravel()) & {"altar", "mine_red"} for part in (left, right)]
        assert names in ([{"altar"}, {"mine_red"}], [{"mine_red"}, {"altar"}])
        sides.add(names[0] == {"altar"})
        assert num_components(np.isin(along, ["empty", "agent.agent"])) == 2
    assert sides == {True, False}
    with pytest.raises(ValueError, match="width: 2 is not at least 3"):
        TwoRoomsCoord(2, 3)
