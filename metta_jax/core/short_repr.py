"""Short reprs for objects that hold many arrays."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

_WIDTH = 100
_LINES = 3


def node_repr(node: Any) -> str:
    """`Name(field=dtype[shape], part=Name, ...)` in at most three lines. Reads nothing from a device."""
    parts = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if value is not None:
            parts.append(f"{field.name}={_short(value)}")
    return wrapped(f"{type(node).__name__}({', '.join(parts)})")


def wrapped(text: str) -> str:
    """The text in lines of at most 100 characters, cut after the third."""
    lines = textwrap.wrap(
        text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False, max_lines=_LINES, placeholder=" ...)"
    )
    return "\n".join(lines)


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)}".replace(" ", "")  # one word: no line breaks inside
    return type(value).__name__
