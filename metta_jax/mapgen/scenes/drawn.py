"""Scenes that are drawn as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.ascii import from_text, read_uri
from metta_jax.mapgen.parameters import Rule, Whole
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.scene import Area, Scene


@dataclass(frozen=True)
class Ascii(Scene):
    """A drawn map with a size of its own; it stands in the top left corner of a larger area.

    Attributes:
      text: lines of symbols, see `metta_jax.mapgen.ascii`.
      uri: a file with such a text, read once, when the scene is made.

    Raises:
      ValueError: neither is given, the text is not a map, or, from `draw`, the area is smaller.
    """

    text: str = ""
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.uri is not None and not self.text:
            object.__setattr__(self, "text", read_uri(self.uri))
        super().__post_init__()
        from_text(self.text)  # raises on a text that is not a map

    def size(self) -> tuple[int, int]:
        height, width = from_text(self.text).shape
        return width, height

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        _draw_text(area, self.text, 0, 0, "text")
        return []


@dataclass(frozen=True)
class InlineAscii(Scene):
    """A small drawing at `row`, `column` of the area; all of its cells are drawn, empty ones too.

    Raises:
      ValueError: the data are no map, or, from `draw`, do not fit there.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"row": Whole(0), "column": Whole(0)}

    data: str
    row: SampledInt = 0
    column: SampledInt = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        from_text(self.data)

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        _draw_text(area, self.data, self.row, self.column, "data")
        return []


def _draw_text(area: Area, text: str, row: int, column: int, field_name: str) -> None:
    drawing = from_text(text)
    height, width = drawing.shape
    if row + height > area.height or column + width > area.width:
        raise ValueError(
            f"{field_name}: {width}x{height} cells at row {row}, column {column} do not fit {area.width}x{area.height}"
        )
    area.grid[row : row + height, column : column + width] = drawing
