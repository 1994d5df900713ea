"""ConvChain and WFC against their samples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import WFC, Area, ConvChain, render
from metta_jax.mapgen.game_map import empty_grid
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.patterns import SAMPLES, pattern_code, pattern_counts, sample_cells


def _walls(scene, height: int, width: int, seed: int = 0) -> np.ndarray:
    grid = empty_grid(height, width)
    render(scene, Area(grid), generator(seed))
    return grid == "wall"


def _patterns(walls: np.ndarray, n: int) -> Counter[int]:
    """Counted window by window."""
    rows, columns = walls.shape
    return Counter(
        pattern_code(walls[row : row + n, column : column + n])
        for row in range(rows - n + 1)
        for column in range(columns - n + 1)
    )


def test_pattern_counts_of_a_small_sample() -> None:
    cells = sample_cells("#.\n..")
    assert pattern_counts(cells, 2, False, "none") == {0b0001: 1}
    assert pattern_counts(cells, 2, False, "horizontal") == {0b0001: 1, 0b0010: 1}
    assert pattern_counts(cells, 2, False, "all") == {0b0001: 2, 0b0010: 2, 0b0100: 2, 0b1000: 2}
    assert pattern_counts(cells, 2, True, "none") == {0b0001: 1, 0b0010: 1, 0b0100: 1, 0b1000: 1}


@pytest.mark.parametrize("sample", sorted(SAMPLES))
@pytest.mark.parametrize("heuristic", ["scanline", "mrv", "entropy"])
def test_all_patterns_of_wfc_come_in_the_sample(sample: str, heuristic) -> None:
    scene = WFC(sample, next_node_heuristic=heuristic)
    known = set(pattern_counts(sample_cells(sample), 3, True, "all"))
    walls = _walls(scene, 12, 14)
    assert set(_patterns(walls, 3)) <= known
    assert walls.any()
    assert not walls.all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["all", "horizontal", "none"]), st.integers(2, 3), st.booleans())
def test_wfc_for_other_settings(seed: int, symmetry, size: int, periodic: bool) -> None:
    scene = WFC("diagonal", size, periodic_input=periodic, symmetry=symmetry)
    known = set(pattern_counts(sample_cells("diagonal"), size, periodic, symmetry))
    assert set(_patterns(_walls(scene, 9, 8, seed), size)) <= known


def test_wfc_that_cannot_be() -> None:
    # The only pattern has a wall in its first column and none in its second: it cannot stand next to itself.
    with pytest.raises(ValueError, match=r"^Failed to generate map with pattern: #"):
        _walls(WFC("#.\n..", 2, periodic_input=False, symmetry="none", attempts=3), 9, 9)


def test_a_strict_sample_has_one_result() -> None:
    walls = _walls(WFC("#.\n.#", 2), 6, 6)
    rows, columns = np.indices((6, 6))
    assert (walls == ((rows + columns) % 2 == int(not walls[0, 0]))).all()


def test_convchain_has_the_statistics_of_the_metropolis_distribution() -> None:
    # With patterns of one cell, cells are independent, walls with the odds 3 : 1 to the power of 1 / temperature.
    walls = _walls(ConvChain("###.", 1, iterations=20), 50, 50)
    assert walls.mean() == pytest.approx(0.75, abs=0.03)
    colder = _walls(ConvChain("###.", 1, iterations=20, temperature=0.5), 50, 50)
    assert colder.mean() == pytest.approx(0.9, abs=0.03)


def test_convchain_comes_near_its_sample() -> None:
    known = set(pattern_counts(sample_cells("cave"), 3, True, "all"))

    def share(iterations: int) -> float:
        counts = _patterns(_walls(ConvChain("cave", 3, iterations=iterations, temperature=0.5), 24, 24), 3)
        return sum(count for code, count in counts.items() if code in known) / counts.total()

    assert share(0) < 0.4
    assert share(8) > 0.9


def test_convchain_on_an_area_smaller_than_its_patterns() -> None:
    assert _walls(ConvChain("cave", 3, iterations=2), 2, 5).shape == (2, 5)


@pytest.mark.parametrize("scene", [WFC, ConvChain])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pattern": "##\n#"}, "pattern: line 2 has 1 cells, but line 1 has 2"),
        ({"pattern": "#@"}, "pattern: line 1 has other characters than # and .: '#@'"),
        ({"pattern": ""}, "pattern: the drawing is empty"),
        ({"pattern": "##", "periodic_input": False}, "pattern_size: 3 is more than the sides of the pattern, 2x1"),
        ({"pattern": "##", "symmetry": "x4"}, "symmetry: 'x4' is not one of"),
        ({"pattern": "##", "pattern_size": 0}, r"pattern_size: 0 is not in 1\.\.8"),
    ],
)
def test_bad_samples(scene, arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scene(**arguments)
