"""Stored maps and the builders that load them."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.mapgen import (
    Load,
    LoadRandom,
    LoadRandomFromIndex,
    MapGen,
    Maze,
    Random,
    StoredMap,
    from_plain,
    from_text,
    plain,
    read_stored_map,
    scene_tree,
    write_stored_map,
)
from metta_jax.mapgen.game_map import GameMap
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.stored import from_stored_text, stored_text
from tests.mapgen.floods import counts, one_map


def test_round_trip(tmp_path) -> None:
    builder = MapGen(Maze(room_size=("uniform", 1, 2), labels=("maze",)), width=12, height=9, border_width=1)
    game_map, nodes = builder.render(generator(3))
    stored = StoredMap(
        game_map,
        {"generation_time": 0.25, "timestamp": "2025-07-19T12:00:00"},
        plain(builder),
        [scene_tree(node) for node in nodes],
    )
    path = tmp_path / "one.map"
    write_stored_map(path, stored)
    found = read_stored_map(path)
    np.testing.assert_array_equal(found.game_map.grid, game_map.grid)
    assert found.game_map.labels == ("maze", "Maze", "small")
    assert found.metadata == {**stored.metadata, "labels": ["maze", "Maze", "small"]}
    assert found.scene_tree == stored.scene_tree
    assert from_plain(found.config) == builder


def test_the_format_is_front_matter_a_line_and_the_grid() -> None:
    text = stored_text(StoredMap(GameMap(from_text("@.\n#_"), ("tiny",))))
    front, grid = text.split("\n---\n")
    assert front.splitlines()[:3] == ["metadata:", "  labels:", "  - tiny"]
    assert grid == "@.\n#_\n"


def test_a_grid_alone_is_a_map_too() -> None:
    assert from_stored_text("@.\n#_\n").game_map.grid.shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n---\n@", "the front matter is not a mapping"),
        ("a: [\n---\n@", "the front matter is not YAML"),
        ("metadata: 3\n---\n@", "metadata: 3 is not a mapping"),
        ("a: 3\n---\n@\n##", "line 2 has 2 cells"),
    ],
)
def test_bad_files(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "bad.map"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"bad\.map: .*{message}"):
        Load(str(path))


def test_load_draws_a_scene_over_the_map(tmp_path) -> None:
    path = tmp_path / "one.map"
    write_stored_map(path, StoredMap(GameMap(from_text("#..\n.#.\n..#"), ("diagonal",))))
    builder = Load(str(path), Random({"altar": 1}, 2, labels=("filled",)))
    maps = [one_map(builder, seed) for seed in range(6)]
    assert all(counts(game_map.grid) == {"altar": 1, "agent.agent": 2} for game_map in maps)
    assert maps[0].labels == ("diagonal", "filled", "Random")
    assert len({tuple(game_map.grid.ravel()) for game_map in maps}) > 1
    with pytest.raises(ValueError, match="extra_root: 3 is not a scene"):
        Load(str(path), 3)  # pyright: ignore
    with pytest.raises(ValueError, match=r"none\.map: No such file"):
        Load(str(tmp_path / "none.map"))


def test_load_random(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.map").write_text({"a": "@_", "b": "@m"}[name], encoding="utf-8")
    (tmp_path / "index.txt").write_text("# maps\nb.map\n\n", encoding="utf-8")
    listed = LoadRandomFromIndex(str(tmp_path / "index.txt"))
    assert counts(one_map(listed).grid) == {"agent.agent": 1, "mine_red": 1}
    (tmp_path / "index.txt").unlink()
    found = {tuple(one_map(LoadRandom(str(tmp_path)), seed).grid[0]) for seed in range(12)}
    assert found == {("agent.agent", "altar"), ("agent.agent", "mine_red")}
    with pytest.raises(ValueError, match="index: .*No such file"):
        LoadRandomFromIndex(str(tmp_path / "index.txt"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="dir: there are no map files"):
        LoadRandom(str(tmp_path / "empty"))
