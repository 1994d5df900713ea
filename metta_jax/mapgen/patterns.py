"""Samples of textures: which n x n patterns of wall and floor there are in a drawing, and how often.

A sample is text of `#` (wall) and `.` (floor). A pattern is an int whose bits are its cells, row by row, 1 for wall.
`SAMPLES` are ours.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.parameters import OneOf, Rule

PatternSymmetry: TypeAlias = Literal["all", "horizontal", "none"]

SYMMETRY_RULE: Rule = OneOf(get_args(PatternSymmetry))

SAMPLES: dict[str, str] = {
    "cave": """
...........
..###......
.#####...#.
.######.##.
..####..##.
...##......
......##...
.##..####..
.###..###..
..##.......
...........
""",
    "maze": """
.........
.#####.#.
.#...#.#.
.#.#.#.#.
.#.#...#.
.#.#####.
.#.......
.#######.
.........
""",
    "rooms": """
............
.####.#####.
.#..#.#...#.
.#..#.#...#.
.#..........
.####.###.#.
............
.##.#####.#.
.#..#...#.#.
.#........#.
.####.#####.
............
""",
    "blocks": """
.........
.##..##..
.##..##..
.......#.
..###..#.
..###....
.......##
.#..##.##
.#..##...
""",
    "dots": """
......
.#....
....#.
......
..#...
.....#
""",
    "diagonal": """
#....#..
.#....#.
..#....#
...#....
....#...
#....#..
.#....#.
..#....#
""",
}
"""Names of samples that may be given in place of a drawing."""


def sample_cells(pattern: str, field: str = "pattern") -> NDArray[np.bool_]:
    """A drawing, or the name of one of `SAMPLES`, as bool [height, width], True for wall.

    Raises:
      ValueError: a line of another length than the first one, or another character. Names the line.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"{field}: {pattern!r} is not text")
    lines = SAMPLES.get(pattern, pattern).strip("\r\n").splitlines()
    if not lines or not lines[0]:
        raise ValueError(f"{field}: the drawing is empty")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]):
            raise ValueError(f"{field}: line {number} has {len(line)} cells, but line 1 has {len(lines[0])}")
        if set(line) - {"#", "."}:
            raise ValueError(f"{field}: line {number} has other characters than # and .: {line!r}")
    return np.array([[symbol == "#" for symbol in line] for line in lines])


def check_sample(pattern: str, size: int, periodic: bool) -> None:
    """A ValueError if the drawing is not one or is smaller than a pattern."""
    cells = sample_cells(pattern)
    if not periodic and min(cells.shape) < size:
        raise ValueError(f"pattern_size: {size} is more than the sides of the pattern, {cells.shape[1]}x{len(cells)}")


def pattern_counts(cells: NDArray[np.bool_], size: int, periodic: bool, symmetry: PatternSymmetry) -> Counter[int]:
    """How often each pattern of `size` x `size` cells comes in a drawing.

    Args:
      cells: bool [height, width].
      size: n.
      periodic: windows wrap around the edges.
      symmetry: "all": in all of its eight turned and mirrored forms, "horizontal": itself and its left-right mirror
        image, "none": itself only.
    """
    height, width = cells.shape
    drawing = np.pad(cells, ((0, size - 1), (0, size - 1)), mode="wrap") if periodic else cells
    rows, columns = (height, width) if periodic else (height - size + 1, width - size + 1)
    counts: Counter[int] = Counter()
    for row in range(rows):
        for column in range(columns):
            window = drawing[row : row + size, column : column + size]
            counts.update(pattern_code(form) for form in _forms(window, symmetry))
    return counts


def pattern_code(window: NDArray[np.bool_]) -> int:
    """The int of a pattern: bit i is cell i, row by row."""
    return sum(1 << index for index, is_wall in enumerate(window.ravel().tolist()) if is_wall)


def _forms(window: NDArray[np.bool_], symmetry: PatternSymmetry) -> list[NDArray[np.bool_]]:
    if symmetry == "none":
        return [window]
    if symmetry == "horizontal":
        return [window, window[:, ::-1]]
    turned = [np.rot90(window, turns) for turns in range(4)]
    return turned + [form[:, ::-1] for form in turned]
