"""Checks of single options against their annotations."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any


def check_option(path: str, value: Any, annotation: Any) -> Any:
    """Return `value` in the form of an option's annotation (lists become tuples), or raise ValueError with its path.

    Understands bool, int, float, str, None, unions of them and tuples. An int is fine for a float, a bool is no int.
    """
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            try:
                return check_option(path, value, member)
            except ValueError:
                continue
    elif origin is tuple:
        members = typing.get_args(annotation)
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(members):
            return tuple(check_option(path, entry, member) for entry, member in zip(value, members, strict=True))
    elif annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, annotation) and (annotation is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"{path}: {value!r} is not {_describe(annotation)}")


def _describe(annotation: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}
    if annotation in names:
        return names[annotation]
    members = [_describe(member) for member in typing.get_args(annotation)]
    if typing.get_origin(annotation) is tuple:
        return f"a list of {len(members)} numbers"
    return " or ".join(members)
