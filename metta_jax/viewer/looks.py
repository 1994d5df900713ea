"""Which picture and which color an object has; the same for the page and for images.

Colors are `#rrggbb` or `#rrggbbaa`. The tables are in page/sprites.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple


class Look(NamedTuple):
    """A sprite of `sprites.json` and the color that it is tinted with."""

    sprite: str
    color: str


def look_of(type_name: str) -> Look:
    """The look of an object type; an unknown name gets a sign of a color of its own."""
    return _find("objects", type_name) or Look("unknown", color_of_name(type_name))


def look_of_item(name: str) -> Look:
    """The look of an item."""
    return _find("items", name) or Look("item", color_of_name(name))


def color_of_group(group: int) -> str:
    """The color of the agents of a group id."""
    colors = sprite_table()["groups"]
    return colors[max(group, 0) % len(colors)]


def color_of_name(name: str) -> str:
    """A stable color for any name."""
    code = 7
    for byte in name.encode(errors="replace"):
        code = (code * 31 + byte) % 65521
    return color_of_group(code)


@cache
def sprite_table() -> Mapping[str, Any]:
    """The content of sprites.json: colors, groups, tints, objects, items, sprites."""
    return json.loads((resources.files("metta_jax.viewer") / "page" / "sprites.json").read_text(encoding="utf-8"))


def _find(kind: str, name: str) -> Look | None:
    table, tints = sprite_table()[kind], sprite_table()["tints"]
    if name in table:
        sprite, tint = table[name]
        return Look(sprite, tints[tint])
    base, *rest = re.split(r"[_.]", name)
    if base not in table:
        return None
    sprite, tint = table[base]
    return Look(sprite, tints.get(rest[0] if rest else "", tints[tint]))
