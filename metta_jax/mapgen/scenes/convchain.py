"""ConvChain: a texture by the Metropolis algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL
from metta_jax.mapgen.parameters import Real, Rule, Whole
from metta_jax.mapgen.patterns import (
    SYMMETRY_RULE,
    PatternSymmetry,
    check_sample,
    pattern_counts,
    sample_cells,
)
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.scene import Area, Scene

_LEAST_WEIGHT = 0.1  # of a pattern that does not come in the sample


@dataclass(frozen=True)
class ConvChain(Scene):
    """Wall and floor in which small patterns are about as frequent as in a sample.

    Starts with random cells, and then flips single ones iterations x width x height times. A flip is accepted with the
    probability min(1, q^(1 / temperature)); q is the ratio, after and before, of the products of the weights of the
    patterns in all windows that contain the cell. Windows wrap around the edges. The weight of a pattern is how
    often it comes in the sample, at least 0.1.
    (Gumin: ConvChain, 2016. Metropolis et al. 1953.)

    Attributes:
      pattern: the sample, text of # and ., or the name of one of `patterns.SAMPLES`.
      pattern_size: side of the patterns.
      iterations: flips tried per cell.
      temperature: the lower, the more like the sample.
      periodic_input: the sample's windows wrap around its edges.
      symmetry: which forms of the sample's patterns count too: "all", "horizontal" or "none".
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "pattern_size": Whole(1, 8),
        "iterations": Whole(0),
        "temperature": Real(1e-6),
        "symmetry": SYMMETRY_RULE,
    }

    pattern: str
    pattern_size: SampledInt = 3
    iterations: SampledInt = 4
    temperature: SampledFloat = 1.0
    periodic_input: bool = True
    symmetry: PatternSymmetry = "all"

    def check(self) -> None:
        check_sample(self.pattern, self.pattern_size, self.periodic_input)

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        counts = pattern_counts(sample_cells(self.pattern), self.pattern_size, self.periodic_input, self.symmetry)
        walls = self._texture(area.height, area.width, dict(counts), rng)
        area.grid[:] = EMPTY
        area.grid[walls] = WALL
        return [area]

    def _texture(self, height: int, width: int, weights: Mapping[int, float], rng: np.random.Generator) -> np.ndarray:
        n = self.pattern_size
        cells = rng.integers(0, 2, size=(height, width))
        codes = np.zeros((height, width), np.int64)  # of the window whose upper left cell is here
        for row in range(n):
            for column in range(n):
                codes |= np.roll(cells, (-row, -column), (0, 1)) << (row * n + column)
        # Plain lists: single elements of arrays are several times slower to read and to write.
        pattern = codes.ravel().tolist()
        num_flips = self.iterations * height * width
        flips, chances = rng.integers(0, height * width, size=num_flips).tolist(), rng.random(num_flips).tolist()
        exponent = 1 / self.temperature
        windows = [_windows(cell, height, width, n) for cell in range(height * width)]
        for cell, chance in zip(flips, chances, strict=True):
            q = 1.0
            for window, bits in windows[cell]:
                old = pattern[window]
                q *= weights.get(old ^ bits, _LEAST_WEIGHT) / weights.get(old, _LEAST_WEIGHT)
            # In logarithms, since q^(1 / temperature) may be too large for a float.
            if q >= 1 or (q > 0 and math.log(max(chance, 1e-300)) < exponent * math.log(q)):
                for window, bits in windows[cell]:
                    pattern[window] ^= bits
        return (np.array(pattern).reshape(height, width) & 1).astype(bool)


def _windows(cell: int, height: int, width: int, n: int) -> list[tuple[int, int]]:
    """The windows that contain a cell, and the bits that it is in them (several, if the area is smaller than n)."""
    row, column = divmod(cell, width)
    windows: dict[int, int] = {}
    for down in range(n):
        for right in range(n):
            window = (row - down) % height * width + (column - right) % width
            windows[window] = windows.get(window, 0) | 1 << (down * n + right)
    return list(windows.items())
