"""Builders and scenes as the original's files write them: class paths, a level of params, its names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metta_jax import mapgen as mg
from metta_jax.mapgen import from_plain, read_builder
from tests.mapgen.floods import one_map

SCENES = "metta.map.scenes"
ROOMS = "metta.mettagrid.room"

FORMS: dict[str, tuple[dict[str, Any], Any]] = {
    "a class path and params": (
        {
            "_target_": "metta.map.mapgen.MapGen",
            "width": 9,
            "height": 7,
            "instances": 2,
            "root": {"type": f"{SCENES}.random.Random", "params": {"agents": 1, "objects": {"altar": 2}}},
        },
        mg.MapGen(mg.Random({"altar": 2}, 1), width=9, height=7, instances=2),
    ),
    "a class path as type": (
        {"type": "mettagrid.map.mapgen.MapGen", "root": {"type": "x.Maze"}, "width": 9, "height": 9},
        mg.MapGen(mg.Maze(), width=9, height=9),
    ),
    "Random of the rooms is a room": (
        {"_target_": f"{ROOMS}.random.Random", "width": 6, "height": 5, "agents": 2, "objects": {"wall": 3}},
        mg.RandomRoom(width=6, height=5, agents=2, objects={"wall": 3}),
    ),
    "rooms in rooms": (
        {
            "_target_": f"{ROOMS}.multi_room.MultiRoom",
            "num_rooms": 4,
            "border_width": 2,
            "room": {
                "_target_": f"{ROOMS}.navigation.varied_terrain.VariedTerrain",
                "width": 20,
                "height": 20,
                "agents": 1,
                "style": "all-sparse",
                "objects": {"altar": 3},
            },
        },
        mg.MultiRoom(mg.VariedTerrain(20, 20, agents=1, style="all-sparse", objects={"altar": 3}), 4, border_width=2),
    ),
    "another name": (
        {"_target_": f"{ROOMS}.navigation.cylinder_world_sequence.CylinderWorldSequence", "width": 30, "height": 30},
        mg.CylinderWorld(30, 30),
    ),
    "children, tags and distributions": (
        {
            "_target_": "MapGen",
            "_recursive_": False,
            "width": 31,
            "height": 31,
            "root": {
                "type": f"{SCENES}.room_grid.RoomGrid",
                "params": {"rows": ["uniform", 2, 3], "columns": 2, "border_width": 1},
                "children": [
                    {"where": {"tags": ["room"]}, "limit": 1, "lock": "a", "scene": {"type": f"{SCENES}.nop.Nop"}},
                    {"where": "full", "scene": {"type": f"{SCENES}.make_connected.MakeConnected", "params": {}}},
                ],
            },
        },
        mg.MapGen(
            mg.RoomGrid(
                rows=mg.uniform(2, 3),
                columns=2,
                border_width=1,
                children=(
                    mg.Child(mg.Nop(), ("room",), limit=1, lock="a"),
                    mg.Child(mg.MakeConnected(), "full"),
                ),
            ),
            width=31,
            height=31,
        ),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_is_read(name: str) -> None:
    written, expected = FORMS[name]
    assert read_builder(written) == expected
    assert read_builder(mg.plain(expected)) == expected
    assert one_map(read_builder(written)).to_lists() == one_map(expected).to_lists()


def test_a_drawn_map_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "small.map").write_text("@_\n.#\n", encoding="utf-8")
    written = {"_target_": "metta.map.mapgen_ascii.MapGenAscii", "uri": str(tmp_path / "small.map"), "border_width": 1}
    assert one_map(read_builder(written)).grid.shape == (4, 4)
    with pytest.raises(ValueError, match=r"^AsciiRoom\.uri: .*none\.map: No such file"):
        read_builder(written | {"uri": str(tmp_path / "none.map")})


def test_a_scene_may_be_a_file(tmp_path: Path) -> None:
    mg.write_scene(tmp_path / "maze.yaml", mg.Maze(room_size=2))
    written = {"_target_": "metta.map.mapgen.MapGen", "width": 9, "height": 9, "root": str(tmp_path / "maze.yaml")}
    assert read_builder(written) == mg.MapGen(mg.Maze(room_size=2), width=9, height=9)
    candidates = {
        "type": "RandomScene",
        "params": {"candidates": [{"scene": str(tmp_path / "maze.yaml"), "weight": 2}]},
    }
    assert from_plain(candidates) == mg.RandomScene((mg.Candidate(mg.Maze(room_size=2), 2),))
    with pytest.raises(ValueError, match=r"^root: /wfc/blocks\.yaml: No such file"):
        read_builder(written | {"root": "/wfc/blocks.yaml"})


MAZE = {"type": "Maze"}
GRID = {"type": "MapGen", "width": 9, "height": 9, "root": MAZE}
ERRORS: dict[str, tuple[Any, str]] = {
    "no class": ({"width": 3}, r"type: missing; .*MapGen"),
    "two classes": (GRID | {"_target_": "MapGen"}, r"_target_: 'MapGen' is given next to type: 'MapGen'; give one"),
    "no such class": (
        {"_target_": "metta.map.mapgen.MapGne"},
        r"_target_: .*'metta\.map\.mapgen\.MapGne' \(did you mean 'MapGen'\?\)",
    ),
    "not set": ({"_target_": "???"}, r"_target_: '\?\?\?' is not set"),
    "a gap": ({"_target_": "x.Load", "uri": "???"}, r"Load\.uri: '\?\?\?' is not set"),
    "no such parameter": (GRID | {"widht": 3}, r"MapGen\.widht: there is no such parameter \(did you mean 'width'\?\)"),
    "inside": (
        GRID | {"root": {"type": "Maze", "params": {"room_sise": 2}}},
        r"root: Maze\.room_sise: there is no such",
    ),
    "deep inside": (
        GRID | {"root": {"type": "Nop", "children": [{"scene": MAZE}, {"scene": {"type": "Maze", "wall_size": 0}}]}},
        r"root\.children\[1\]\.scene: Maze\.wall_size: 0 is not at least 1",
    ),
    "given twice": (
        GRID | {"root": {"type": "Maze", "room_size": 1, "params": {"room_size": 2}}},
        r"root: Maze\.room_size: given twice, also in params",
    ),
    "params of a wrong kind": (
        GRID | {"root": {"type": "Maze", "params": 3}},
        r"root: Maze\.params: 3 is not a mapping",
    ),
    "a value of a wrong kind": (GRID | {"width": "wide"}, r"MapGen\.width: 'wide' is not an integer"),
    "a missing one": ({"type": "MapGen", "width": 3}, r"MapGen\.root: is missing"),
    "a scene": (MAZE, r"Maze is a scene, which a MapGen draws: \{type: MapGen, root: \{type: Maze, \.\.\.\}, width: "),
    "a distribution": ({"type": "Uniform", "low": 1, "high": 2}, r"Uniform draws no maps"),
    "an expression": (GRID | {"width": "${sampling:1,5,3}"}, r"MapGen\.width: '\$\{sampling:1,5,3\}' .*not an integer"),
    "no mapping": (3, r"3 is not a map builder"),
    "text": ("MapGen", r"'MapGen' is not a map builder"),
    "a key that is no name": ({"type": "MapGen", 3: 4}, r"MapGen\.3: there is no such parameter"),
    "children that are no list": (
        GRID | {"root": {"type": "Maze", "children": 3}},
        r"root: Maze\.children: 3 is not a list",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes_name_the_field(name: str) -> None:
    written, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^{message}") as error:
        read_builder(written)
    assert "\n" not in str(error.value)
