"""What is known about a policy apart from its network: a mapping with four fields that are always there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

REQUIRED_FIELDS: dict[str, int | float] = {"agent_step": 0, "epoch": 0, "generation": 0, "train_time": 0.0}
_MAX_DEPTH = 32


class PolicyMetadata(dict[str, Any]):
    """A dictionary whose items are attributes too.

    agent_step, epoch, generation (int, 0 if not given) and train_time (seconds, 0.0) cannot be removed; anything else
    that JSON can hold may be added to them: `PolicyMetadata(epoch=3, score=0.9).score`.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        super().__init__({**REQUIRED_FIELDS, **(values or {}), **fields})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PolicyMetadata:
        """Metadata from a complete mapping; ValueError "Missing required fields: {...}" for an incomplete one."""
        missing = sorted(set(REQUIRED_FIELDS) - set(values))
        if missing:
            raise ValueError(f"Missing required fields: {{{', '.join(map(repr, missing))}}}")
        return cls(values)

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary with the same items."""
        return dict(self)

    def copy(self) -> PolicyMetadata:
        """A copy of the same class."""
        return PolicyMetadata(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the policy's metadata has no field {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"the policy's metadata has no field {name!r}")
        del self[name]

    def __delitem__(self, name: str) -> None:
        if name in REQUIRED_FIELDS:
            raise ValueError(f"Cannot delete required field: {name}")
        super().__delitem__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """As of a dict; ValueError for a required field."""
        if name in REQUIRED_FIELDS:
            raise ValueError(f"Cannot pop required field: {name}")
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """Remove the last item that is not required; KeyError if there is none."""
        for name in reversed(list(self)):
            if name not in REQUIRED_FIELDS:
                return name, super().pop(name)
        raise KeyError("popitem(): only required fields are left")

    def clear(self) -> None:
        """Back to the four fields with their defaults."""
        super().clear()
        self.update(REQUIRED_FIELDS)

    def __repr__(self) -> str:
        return f"PolicyMetadata({super().__repr__()})"


def check_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata as `plain_json`. ValueError names a value that cannot be, or a required one that is out of range."""
    plain = plain_json(values, "metadata")
    for name, default in REQUIRED_FIELDS.items():
        value = plain.get(name)
        kinds = (int,) if isinstance(default, int) else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < 2**64:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise ValueError(f"metadata.{name}: {values.get(name)!r} is not {kind} of at least 0")
    return plain


def plain_json(value: Any, path: str) -> Any:
    """A value as plain JSON values; `path` is its name in errors.

    NumPy and JAX numbers and arrays become numbers and lists, tuples become lists; NaN and infinities, which JSON does
    not have, become null. ValueError names a value that has no such form.
    """
    return _plain(value, path, 0)


def _plain(value: Any, path: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"{path}: nested deeper than {_MAX_DEPTH} levels")
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        if abs(value) >= 2**64:
            raise ValueError(f"{path}: {str(value)[:20]}... is beyond 64 bits")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        items = ((key, item) for key, item in value.items() if _is_name(key, path))
        return {key: _plain(item, f"{path}.{key}", depth + 1) for key, item in items}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _plain(np.asarray(value).tolist(), path, depth)
    raise ValueError(f"{path}: a value of type {type(value).__name__} cannot be stored as JSON")


def _is_name(key: Any, path: str) -> bool:
    if not isinstance(key, str):
        raise ValueError(f"{path}: the key {key!r} is not text")
    return True
