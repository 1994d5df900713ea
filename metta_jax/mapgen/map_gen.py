"""MapGen: a root scene, drawn once or several times side by side, with an outer border."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, GameMap, check_size, empty_grid, size_label
from metta_jax.mapgen.scene import Area, Scene, SceneNode, render


@dataclass(frozen=True)
class MapGen:
    """Draws `root` in each of `instances` equal rectangles.

    The rectangles stand in a near-square grid of ceil(sqrt(n)) rows, the first n places of it; places that are left
    over stay wall. Labels: those of the root scene and the size label.

    Attributes:
      root: the scene; every instance is drawn with a generator of its own.
      width, height: cells of one instance; None: what the root scene wants.
      border_width: thickness of the outer wall.
      instances: how often the root is drawn.
      instance_border_width: thickness of the walls between the instances.
    """

    root: Scene
    width: int | None = None
    height: int | None = None
    border_width: int = 5
    instances: int = 1
    instance_border_width: int = 5

    def __post_init__(self) -> None:
        width, height = self.instance_size()
        check_size(width, height, self.border_width)
        if self.instances < 1:
            raise ValueError(f"instances: {self.instances} is not at least 1")
        if self.instance_border_width < 0:
            raise ValueError(f"instance_border_width: {self.instance_border_width} is negative")

    def instance_size(self) -> tuple[int, int]:
        """Width and height of one instance."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        size = self.root.size()
        if size is None:
            raise ValueError("width and height must be provided if the root scene has no intrinsic size")
        return (
            size[0] if self.width is None else self.width,
            size[1] if self.height is None else self.height,
        )

    def build(self, rng: np.random.Generator) -> GameMap:
        """Draws a map."""
        return self.render(rng)[0]

    def render(self, rng: np.random.Generator) -> tuple[GameMap, tuple[SceneNode, ...]]:
        """Draws a map; also returns the tree of scenes of each instance (`scene.scene_tree` makes them plain)."""
        width, height = self.instance_size()
        rows = math.ceil(math.sqrt(self.instances))
        columns = math.ceil(self.instances / rows)
        gap, border = self.instance_border_width, self.border_width
        inner_width = columns * width + (columns - 1) * gap
        inner_height = rows * height + (rows - 1) * gap
        grid = empty_grid(inner_height + 2 * border, inner_width + 2 * border, WALL)
        whole = Area(grid)
        nodes = []
        for index in range(self.instances):
            row, column = divmod(index, columns)
            x, y = border + column * (width + gap), border + row * (height + gap)
            area = whole.part(x, y, width, height)
            area.grid[:] = EMPTY
            nodes.append(render(self.root, area, rng.spawn(1)[0]))
        return GameMap(grid, (*self.root.labels, size_label(inner_width * inner_height))), tuple(nodes)
