"""Sampled numbers: parameters of maps and worlds that are drawn each time instead of being constant.

A plain number is a constant. The tuple forms `("uniform", lo, hi)` and `("lognormal", p5, p95[, max])` are read too.
All draws come from the integers and the unit floats of the generator, so that they are the same on every machine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np

from metta_jax.core.frozen_dict import FrozenDict

SampledInt: TypeAlias = Any
"""An int, or a `Sampled` of ints. (`Any` for type checkers: when a map is drawn, it is an int.)"""

SampledFloat: TypeAlias = Any
"""A float, or a `Sampled`."""

_Z95 = 1.6449  # the 95th percentile of the standard normal distribution


@dataclass(frozen=True)
class Sampled:
    """Base of the distributions."""

    def draw(self, rng: np.random.Generator) -> Any:
        """One number."""
        raise NotImplementedError

    def values(self) -> tuple[Any, ...]:
        """The ends of the range, or all values: what a parameter has to accept."""
        raise NotImplementedError


@dataclass(frozen=True)
class Uniform(Sampled):
    """Every integer from `low` to `high` with the same probability; if one of them is a float, the floats between."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_number("low", self.low)
        _check_number("high", self.high)
        if self.low > self.high:
            raise ValueError(f"low: {self.low} is more than high, {self.high}")

    def draw(self, rng: np.random.Generator) -> int | float:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(rng.integers(self.low, self.high + 1))
        return self.low + (self.high - self.low) * float(rng.random())

    def values(self) -> tuple[float, ...]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Lognormal(Sampled):
    """Floats whose logarithms are normal, with the given 5th and 95th percentile, cut off at `maximum`."""

    p5: float
    p95: float
    maximum: float | None = None

    def __post_init__(self) -> None:
        _check_number("p5", self.p5)
        _check_number("p95", self.p95)
        if self.p5 >= self.p95:
            raise ValueError(f"Low value must be less than high value: {self.p5} >= {self.p95}")
        if self.p5 <= 0:
            raise ValueError(f"Low value must be above 0: {self.p5}")
        if self.maximum is not None:
            _check_number("maximum", self.maximum)

    def draw(self, rng: np.random.Generator) -> float:
        low, high = math.log(self.p5), math.log(self.p95)
        normal = NormalDist((low + high) / 2, (high - low) / (2 * _Z95))
        # A random() of exactly 0 has no quantile; half a step above it has.
        value = math.exp(normal.inv_cdf(max(float(rng.random()), 2.0**-54)))
        return value if self.maximum is None else min(value, float(self.maximum))

    def values(self) -> tuple[float, ...]:
        return (0.0, math.inf if self.maximum is None else self.maximum)


@dataclass(frozen=True)
class Around(Sampled):
    """`centre~[low,high]`: how far it moves from the centre is up to `sampling`, a number from 0 to 1.

    0: always the centre. Else a float from centre - sampling (centre - low) to centre + sampling (high - centre),
    rounded if the centre is an integer.
    """

    centre: float
    low: float
    high: float
    sampling: float = 1.0

    def __post_init__(self) -> None:
        for name in ("centre", "low", "high", "sampling"):
            _check_number(name, getattr(self, name))
        if self.low > self.high:
            raise ValueError(f"low: {self.low} is more than high, {self.high}")
        if not 0 <= self.sampling <= 1:
            raise ValueError(f"sampling: {self.sampling} is not in 0..1")

    def draw(self, rng: np.random.Generator) -> int | float:
        if self.sampling == 0:
            return self.centre
        low, high = self.values()
        value = low + (high - low) * float(rng.random())
        return round(value) if isinstance(self.centre, int) else value

    def values(self) -> tuple[float, ...]:
        low = self.centre - self.sampling * (self.centre - self.low)
        high = self.centre + self.sampling * (self.high - self.centre)
        return (round(low), round(high)) if isinstance(self.centre, int) else (low, high)


@dataclass(frozen=True)
class Choose(Sampled):
    """One of the options, each with the same probability."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options:
            raise ValueError("options: there are none to choose from")

    def draw(self, rng: np.random.Generator) -> Any:
        return self.options[int(rng.integers(len(self.options)))]

    def values(self) -> tuple[Any, ...]:
        return self.options


def uniform(low: float, high: float) -> Any:
    """`Uniform`, typed as a number so that it can stand for one."""
    return Uniform(low, high)


def lognormal(p5: float, p95: float, maximum: float | None = None) -> Any:
    """`Lognormal`, typed as a number."""
    return Lognormal(p5, p95, maximum)


def around(centre: float, low: float, high: float, sampling: float = 1.0) -> Any:
    """`Around`, typed as a number: around(25, 3, 50) is written 25~[3,50] in the lists of worlds."""
    return Around(centre, low, high, sampling)


def choose(*options: Any) -> Any:
    """`Choose`, typed as any of its options."""
    return Choose(options)


def as_sampled(value: Any) -> Any:
    """The tuple forms as distributions; everything else unchanged.

    Raises:
      ValueError: a tuple form with the wrong number of numbers, or numbers that do not fit together.
    """
    if not isinstance(value, tuple | list) or not value or value[0] not in ("uniform", "lognormal"):
        return value
    kind, *numbers = value
    if any(isinstance(number, str) for number in numbers):
        return value  # a tuple of names that begins with one of ours
    if kind == "uniform" and len(numbers) == 2:
        return Uniform(*numbers)
    if kind == "lognormal" and len(numbers) in (2, 3):
        return Lognormal(*numbers)
    forms = {"uniform": '("uniform", lo, hi)', "lognormal": '("lognormal", p5, p95[, max])'}
    raise ValueError(f"{value!r} is not of the form {forms[kind]}")


def draw(value: Any, rng: np.random.Generator) -> Any:
    """A drawn number for a distribution, a mapping with drawn values for a mapping, and anything else unchanged."""
    if isinstance(value, Sampled):
        return value.draw(rng)
    if isinstance(value, Mapping) and has_sampled(value):
        return FrozenDict({name: draw(item, rng) for name, item in value.items()})
    return value


def has_sampled(value: Any) -> bool:
    """Whether `draw` would draw anything."""
    if isinstance(value, Mapping):
        return any(isinstance(item, Sampled) for item in value.values())
    return isinstance(value, Sampled)


def with_sampling(value: Any, sampling: float) -> Any:
    """The same builder, scene or number with another `sampling` in every `Around` inside it, at every depth."""
    if isinstance(value, Around):
        return dataclasses.replace(value, sampling=sampling)
    if isinstance(value, Mapping):
        return FrozenDict({name: with_sampling(item, sampling) for name, item in value.items()})
    if isinstance(value, tuple):
        return tuple(with_sampling(item, sampling) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        changed = {name: with_sampling(item, sampling) for name, item in fields.items()}
        return dataclasses.replace(value, **{name: item for name, item in changed.items() if item != fields[name]})
    return value


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is not a number")
