"""Comparing objects of other people's classes with what is expected of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jax.numpy as jnp

from metta_jax.mettagrid.arguments import kind_of

Expected = tuple[tuple[int, ...], Any]  # shape, dtype


def check_attributes(what: str, value: object, contract: type, *, needed: Collection[str]) -> None:
    """Raise ValueError unless `value` has every public attribute of a contract.

    Args:
      what: begins the message.
      contract: a Protocol; its attributes with a value and its methods are optional for classes that inherit from it.
      needed: methods that are not, since they only raise or return nothing there.
    """
    if isinstance(value, type):
        raise ValueError(f"{what}: {kind_of(value)} is given, an instance is needed: {value.__name__}(...)")
    if isinstance(value, str):
        raise ValueError(f"{what}: {value!r} is text, a {contract.__name__} is needed")
    names = (*contract.__annotations__, *(name for name in vars(contract) if not name.startswith("_")))
    for name in dict.fromkeys(names):
        if not hasattr(value, name):
            is_optional = hasattr(contract, name) and name not in needed
            place = f"{contract.__module__.rpartition('.')[0]}.{contract.__name__}"
            hint = f"inherit from {place} for a default" if is_optional else "it is needed"
            raise ValueError(f"{what}: {type(value).__name__} has no attribute {name!r}; {hint}")


def check_arrays(what: str, value: Any, expected: Mapping[str, Expected]) -> None:
    """Raise ValueError unless the attributes of `value` (dots for attributes of attributes) are such arrays."""
    for name, (shape, dtype) in expected.items():
        found = value
        for part in name.split("."):
            if not hasattr(found, part):
                raise ValueError(f"{what}: {type(found).__name__} has no attribute {part!r}")
            found = getattr(found, part)
        wanted = f"{jnp.dtype(dtype).name}{list(shape)}"
        if not hasattr(found, "shape") or not hasattr(found, "dtype"):
            raise ValueError(f"{what}: {name} is a {type(found).__name__}, expected {wanted}")
        if tuple(found.shape) != shape or found.dtype != dtype:
            raise ValueError(f"{what}: {name} is {found.dtype}{list(found.shape)}, expected {wanted}")
