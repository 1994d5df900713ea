"""A map that does not fit is drawn again; an error that no seed mends is raised at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from metta_jax.mapgen import Area, FixedMap, GameMap, MapBuilder, MapGen, RoomGrid, Scene, build_maps
from metta_jax.mapgen.numbers import WatchedGenerator, generator


@dataclass(frozen=True)
class _Moody:
    """A builder that fails for the generators of some seeds."""

    share: float

    def build(self, rng: np.random.Generator) -> GameMap:
        value = float(rng.random())
        if value < self.share:
            raise ValueError(f"rooms: {value:.3f} do not fit")
        return FixedMap((("agent.agent", "altar"),)).build(rng)


@dataclass(frozen=True)
class _Unreadable(Scene):
    """A scene that fails before anything is random."""

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        raise ValueError("drawing: cannot be read")


@dataclass
class _Counted:
    """A builder that counts how often it is asked."""

    builder: MapBuilder
    calls: int = 0

    def build(self, rng: np.random.Generator) -> GameMap:
        self.calls += 1
        return self.builder.build(rng)


def test_one_bad_map_stops_no_pool() -> None:
    message = r"maps: \d+ of 40 did not fit and were drawn again; the first: rooms: 0\."
    with pytest.warns(UserWarning, match=message) as seen:
        assert len(build_maps(_Moody(0.5), seed=0, num_maps=40)) == 40
    assert len(seen) == 1
    counted = _Counted(_Moody(1))
    with pytest.raises(ValueError, match=r"^rooms: 0\.\d+ do not fit$"):
        build_maps(counted, seed=0, num_maps=1)
    assert counted.calls == 20


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (MapGen(_Unreadable(), width=3, height=3), "^drawing: cannot be read$"),
        (MapGen(RoomGrid(rows=9, columns=1), width=3, height=3), "^rows, columns: 9x1 rooms do not fit 3x3$"),
    ],
)
def test_an_error_that_no_seed_mends_is_raised_at_once(builder: MapBuilder, message: str) -> None:
    counted = _Counted(builder)
    with pytest.raises(ValueError, match=message):
        build_maps(counted, seed=0, num_maps=2)
    assert counted.calls == 1


@pytest.mark.parametrize("use", ["itself", "a child", "bits", "seed"])
def test_a_watched_generator_draws_the_same_numbers(use: str) -> None:
    watched, plain = WatchedGenerator.of(3, 4), generator(3, 4)
    assert not watched.was_used
    child, plain_child = watched.spawn(2)[1].spawn(1)[0], plain.spawn(2)[1].spawn(1)[0]
    assert not watched.was_used
    if use == "itself":
        assert watched.integers(9) == plain.integers(9)
    elif use == "a child":
        assert child.random() == plain_child.random()
    elif use == "bits":
        child.bit_generator.spawn(1)
    else:
        child.bit_generator.seed_seq.spawn(1)
    assert watched.was_used
