"""Mirror: symmetric areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from metta_jax.mapgen.parameters import OneOf, Rule
from metta_jax.mapgen.scene import Area, Scene, render

Symmetry: TypeAlias = Literal["horizontal", "vertical", "x4"]


@dataclass(frozen=True)
class Mirror(Scene):
    """Draw a scene in one half of the area, rounded up, and its mirror image in the other.

    Agents are mirrored like everything else. The children of the mirror itself are drawn afterwards, unmirrored.

    Attributes:
      scene: the scene.
      symmetry: "horizontal": the left half is mirrored to the right; "vertical": the upper one downwards; "x4": the
        upper left quarter to all others.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"symmetry": OneOf(get_args(Symmetry))}

    scene: Scene
    symmetry: Symmetry = "horizontal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.scene, Scene):
            raise ValueError(f"scene: {self.scene!r} is not a scene")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        width = (area.width + 1) // 2 if self.symmetry in ("horizontal", "x4") else area.width
        height = (area.height + 1) // 2 if self.symmetry in ("vertical", "x4") else area.height
        render(self.scene, area.part(0, 0, width, height), rng.spawn(1)[0])
        area.grid[:, width:] = area.grid[:, : area.width - width][:, ::-1]
        area.grid[height:] = area.grid[: area.height - height][::-1]
        return [area]
