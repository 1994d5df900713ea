"""What every scene and room promises, whatever it draws."""

from __future__ import annotations

import zlib
from collections import Counter

import pytest

from metta_jax import mapgen as mg
from metta_jax.mapgen.parameters import Parameters
from tests.mapgen.floods import counts, is_connected, one_map

_AGENTS = {"team_1": 2, "team_2": 1}
_THINGS = {"mine_red": 3, "generator_red": 4, "altar": 2}


def _gen(scene, width: int = 24, height: int = 18, border: int = 1) -> mg.MapGen:
    return mg.MapGen(scene, width=width, height=height, border_width=border)


# name -> (builder, agents and objects on every map, whether all cells that are no walls are connected)
BUILDERS = {
    "Random": (_gen(mg.Random(_THINGS, _AGENTS)), {**_THINGS, "agent.team_1": 2, "agent.team_2": 1}, True),
    "RandomObjects": (_gen(mg.RandomObjects({"altar": 0.05, "wall": 0.1})), {"altar": 21}, None),
    "MeanDistance": (_gen(mg.MeanDistance(5, {"altar": 3, "wall": 4})), {"altar": 3, "agent.agent": 1}, True),
    "Ascii": (mg.MapGen(mg.Ascii("@.m\n#._")), {"agent.agent": 1, "mine_red": 1, "altar": 1}, True),
    "InlineAscii": (_gen(mg.InlineAscii("@.m\n#._", 2, 3)), {"agent.agent": 1, "mine_red": 1, "altar": 1}, True),
    "RoomGrid": (_gen(mg.RoomGrid(2, 2, border_width=1)), {}, False),
    "Layout": (_gen(mg.Layout(({"width": 3, "height": 2, "tag": "a"},))), {}, True),
    "Maze": (_gen(mg.Maze("dfs", 2, 1)), {}, True),
    "Maze kruskal": (_gen(mg.Maze()), {}, True),
    "RadialMaze": (_gen(mg.RadialMaze(7, 2)), {}, True),
    "BSP": (_gen(mg.BSP(5)), {}, True),
    "BSPLayout": (_gen(mg.BSPLayout(3, children=(mg.Child(mg.Random({"altar": 2})),))), {"altar": 6}, True),
    "ConvChain": (_gen(mg.ConvChain("cave", iterations=1)), {}, None),
    "WFC": (_gen(mg.WFC("dots")), {}, True),
    "MakeConnected": (
        _gen(mg.RoomGrid(2, 2, border_width=1, children=(mg.Child(mg.MakeConnected(), "full"),))),
        {},
        True,
    ),
    "Mirror": (_gen(mg.Mirror(mg.Random({"altar": 2}), "x4")), {"altar": 8}, True),
    "RandomScene": (_gen(mg.RandomScene((mg.Maze(), {"scene": mg.BSP(3), "weight": 2}))), {}, True),
    "Auto": (_gen(mg.Auto(3, content=(mg.Maze(), mg.RoomGrid(2, 2, border_width=1)))), {"agent.agent": 3}, True),
    "MultiLeftAndRight": (
        _gen(mg.MultiLeftAndRight(1, 2, 4)),
        {"altar": 8, "agent.team_1": 1, "agent.team_2": 1},
        False,
    ),
    "RemoveAgents": (_gen(mg.Random(agents=4, children=(mg.Child(mg.RemoveAgents(), "full"),))), {}, True),
    "Nop": (_gen(mg.Nop(children=(mg.Child(mg.Random({"altar": 1})),))), {"altar": 1}, True),
    "RandomRoom": (mg.RandomRoom(8, 7, _THINGS, 3, border_width=1), {**_THINGS, "agent.agent": 3}, True),
    "AsciiRoom": (mg.AsciiRoom("@._", border_width=1), {"agent.agent": 1, "altar": 1}, True),
    "RoomList": (mg.RoomList((mg.AsciiRoom("@._"),) * 3, border_width=1), {"agent.agent": 3, "altar": 3}, True),
    "MultiRoom": (mg.MultiRoom(mg.AsciiRoom("@._"), 2, border_width=1), {"agent.agent": 2, "altar": 2}, True),
    "RoomScene": (
        mg.RoomScene({"a": mg.AsciiRoom("@._")}, ("a", ("a", "a")), border_width=1),
        {"agent.agent": 3, "altar": 3},
        True,
    ),
    **{
        f"VariedTerrain {style}": (
            mg.VariedTerrain(44, 36, _THINGS, _AGENTS, style, border_width=1),  # pyright: ignore
            {**_THINGS, "agent.team_1": 2, "agent.team_2": 1},
            True,
        )
        for style in ("all-sparse", "balanced", "dense", "maze")
    },
    "CylinderWorld": (mg.CylinderWorld(30, 25, 3, _THINGS, border_width=1), {**_THINGS, "agent.agent": 3}, True),
    "MazePrim": (mg.MazePrim(14, 9), {"agent.agent": 1, "altar": 1}, True),
    "MazeKruskal": (mg.MazeKruskal(14, 9), {"agent.agent": 1, "altar": 1}, True),
    **{
        f"BarrierMaze {mode}": (
            mg.BarrierMaze(mode=mode, orientation=None, width=9, height=9, border_width=1),  # pyright: ignore
            {"agent.agent": 1, "mine_red": 1, "generator_red": 1, "altar": 1},
            True,
        )
        for mode in ("same", "alternating", "doorways")
    },
    "CorridorMaze": (mg.CorridorMaze(5, num_altars=2), {"agent.agent": 1, "altar": 2}, True),
    "ExploreExploit": (mg.ExploreExploit(5, 2, 2), {"agent.agent": 1, "altar": 5}, True),
    "RoomWithinRoom": (mg.RoomWithinRoom(border_width=1), {"agent.agent": 1, "altar": 1}, True),
    "BoxShare": (mg.BoxShare(24, 20, _THINGS, 5, border_width=1), {**_THINGS, "agent.agent": 5}, None),
    "Boxy": (mg.Boxy(34, 30, _THINGS, 5, team="team_1", border_width=1), {**_THINGS, "agent.team_1": 5}, True),
    "Manhatten": (
        mg.Manhatten(33, 29, _THINGS, 5, heart_prob=0.3, border_width=1),
        {**_THINGS, "agent.agent": 5},
        True,
    ),
    "NarrowWorld": (mg.NarrowWorld(21, 18, _THINGS, 5, border_width=1), {**_THINGS, "agent.agent": 5}, True),
    "CentralTableLayout": (
        mg.CentralTableLayout(9, 7, 1, 3, 4, 2, _AGENTS, border_width=1),
        {**_THINGS, "agent.team_1": 2, "agent.team_2": 1},
        True,
    ),
    "ConfinedRoomCoord": (mg.ConfinedRoomCoord(5, 4, 3, 4, 2, 3), {**_THINGS, "agent.agent": 3}, True),
    "TwoRoomsCoord": (mg.TwoRoomsCoord(5, 4, 4, 2, 3, 3), {**_THINGS, "agent.agent": 3}, True),
    "TerrainFromNumpy": (
        mg.TerrainFromNumpy(_THINGS, _AGENTS, "dense_small", border_width=1),
        {**_THINGS, "agent.team_1": 2, "agent.team_2": 1},
        True,
    ),
}


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def case(request: pytest.FixtureRequest):
    builder, things, connected = BUILDERS[request.param]
    maps = [one_map(builder, seed).grid for seed in range(20)]
    return builder, things, connected, maps


