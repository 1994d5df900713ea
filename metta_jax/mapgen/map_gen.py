"""MapGen: a root scene, drawn once or several times side by side, with an outer border."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, GameMap, common_labels, empty_grid, size_label
from metta_jax.mapgen.parameters import Parameters, Rule, Whole, resolved
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.scene import Area, Scene, SceneNode, render


@dataclass(frozen=True)
class MapGen(Parameters):
    """Draw `root` in each of `instances` equal rectangles.

    The rectangles stand in a near-square grid of ceil(sqrt(n)) rows, the first n places of it; places that are left
    over stay wall. Labels: those of the root scene, as far as all instances have them, and the size label. The numbers
    may be sampled.

    Attributes:
      root: the scene; every instance is drawn with a generator of its own.
      width, height: cells of one instance; None: what the root scene wants.
      border_width: thickness of the outer wall.
      instances: how often the root is drawn.
      instance_border_width: thickness of the walls between the instances.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(1, optional=True),
        "height": Whole(1, optional=True),
        "border_width": Whole(0),
        "instances": Whole(1),
        "instance_border_width": Whole(0),
    }

    root: Scene
    width: SampledInt = None
    height: SampledInt = None
    border_width: SampledInt = 5
    instances: SampledInt = 1
    instance_border_width: SampledInt = 5

    def __post_init__(self) -> None:
        if not isinstance(self.root, Scene):
            raise ValueError(f"root: {self.root!r} is not a scene")
        super().__post_init__()
        if self.width is None or self.height is None:
            self.instance_size()  # raises if the scene has no size either

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
        """Draw a map."""
        return self.render(rng)[0]

    def render(self, rng: np.random.Generator) -> tuple[GameMap, tuple[SceneNode, ...]]:
        """Draw a map; also returns the tree of scenes of each instance (`scene_tree` makes them plain)."""
        return resolved(self, rng)._render(rng)

    def instance_places(self) -> list[tuple[int, int]]:
        """Column and row of the first cell of each instance on the map, borders included."""
        width, height = self.instance_size()
        columns = math.ceil(self.instances / self._num_rows())
        gap, border = self.instance_border_width, self.border_width
        places = (divmod(index, columns) for index in range(self.instances))
        return [(border + column * (width + gap), border + row * (height + gap)) for row, column in places]

    def _num_rows(self) -> int:
        return math.ceil(math.sqrt(self.instances))

    def _render(self, rng: np.random.Generator) -> tuple[GameMap, tuple[SceneNode, ...]]:
        width, height = self.instance_size()
        rows = self._num_rows()
        columns = math.ceil(self.instances / rows)
        gap, border = self.instance_border_width, self.border_width
        inner_width = columns * width + (columns - 1) * gap
        inner_height = rows * height + (rows - 1) * gap
        grid = empty_grid(inner_height + 2 * border, inner_width + 2 * border, WALL)
        whole = Area(grid)
        nodes = []
        for x, y in self.instance_places():
            area = whole.part(x, y, width, height)
            area.grid[:] = EMPTY
            nodes.append(render(self.root, area, rng.spawn(1)[0]))
        labels = common_labels([node.labels for node in nodes])
        return GameMap(grid, (*labels, size_label(inner_width * inner_height))), tuple(nodes)
