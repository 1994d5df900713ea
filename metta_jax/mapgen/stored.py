"""Stored maps: a file of YAML front matter, a line `---`, and the ASCII grid; and builders that load them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from metta_jax.mapgen.ascii import from_text, to_text
from metta_jax.mapgen.game_map import GameMap
from metta_jax.mapgen.parameters import Parameters
from metta_jax.mapgen.scene import Area, Scene, render

_SEPARATOR = "---"
MAP_FILES = (".map", ".txt", ".yaml", ".yml")


@dataclass(frozen=True)
class StoredMap:
    """A map and how it came about.

    Attributes:
      game_map: the grid and its labels.
      metadata: "labels", and whatever else is known: "generation_time" in seconds, "timestamp" in ISO form.
      config: the builder as plain data, see `plain`.
      scene_tree: of each instance, see `scene_tree`.
    """

    game_map: GameMap
    metadata: Mapping[str, Any] = field(default_factory=dict)
    config: Any = None
    scene_tree: Any = None


def stored_text(stored: StoredMap) -> str:
    """The text of a map file. Labels in `metadata` are those of the map."""
    front = {
        "metadata": {**stored.metadata, "labels": list(stored.game_map.labels)},
        "config": stored.config,
        "scene_tree": stored.scene_tree,
    }
    return f"{yaml.safe_dump(front, sort_keys=False)}{_SEPARATOR}\n{to_text(stored.game_map.grid)}\n"


def from_stored_text(text: str) -> StoredMap:
    """Read the text of a map file; one without front matter is the grid alone.

    Raises:
      ValueError: the front matter is not a YAML mapping, or the grid is not a map.
    """
    front: Any = {}
    lines = text.splitlines()
    if _SEPARATOR in lines[1:]:
        at = lines.index(_SEPARATOR, 1)
        try:
            front = yaml.safe_load("\n".join(lines[:at]))
        except yaml.YAMLError as error:
            raise ValueError(f"map: the front matter is not YAML: {error}") from None
        if not isinstance(front, Mapping):
            raise ValueError(f"map: the front matter is not a mapping: {front!r}")
        text = "\n".join(lines[at + 1 :])
    metadata = front.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise ValueError(f"map: metadata: {metadata!r} is not a mapping")
    labels = tuple(str(label) for label in metadata.get("labels") or ())
    return StoredMap(GameMap(from_text(text), labels), metadata, front.get("config"), front.get("scene_tree"))


def normalized_text(text: str) -> str:
    """The text of a map file with the one symbol of each name that is written. Front matter stays unchanged.

    Raises:
      ValueError: as `from_stored_text`.
    """
    grid = from_stored_text(text).game_map.grid
    lines = text.splitlines(keepends=True)
    front = [line.rstrip("\r\n") for line in lines]
    head = lines[: front.index(_SEPARATOR, 1) + 1] if _SEPARATOR in front[1:] else []
    return "".join(head) + to_text(grid) + "\n"


def write_stored_map(path: str | Path, stored: StoredMap) -> None:
    """Write a map file."""
    Path(path).write_text(stored_text(stored), encoding="utf-8")


def read_stored_map(path: str | Path) -> StoredMap:
    """Read a map file; a ValueError names the file."""
    try:
        return from_stored_text(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


@dataclass(frozen=True)
class Load(Parameters):
    """A stored map, and a scene drawn over all of it. The file is read for every map.

    Attributes:
      uri: path of the file.
      extra_root: the scene, for instance agents and objects; its labels follow those of the file.
    """

    uri: str
    extra_root: Scene | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scene(self.extra_root)
        read_stored_map(self.uri)

    def build(self, rng: np.random.Generator) -> GameMap:
        """Read the map and draw the scene."""
        return _with_scene(read_stored_map(self.uri).game_map, self.extra_root, rng)


@dataclass(frozen=True)
class LoadRandom(Parameters):
    """One of the stored maps in a directory (*.map, *.txt, *.yaml), and a scene drawn over it.

    Attributes:
      dir: path of the directory.
      extra_root: as of `Load`.
    """

    dir: str
    extra_root: Scene | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scene(self.extra_root)
        if not self._files():
            raise ValueError(f"dir: there are no map files ({', '.join(MAP_FILES)}) in {self.dir!r}")

    def build(self, rng: np.random.Generator) -> GameMap:
        """Choose and read a map and draw the scene."""
        files = self._files()
        chosen = files[int(rng.integers(len(files)))]
        return _with_scene(read_stored_map(chosen).game_map, self.extra_root, rng)

    def _files(self) -> list[Path]:
        if not Path(self.dir).is_dir():
            raise ValueError(f"dir: {self.dir!r} is not a directory")
        return sorted(path for path in Path(self.dir).iterdir() if path.suffix in MAP_FILES)


@dataclass(frozen=True)
class LoadRandomFromIndex(Parameters):
    """One of the stored maps that a text file lists, a path a line, relative to it; and a scene drawn over it.

    Attributes:
      index: path of the list; empty lines and lines that begin with # do not count.
      extra_root: as of `Load`.
    """

    index: str
    extra_root: Scene | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scene(self.extra_root)
        if not self._files():
            raise ValueError(f"index: no maps are listed in {self.index!r}")

    def build(self, rng: np.random.Generator) -> GameMap:
        """Choose and read a map and draw the scene."""
        files = self._files()
        chosen = files[int(rng.integers(len(files)))]
        return _with_scene(read_stored_map(chosen).game_map, self.extra_root, rng)

    def _files(self) -> list[Path]:
        try:
            lines = Path(self.index).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ValueError(f"index: {self.index!r}: {error.strerror}") from None
        names = (line.strip() for line in lines)
        return [Path(self.index).parent / name for name in names if name and not name.startswith("#")]


def _with_scene(game_map: GameMap, scene: Scene | None, rng: np.random.Generator) -> GameMap:
    if scene is None:
        return game_map
    node = render(scene, Area(game_map.grid), rng.spawn(1)[0])
    return GameMap(game_map.grid, (*game_map.labels, *node.labels))


def _check_scene(scene: Any) -> None:
    if scene is not None and not isinstance(scene, Scene):
        raise ValueError(f"extra_root: {scene!r} is not a scene")