def test_agents_and_objects_as_asked(case) -> None:
    _, things, _, maps = case
    for grid in maps:
        assert counts(grid) == Counter(things)


def test_border_is_intact(case) -> None:
    for grid in case[3]:
        edge = {*grid[0], *grid[-1], *grid[:, 0], *grid[:, -1]}
        assert "empty" not in edge
        assert not any(name.startswith("agent") for name in edge)


def test_connected_where_promised(case) -> None:
    _, _, connected, maps = case
    if connected is not None:
        assert all(is_connected(grid) == connected for grid in maps)


def test_equal_seeds_equal_maps(case) -> None:
    builder, _, _, maps = case
    for seed in (0, 7):
        assert (one_map(builder, seed).grid == maps[seed]).all()


def test_a_builder_is_a_value_and_plain_data(case) -> None:
    builder = case[0]
    copy = mg.from_plain(mg.plain(builder))
    assert copy == builder
    assert hash(copy) == hash(builder)
    assert (one_map(copy, 3).grid == case[3][3]).all()


def test_every_scene_and_room_is_here() -> None:
    names = {name.split()[0] for name in BUILDERS}
    others = {"FixedMap", "RandomSceneFromDir", "Load", "LoadRandom", "LoadRandomFromIndex", "MapGen"}
    parts = {"Child", "Candidate", "LayoutArea", "Scene", "Room"}
    exported = {
        name for name in mg.__all__ if isinstance(getattr(mg, name), type) and issubclass(getattr(mg, name), Parameters)
    }
    assert exported - others - parts == names


