"""Whole numbers passed as arguments rather than as fields of a configuration."""

from __future__ import annotations

import operator
from typing import Any


def whole_number(name: str, value: Any, at_least: int, allowed: str = "") -> int:
    """The value as an int; NumPy integers are accepted.

    Args:
      allowed: what errors say instead of "an integer" and "at least ...".

    Raises:
      ValueError: it is not an integer (bools, strings and floats are not), or it is too small.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ValueError(f"{name}: {value!r} is not {allowed or 'an integer'}")
    if number < at_least:
        raise ValueError(f"{name}: {number} is not {allowed or f'at least {at_least}'}")
    return number


def whole_numbers(at_least: int, **values: Any) -> dict[str, int | None]:
    """Apply `whole_number` to every argument; None stays None."""
    return {name: None if value is None else whole_number(name, value, at_least) for name, value in values.items()}
