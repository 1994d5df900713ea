"""WFC: a texture by wave function collapse."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL
from metta_jax.mapgen.parameters import OneOf, Rule, Whole
from metta_jax.mapgen.patterns import SYMMETRY_RULE, PatternSymmetry, check_sample, pattern_counts, sample_cells
from metta_jax.mapgen.regions import NEIGHBORS
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.scene import Area, Scene

Heuristic = Literal["scanline", "mrv", "entropy"]


@dataclass(frozen=True)
class WFC(Scene):
    """Wall and floor all of whose n x n patterns come in a sample.

    One place after another gets one of the patterns that are still possible there, drawn by how often it comes in the
    sample, and patterns that do not overlap with it are struck out around it. A place without any is a contradiction,
    and the search starts over. (Gumin: WaveFunctionCollapse, 2016, overlapping model.)

    Attributes:
      pattern: the sample, text of # and ., or the name of one of `patterns.SAMPLES`.
      pattern_size: side n of the patterns; not more than the sides of the area.
      next_node_heuristic: which place is next: "scanline" row by row, "mrv" the one with the fewest patterns, "entropy"
        the one whose pattern is least uncertain.
      periodic_input: the sample's windows wrap around its edges.
      symmetry: which forms of the sample's patterns are allowed too: "all", "horizontal" or "none".
      attempts: how often it may start over.

    Raises:
      ValueError: from `draw`, if all attempts end in a contradiction: "Failed to generate map with pattern: ...".
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "pattern_size": Whole(1, 8),
        "next_node_heuristic": OneOf(("scanline", "mrv", "entropy")),
        "symmetry": SYMMETRY_RULE,
        "attempts": Whole(1),
    }

    pattern: str
    pattern_size: SampledInt = 3
    next_node_heuristic: Heuristic = "scanline"
    periodic_input: bool = True
    symmetry: PatternSymmetry = "all"
    attempts: SampledInt = 1000

    def check(self) -> None:
        check_sample(self.pattern, self.pattern_size, self.periodic_input)

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        n = self.pattern_size
        if min(area.width, area.height) < n:
            raise ValueError(f"pattern_size: {n} is more than the sides of the area, {area.width}x{area.height}")
        counts = pattern_counts(sample_cells(self.pattern), n, self.periodic_input, self.symmetry)
        rules = _Rules(sorted(counts), [counts[code] for code in sorted(counts)], n)
        rows, columns = area.height - n + 1, area.width - n + 1
        for _ in range(self.attempts):
            codes = _Wave(rules, rows, columns, self.next_node_heuristic, rng).collapse()
            if codes is not None:
                break
        else:
            raise ValueError(f"Failed to generate map with pattern: {self.pattern}")
        area.grid[:] = EMPTY
        for row in range(n):
            for column in range(n):
                walls = (codes >> (row * n + column)) & 1 == 1
                area.grid[row : row + rows, column : column + columns][walls] = WALL
        return [area]


class _Rules:
    """Which patterns may be adjacent. Sets of patterns are ints, bit i for pattern i."""

    def __init__(self, codes: list[int], counts: list[int], n: int) -> None:
        self.codes = codes
        self.counts = counts
        self.everything = (1 << len(codes)) - 1
        cells = (np.array(codes)[:, None] >> np.arange(n * n) & 1).reshape(-1, n, n)
        # For each direction: pattern -> the patterns that overlap with it when they stand one step further.
        self.adjacent = [self._overlaps(cells, down, right, n) for down, right in NEIGHBORS]
        self._allowed: list[dict[int, int]] = [{} for _ in NEIGHBORS]
        self._entropy: dict[int, float] = {}

    @staticmethod
    def _overlaps(cells: np.ndarray, down: int, right: int, n: int) -> list[int]:
        here = cells[:, max(0, down) : n + min(0, down), max(0, right) : n + min(0, right)]
        there = cells[:, max(0, -down) : n + min(0, -down), max(0, -right) : n + min(0, -right)]
        same = (here[:, None] == there[None]).all(axis=(2, 3))
        return [sum(1 << int(index) for index in np.flatnonzero(row)) for row in same]

    def allowed(self, direction: int, options: int) -> int:
        """The patterns that overlap with at least one of `options`, one step in a direction."""
        known = self._allowed[direction]
        if options not in known:
            union = 0
            for index in _members(options):
                union |= self.adjacent[direction][index]
            known[options] = union
        return known[options]

    def entropy(self, options: int) -> float:
        """Shannon's entropy of a pattern drawn from `options` by its counts."""
        if options not in self._entropy:
            counts = [self.counts[index] for index in _members(options)]
            total = sum(counts)
            self._entropy[options] = math.log(total) - sum(count * math.log(count) for count in counts) / total
        return self._entropy[options]


class _Wave:
    """What is still possible at each place of an area."""

    def __init__(self, rules: _Rules, rows: int, columns: int, heuristic: Heuristic, rng: np.random.Generator) -> None:
        self._rules, self._rows, self._columns, self._heuristic, self._rng = rules, rows, columns, heuristic, rng
        self._options = [rules.everything] * (rows * columns)
        # Ties are broken at random, but always in the same way for a place.
        noise = rng.random(rows * columns) if heuristic != "scanline" else np.zeros(rows * columns)
        self._noise: list[float] = noise.tolist()
        self._queue = [(self._urgency(rules.everything), self._noise[node], node) for node in range(rows * columns)]
        heapq.heapify(self._queue)

    def collapse(self) -> np.ndarray | None:
        """The pattern codes of all places, int64 [rows, columns], or None after a contradiction."""
        if not self._propagate(list(range(len(self._options)))):  # patterns that nothing in the sample goes with
            return None
        while self._queue:
            urgency, _, node = heapq.heappop(self._queue)
            options = self._options[node]
            # A place is queued again whenever it changes; older entries are passed over.
            if options & (options - 1) == 0 or urgency != self._urgency(options):
                continue
            self._options[node] = 1 << self._draw(options)
            if not self._propagate([node]):
                return None
        codes = [self._rules.codes[options.bit_length() - 1] for options in self._options]
        return np.array(codes, np.int64).reshape(self._rows, self._columns)

    def _urgency(self, options: int) -> float:
        if self._heuristic == "scanline":
            return 0.0
        return options.bit_count() if self._heuristic == "mrv" else self._rules.entropy(options)

    def _draw(self, options: int) -> int:
        members = _members(options)
        target = int(self._rng.integers(sum(self._rules.counts[index] for index in members)))
        for index in members:
            target -= self._rules.counts[index]
            if target < 0:
                return index
        raise AssertionError("the counts of the members add up to more than the target")

    def _propagate(self, stack: list[int]) -> bool:
        """Strike out what has become impossible around these places; False if nothing is left somewhere."""
        while stack:
            node = stack.pop()
            row, column = divmod(node, self._columns)
            for direction, (down, right) in enumerate(NEIGHBORS):
                if not (0 <= row + down < self._rows and 0 <= column + right < self._columns):
                    continue
                other = node + down * self._columns + right
                before = self._options[other]
                after = before & self._rules.allowed(direction, self._options[node])
                if after == before:
                    continue
                if not after:
                    return False
                self._options[other] = after
                stack.append(other)
                if self._heuristic != "scanline":
                    heapq.heappush(self._queue, (self._urgency(after), self._noise[other], other))
        return True


def _members(options: int) -> list[int]:
    members = []
    while options:
        lowest = options & -options
        members.append(lowest.bit_length() - 1)
        options ^= lowest
    return members
