"""Mirror, RandomScene, Auto; scenes as plain data and in files; what MakeConnected leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import (
    BSP,
    Area,
    Auto,
    Candidate,
    Child,
    MakeConnected,
    MapGen,
    Maze,
    Mirror,
    RadialMaze,
    Random,
    RandomScene,
    RandomSceneFromDir,
    RoomGrid,
    from_plain,
    from_text,
    plain,
    read_scene,
    render,
    scene_tree,
    to_text,
    uniform,
    write_scene,
)
from metta_jax.mapgen.game_map import as_grid, empty_grid
from metta_jax.mapgen.numbers import generator
from tests.mapgen.floods import counts, num_components, one_map

_FULL = {name: Random({name: 1}, labels=(name,)) for name in ("altar", "lab", "temple")}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from(["horizontal", "vertical", "x4"]), st.integers(0, 2**32))
def test_mirror_is_symmetric(width: int, height: int, symmetry, seed: int) -> None:
    grid = empty_grid(height, width)
    render(Mirror(Random({"wall": 5, "altar": 3}), symmetry), Area(grid), generator(seed))
    if symmetry != "vertical":
        assert (grid == grid[:, ::-1]).all()
    if symmetry != "horizontal":
        assert (grid == grid[::-1]).all()
    assert (grid != "empty").any()


def test_mirror_rounds_up_and_then_draws_its_children() -> None:
    scene = Mirror(Random({"altar": 4}), "x4", children=(Child(Random(agents=9)),))
    grid = empty_grid(3, 3)
    render(scene, Area(grid), generator(0))
    assert counts(grid) == {"altar": 9}
    with pytest.raises(ValueError, match="symmetry: 'x8' is not one of"):
        Mirror(Random(), "x8")  # pyright: ignore


def test_random_scene_by_weight() -> None:
    scene = RandomScene(
        (Candidate(_FULL["altar"], 3), {"scene": _FULL["lab"], "weight": 1}, Candidate(_FULL["temple"], 0))
    )
    drawn = [one_map(MapGen(scene, width=2, height=2), seed) for seed in range(400)]
    names = ["".join(counts(game_map.grid)) for game_map in drawn]
    assert names.count("altar") == pytest.approx(300, abs=35)
    assert names.count("temple") == 0
    assert all(game_map.labels == (name, "Random", "small") for name, game_map in zip(names, drawn, strict=True))
    with pytest.raises(ValueError, match="candidates: there is none with a weight above 0"):
        RandomScene((Candidate(Random(), 0),))


def test_scene_files(tmp_path) -> None:
    scene = RoomGrid(2, 2, children=(Child(Maze(room_size=("uniform", 1, 3)), limit=1),))
    write_scene(tmp_path / "a.yaml", scene)
    assert read_scene(tmp_path / "a.yaml") == scene
    (tmp_path / "b.yaml").write_text("type: Random\nobjects: {altar: 2}\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a scene", encoding="utf-8")
    chosen = RandomSceneFromDir(str(tmp_path))
    grids = [one_map(MapGen(chosen, width=20, height=20), seed).grid for seed in range(12)]
    assert {counts(grid)["altar"] for grid in grids} == {0, 2}
    with pytest.raises(ValueError, match="is not a directory"):
        RandomSceneFromDir(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "Mase"}, r"no scene, room or distribution 'Mase' \(did you mean 'Maze'\?\)"),
        ({"type": "Maze", "rooms": 3}, r"Maze\.rooms: there is no such parameter \(did you mean 'room_size'\?\)"),
        ({"type": "Maze", "room_size": 0}, r"Maze\.room_size: 0 is not at least 1"),
        ({"type": "BSP"}, r"^BSP\.rooms: is missing$"),
    ],
)
def test_bad_plain_data(data, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_plain(data)


def test_plain_data_of_children_need_no_type() -> None:
    data = {"type": "RoomGrid", "rows": 2, "children": [{"scene": {"type": "Maze"}, "where": {"tags": ["room"]}}]}
    assert from_plain(data) == RoomGrid(2, children=(Child(Maze(), ("room",)),))
    assert from_plain(plain(from_plain(data))) == from_plain(data)


def test_auto() -> None:
    auto = Auto(
        {"team_1": 2},
        layout={"grid": 1, "bsp": 1},
        grid={"rows": ("uniform", 1, 3), "columns": 2},
        bsp={"area_count": 3},
        room_symmetry={"none": 1, "x4": 2},
        content=(Maze(room_size=2), Candidate(BSP(2, 2), 2)),
        room_objects={"mine_red": 0.02},
        objects={"altar": 0.01},
    )
    trees = []
    for seed in range(15):
        game_map, (node,) = MapGen(auto, width=40, height=30, border_width=1).render(generator(seed))
        trees.append(scene_tree(node))
        found = counts(game_map.grid)
        assert found["agent.team_1"] == 2
        assert found["altar"] == 12
        assert found["mine_red"] > 5
        assert num_components(game_map.grid == "empty") >= 1
    layouts = {tree["children"][0]["type"] for tree in trees}
    assert layouts == {"RoomGrid", "BSPLayout"}
    assert [child["type"] for child in trees[0]["children"][1:]] == ["RandomObjects", "MakeConnected", "Random"]


def test_auto_draws_mazes_of_any_size_in_rooms_of_any_size() -> None:
    """A drawn size is clamped to the area: without that, two of three of these would fail."""
    mazes = (Maze(room_size=uniform(1, 4), wall_size=uniform(1, 3)), RadialMaze(arm_length=uniform(1, 9)), RadialMaze())
    any_side = {"rows": uniform(1, 3), "columns": uniform(1, 3)}
    symmetry = {"none": 1, "horizontal": 1, "vertical": 1, "x4": 1}
    auto = Auto(1, content=mazes, grid=any_side, bsp={"area_count": uniform(2, 6)}, room_symmetry=symmetry)
    for side in (10, 20):
        builder = MapGen(auto, width=side, height=side, border_width=1)
        for seed in range(60):
            grid = builder.build(generator(seed)).grid
            assert (grid == "agent.agent").sum() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": {"grit": 1}}, r"layout: 'grit' is not one of \['grid', 'bsp'\]"),
        ({"layout": {"grid": 0}}, "layout: {'grid': 0} has no number above 0"),
        ({"grid": {"rows": 0}}, r"grid\.rows: 0 is not at least 1"),
        ({"objects": {"altar": 2}}, r"objects\.altar: 2 is not in 0\.\.1"),
        ({"content": (3,)}, "scene: 3 is not a scene"),
    ],
)
def test_bad_auto(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Auto(**arguments)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_make_connected_never_digs_through_objects(height: int, width: int, seed: int) -> None:
    names = np.array(["empty", "empty", "wall", "wall", "altar", "agent.agent"])
    grid = as_grid(names[np.random.default_rng(seed).integers(0, 6, (height, width))].tolist())
    before = grid.copy()
    render(MakeConnected(), Area(grid), generator(seed))
    kept = ~np.isin(before, ["wall", "empty"])
    assert (grid[kept] == before[kept]).all()
    assert num_components(grid == "empty") <= 1


def test_a_pocket_behind_objects_is_filled() -> None:
    grid = from_text("...\n.._\n._.")
    render(MakeConnected(), Area(grid), generator(0))
    assert to_text(grid) == "...\n.._\n._#"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Child(3), "scene: 3 is not a scene"),  # pyright: ignore
        (lambda: Child(Random(), "all"), "where: 'all' is not 'full', a tuple of tags, or None"),  # pyright: ignore
        (lambda: Child(Random(), order_by="best"), "order_by: 'best' is not one of"),  # pyright: ignore
        (lambda: Child(Random(), limit=-1), "limit: -1 is negative"),
        (lambda: Random(children=(Random(),)), "children: Random.* is not a Child"),  # pyright: ignore
        (lambda: MapGen(3), "root: 3 is not a scene"),  # pyright: ignore
        (lambda: RoomGrid(layout=(("a", "b"), ("c",))), "layout: row 1 has 1 rooms, row 0 has 2"),
    ],
)
def test_bad_scenes(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
