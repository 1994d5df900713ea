"""Sampled numbers, expressions, and parameters that are distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.mapgen import Around, Choose, Lognormal, MapGen, Random, RandomRoom, RoomGrid, Uniform, around, uniform
from metta_jax.mapgen import expressions as ex
from metta_jax.mapgen.numbers import generator, permutation, pick, poisson
from metta_jax.mapgen.sampled import as_sampled, choose, draw, with_sampling
from tests.mapgen.floods import counts, one_map


def _draws(distribution, num: int = 400) -> list:
    rng = generator(7)
    return [draw(distribution, rng) for _ in range(num)]


def test_a_number_is_a_constant() -> None:
    assert _draws(3, 2) == [3, 3]


def test_uniform_integers_include_both_ends() -> None:
    values = _draws(uniform(2, 4))
    assert set(values) == {2, 3, 4}
    assert all(isinstance(value, int) for value in values)


def test_uniform_floats_fill_the_range() -> None:
    values = _draws(Uniform(2.0, 4))
    assert 2 <= min(values) < 2.1
    assert 3.9 < max(values) <= 4


def test_lognormal_has_the_percentiles() -> None:
    values = np.array(_draws(Lognormal(2.0, 50.0), 4000))
    np.testing.assert_allclose(np.quantile(np.log(values), [0.05, 0.5, 0.95]), np.log([2, 10, 50]), atol=0.1)
    assert max(_draws(Lognormal(2.0, 50.0, 20))) == 20


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lognormal(5, 5), "Low value must be less than high value"),
        (lambda: Lognormal(0, 5), "Low value must be above 0"),
        (lambda: Uniform(3, 2), "low: 3 is more than high, 2"),
        (lambda: Uniform(True, 2), "low: True is not a number"),
        (lambda: Uniform(1, math.inf), "high: inf is not a number"),
        (lambda: Around(1, 0, 2, 1.5), r"sampling: 1\.5 is not in 0\.\.1"),
        (lambda: Choose(()), "options: there are none"),
        (lambda: as_sampled(("uniform", 1)), r'is not of the form \("uniform", lo, hi\)'),
        (lambda: as_sampled(("lognormal", 1, 2, 3, 4)), "is not of the form"),
    ],
)
def test_bad_distributions(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_around_moves_from_the_centre_as_far_as_sampling_says() -> None:
    assert set(_draws(around(25, 3, 50, 0), 5)) == {25}
    half = _draws(around(25, 3, 51, 0.5))
    assert (min(half), max(half)) == (14, 38)
    full = _draws(around(25, 3, 50), 3000)
    assert (min(full), max(full)) == (3, 50)
    assert all(isinstance(value, int) for value in full)
    floats = _draws(around(0.01, 0.005, 0.1))
    assert 0.005 <= min(floats) < 0.01 < max(floats) <= 0.1


def test_with_sampling_reaches_every_depth() -> None:
    scene = RoomGrid(rows=around(2, 1, 5), border_width=1, children=({"scene": Random({"altar": around(3, 0, 9)})},))
    builder = with_sampling(MapGen(scene, width=around(20, 10, 60), height=20, border_width=0), 0.0)
    for seed in range(5):
        grid = one_map(builder, seed).grid
        assert grid.shape == (20, 20)
        assert counts(grid) == {"altar": 6}
    assert {one_map(with_sampling(builder, 1.0), seed).grid.shape[1] for seed in range(5)} != {20}


def test_choose() -> None:
    assert set(_draws(choose("a", "b"))) == {"a", "b"}


def test_parameters_are_drawn_for_every_map() -> None:
    room = RandomRoom(width=("uniform", 5, 9), height=6, objects={"altar": ("uniform", 1, 3)}, agents=uniform(1, 2))
    maps = [one_map(room, seed).grid for seed in range(30)]
    assert {grid.shape for grid in maps} == {(6, width) for width in range(5, 10)}
    assert {counts(grid)["altar"] for grid in maps} == {1, 2, 3}
    assert {counts(grid)["agent.agent"] for grid in maps} == {1, 2}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomRoom(uniform(0, 5), 5), "width: 0 is not at least 1"),
        (lambda: RandomRoom(uniform(1.0, 5), 5), r"width: 1\.0 is not an integer"),
        (lambda: RandomRoom(True, 5), "width: True is not an integer"),
        (lambda: RandomRoom(5, 5, {"altar": uniform(-1, 5)}), r"objects\.altar: -1 is negative"),
        (lambda: RandomRoom(5, 5, {"altar": "3"}), r"objects\.altar: '3' is not an integer"),
        (lambda: RandomRoom(5, 5, 3), "objects: 3 is not a mapping"),
        (lambda: RandomRoom(5, 5, agents={"team_1": -2}), r"agents\.team_1: -2 is negative"),
        (lambda: RandomRoom(("uniform", 5, 1), 5), "width: low: 5 is more than high, 1"),
    ],
)
def test_errors_name_the_field(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ex.if_(True, 1, 2), 1),
        (ex.if_(False, 1, 2), 2),
        (ex.div(6, 3), 2),
        (ex.div(7, 2), 3.5),
        (ex.sub(5, 3), 2),
        (ex.mul(5, 3), 15),
        (ex.add(5, 3), 8),
        (ex.make_odd(1), 3),
        (ex.make_odd(10), 11),
        (ex.make_odd(11), 11),
        (ex.clamp(5, 0, 3), 3),
        (ex.clamp(-5, 0, 3), 0),
        (ex.to_int(2.6), 3),
        (ex.eq(1, 1.0), True),
        (ex.gt(2, 1), True),
        (ex.lt(2, 1), False),
        (ex.gte(2, 2), True),
        (ex.lte(3, 2), False),
        (ex.iir(0.25, 8, 4), 5.0),
        (ex.scale(0.5, 0, 1, 0, 10), 5),
        (ex.scale(0.25, 0, 1, 0.0, 10), 2.5),
        (ex.scale(7, 0, 1, 0, 10), 10),
        (ex.scale(-7, 0, 1, 0, 10), 0),
        (ex.scale(1, 0, 1, 0, 10, "log"), 10),
        (ex.scale(0, 0, 1, 0, 10, "exp"), 0),
    ],
)
def test_expressions(result, expected) -> None:
    assert result == expected
    assert type(result) is type(expected)


def test_curves_of_scale() -> None:
    assert ex.scale(0.5, 0, 1, 0.0, 1, "log") == pytest.approx(math.log10(5.5))
    assert ex.scale(0.5, 0, 1, 0.0, 1, "exp") == pytest.approx((math.sqrt(10) - 1) / 9)
    assert ex.scale(0.75, 0, 1, 0.0, 1, "sigmoid") == pytest.approx(1 / (1 + math.exp(-3)))
    with pytest.raises(ValueError, match="curve: 'cubic' is not one of"):
        ex.scale(1, 0, 1, 0, 1, "cubic")  # pyright: ignore
    with pytest.raises(ValueError, match="in_min: 1 is not below in_max, 1"):
        ex.scale(1, 1, 1, 0, 1)
    with pytest.raises(ValueError, match="div: 3 cannot be divided by 0"):
        ex.div(3, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 50))
def test_permutation(seed: int, length: int) -> None:
    assert sorted(permutation(length, generator(seed)).tolist()) == list(range(length))


def test_poisson_and_pick() -> None:
    rng = generator(3)
    for mean in (0.0, 0.5, 30.0, 900.0):
        values = np.array([poisson(mean, rng) for _ in range(2000)])
        assert values.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / 2000) + 1e-9)
        assert values.var() == pytest.approx(mean, rel=0.2)
    picks = [pick([0, 3, 1], rng) for _ in range(2000)]
    assert picks.count(0) == 0
    assert picks.count(1) / 2000 == pytest.approx(0.75, abs=0.04)