# The first map of each; a machine, a NumPy or a Python that draws others breaks the promise that equal seeds make equal
# maps. A change of a generator changes its line here, on purpose.
def test_maps_are_the_same_on_every_machine() -> None:
    drawn = {name: f"{zlib.crc32(mg.to_text(one_map(BUILDERS[name][0]).grid).encode()):08x}" for name in GOLDEN}
    assert drawn == GOLDEN


GOLDEN = {
    "Ascii": "7405d805",
    "AsciiRoom": "4c036c16",
    "Auto": "9f616a7c",
    "BSP": "fd1eb6d8",
    "BSPLayout": "5f2b3fe2",
    "BarrierMaze alternating": "04081d01",
    "BarrierMaze doorways": "0dccef2f",
    "BarrierMaze same": "f64a7028",
    "BoxShare": "b395528e",
    "Boxy": "77ac9ed3",
    "CentralTableLayout": "3eb96749",
    "ConfinedRoomCoord": "07b6167e",
    "ConvChain": "2248da75",
    "CorridorMaze": "122cc0ab",
    "CylinderWorld": "7fb2066b",
    "ExploreExploit": "119d29af",
    "InlineAscii": "e4552984",
    "Layout": "5a51ee79",
    "MakeConnected": "25c30889",
    "Manhatten": "93771b37",
    "Maze": "f6d6a3d7",
    "Maze kruskal": "78cdec26",
    "MazeKruskal": "69a52d9a",
    "MazePrim": "6821e894",
    "MeanDistance": "6ba744e0",
    "Mirror": "1be52f51",
    "MultiLeftAndRight": "4d2bd31e",
    "MultiRoom": "d0625510",
    "NarrowWorld": "8aafce73",
    "Nop": "e51c8e51",
    "RadialMaze": "7e7fb805",
    "Random": "c48dbba4",
    "RandomObjects": "dc5a9a05",
    "RandomRoom": "7db95c10",
    "RandomScene": "f80a91ee",
    "RemoveAgents": "5a51ee79",
    "RoomGrid": "93dd964a",
    "RoomList": "8a07dcb9",
    "RoomScene": "f5b18c3e",
    "RoomWithinRoom": "a4ec26bf",
    "TerrainFromNumpy": "7980e340",
    "TwoRoomsCoord": "09b6350c",
    "VariedTerrain all-sparse": "6a9f1873",
    "VariedTerrain balanced": "89efbdff",
    "VariedTerrain dense": "6824742f",
    "VariedTerrain maze": "7f110be9",
    "WFC": "c5effad8",
}
