"""What scenes and rooms have in common: frozen, checked parameters, some of which may be sampled."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from metta_jax.core.frozen_dict import FrozenDict
from metta_jax.mapgen.sampled import Sampled, as_sampled, draw, has_sampled


class Rule(Protocol):
    """What a parameter may be."""

    def check(self, name: str, value: Any) -> None:
        """Raise a ValueError that names the field, the value and what is allowed."""
        ...


@dataclass(frozen=True)
class Parameters:
    """Base of frozen dataclasses whose fields are checked when they are made.

    `RULES` of a class and its bases say what their fields may be. Lists become tuples, mappings become hashable, and
    the tuple forms of distributions become distributions. `check` looks at fields together; while some are
    distributions it waits until these are drawn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {}

    def __post_init__(self) -> None:
        sampled = False
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            stored = _stored(field.name, value)
            if stored is not value:
                object.__setattr__(self, field.name, stored)
            sampled = sampled or has_sampled(stored)
        for cls in reversed(type(self).__mro__):
            for name, rule in vars(cls).get("RULES", {}).items():
                rule.check(name, getattr(self, name))
        if not sampled:
            self.check()

    def check(self) -> None:
        """Raise a ValueError if fields do not fit together."""


AnyParameters = TypeVar("AnyParameters", bound=Parameters)


def resolved(parameters: AnyParameters, rng: np.random.Generator) -> AnyParameters:
    """The parameters with a drawn number in place of each distribution, in the order of the fields.

    Only the object's own: a child scene draws its own numbers for each area.
    """
    fields = {field.name: getattr(parameters, field.name) for field in dataclasses.fields(parameters)}
    drawn = {name: draw(value, rng) for name, value in fields.items() if has_sampled(value)}
    return dataclasses.replace(parameters, **drawn) if drawn else parameters


@dataclass(frozen=True)
class Whole:
    """An integer of at least `least` and at most `most`; with `optional` also None."""

    least: int = 0
    most: int | None = None
    optional: bool = False

    def check(self, name: str, value: Any) -> None:
        if value is None and self.optional:
            return
        for number in _possible(value):
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ValueError(f"{name}: {number!r} is not an integer")
            _check_range(name, int(number), self.least, self.most)


@dataclass(frozen=True)
class Real:
    """A finite number of at least `least` and at most `most`."""

    least: float = 0.0
    most: float | None = None

    def check(self, name: str, value: Any) -> None:
        for number in _possible(value):
            if isinstance(number, bool) or not isinstance(number, int | float) or math.isnan(number):
                raise ValueError(f"{name}: {number!r} is not a number")
            if math.isinf(number) and not isinstance(value, Sampled):
                raise ValueError(f"{name}: {number!r} is not finite")
            _check_range(name, number, self.least, self.most)


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    words: tuple[str | None, ...]

    def check(self, name: str, value: Any) -> None:
        for word in _possible(value):
            if word not in self.words:
                raise ValueError(f"{name}: {word!r} is not one of {list(self.words)}")


@dataclass(frozen=True)
class Counts:
    """Object name -> a number that `each` allows."""

    each: Rule = dataclasses.field(default_factory=Whole)

    def check(self, name: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"{name}: {value!r} is not a mapping of object names to numbers")
        for key, count in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{name}: {key!r} is not an object name")
            self.each.check(f"{name}.{key}", count)


@dataclass(frozen=True)
class AgentCounts:
    """A number of agents, or numbers by group."""

    def check(self, name: str, value: Any) -> None:
        rule = Counts() if isinstance(value, Mapping) else Whole()
        rule.check(name, value)


@dataclass(frozen=True)
class Table:
    """Numbers by name, of some of the names; with `some`, one of them has to be above 0."""

    names: tuple[str, ...]
    each: Rule
    some: bool = False

    def check(self, name: str, value: Any) -> None:
        Counts(self.each).check(name, value)
        for key in value:
            OneOf(self.names).check(name, key)
        if self.some and not any(value.values()):
            raise ValueError(f"{name}: {dict(value)} has no number above 0")


def _possible(value: Any) -> tuple[Any, ...]:
    return value.values() if isinstance(value, Sampled) else (value,)


def _check_range(name: str, number: float, least: float, most: float | None) -> None:
    if number < least or (most is not None and number > most):
        if most is not None:
            raise ValueError(f"{name}: {number} is not in {least}..{most}")
        raise ValueError(f"{name}: {number} is negative" if least == 0 else f"{name}: {number} is not at least {least}")


def _stored(name: str, value: Any) -> Any:
    """A value as a frozen dataclass keeps it."""
    try:
        value = as_sampled(value)
        if isinstance(value, Mapping) and not isinstance(value, FrozenDict):
            return FrozenDict({key: as_sampled(item) for key, item in value.items()})
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if isinstance(value, list):
        return tuple(_stored(name, item) for item in value)
    if isinstance(value, tuple) and any(isinstance(item, list) for item in value):
        return tuple(_stored(name, item) for item in value)
    return value
