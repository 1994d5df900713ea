"""Random numbers that are the same on every machine.

NumPy promises the same stream for a bit generator, but not for the methods on top of it. All maps are drawn with
PCG64 and from its integers and unit floats only; what else is needed is here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def generator(*seed: int) -> np.random.Generator:
    """The generator for one or several non-negative numbers."""
    return np.random.Generator(np.random.PCG64(seed))


class WatchedGenerator(np.random.Generator):
    """A generator that can tell whether anything was drawn from it; it draws the same numbers as `generator`."""

    def __init__(self, bit_generator: Any) -> None:
        super().__init__(bit_generator)
        self._spawned: list[WatchedGenerator] = []

    @classmethod
    def of(cls, *seed: int) -> WatchedGenerator:
        """The generator for one or several non-negative numbers."""
        return cls(np.random.PCG64(seed))

    def spawn(self, n_children: int) -> list[Any]:
        """New generators, which are watched too."""
        children: list[Any] = super().spawn(n_children)
        self._spawned += children
        return children

    @property
    def was_used(self) -> bool:
        """Whether a number was drawn from it, or from one that was spawned from it."""
        bits: Any = self.bit_generator
        # Children that were not spawned here, but from the bits or their seed, cannot be watched.
        has_others = bits.seed_seq.n_children_spawned != len(self._spawned)
        is_fresh = bits.state == type(bits)(bits.seed_seq).state
        return has_others or not is_fresh or any(child.was_used for child in self._spawned)


def permutation(length: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """0 .. length - 1 in random order, intp [length]."""
    return np.argsort(rng.random(length), kind="stable")


def poisson(mean: float, rng: np.random.Generator) -> int:
    """A Poisson number, from one unit float by inversion of the distribution function."""
    if mean > 500:  # exp(-mean) would vanish; the sum of two Poisson numbers is one again
        return poisson(mean / 2, rng) + poisson(mean / 2, rng)
    u = float(rng.random())
    value, probability = 0, math.exp(-mean)
    total = probability
    while u > total and probability > 0:
        value += 1
        probability *= mean / value
        total += probability
    return value


def pick(weights: tuple[float, ...] | list[float], rng: np.random.Generator) -> int:
    """An index, with a probability in proportion to its weight."""
    target = float(rng.random()) * sum(weights)
    for index, weight in enumerate(weights):
        target -= weight
        if target < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
