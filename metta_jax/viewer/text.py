"""The grid as text: one letter, or one emoji, a cell."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from metta_jax.mapgen.ascii import symbol_of
from metta_jax.viewer.state_objects import is_agent

UNKNOWN = "?"
UNKNOWN_EMOJI = "❓"
EMPTY_EMOJI = "⬜"
AGENT_LETTERS = string.digits + string.ascii_lowercase
MORE_AGENTS = "@"  # agents that no letter is left for

AGENT_EMOJI = "🟦🟧🟩🟨🟪🟥🟫⬛🔳🔲"
MORE_AGENTS_EMOJI = "🤖"
GROUP_EMOJI = {
    "team_1": "🔵", "team_2": "🔴", "team_3": "🟢", "team_4": "🟡", "prey": "🟣", "predator": "🟠",
}  # fmt: skip
EMOJI = {
    "wall": "🧱",
    "block": "📦",
    "altar": "🎯",
    "mine_red": "🔺",
    "mine_blue": "🔷",
    "mine_green": "💚",
    "generator_red": "🔋",
    "generator_blue": "🔌",
    "generator_green": "🌿",
    "armory": "🔰",
    "lasery": "🔫",
    "lab": "🔬",
    "factory": "🏭",
    "temple": "🏛️",
    "converter": "🔄",
}


def human(
    objects: Iterable[Mapping[str, Any]],
    *,
    around: tuple[int, int] | None = None,
    most: tuple[int, int] | None = None,
) -> str:
    """Draw objects with one letter a cell and one line a row.

    Agents are 0 to 9, then a to z, by their index; other objects have their map symbol, unknown ones `?`; empty cells
    are dots. What is shown reaches as far as the walls do; without walls, as far as the objects.

    Args:
      objects: with `type_name`, `r`, `c`, agents with `agent_id`.
      around: row and column that stay in view if not everything fits, in the middle if possible; None: the corner.
      most: how many lines and letters fit; None: any number.
    """
    things = list(objects)
    lines = _draw(things, ".", _letter).splitlines()
    if most is None:
        return "\n".join(lines)
    top, left, height, width = _bounds(things)
    row, column = around or (top, left)
    first_row, first_column = _first(row - top, most[0], height), _first(column - left, most[1], width)
    shown = lines[first_row : first_row + max(most[0], 1)]
    return "\n".join(line[first_column : first_column + max(most[1], 1)] for line in shown)


def miniscope(objects: Iterable[Mapping[str, Any]], step: int) -> str:
    """Draw objects with one emoji, two columns wide, a cell, under a header and between two lines.

    Agents 0 to 9 are colored squares; those of teams are circles of the team's color.

    Args:
      objects: with `type_name`, `r`, `c`, agents with `agent_id` and `group_name`.
      step: for the header.
    """
    things = list(objects)
    picture = _draw(things, EMPTY_EMOJI, _emoji)
    line = "═" * (2 * _bounds(things)[3])
    return f"🎮 Metta AI Miniscope - Step: {step} 🎮\n{line}\n{picture}\n{line}"


def _draw(objects: Iterable[Mapping[str, Any]], empty: str, sign_fn: Callable[[Mapping[str, Any]], str]) -> str:
    things = list(objects)
    top, left, height, width = _bounds(things)
    rows = [[empty] * width for _ in range(height)]
    for thing in sorted(things, key=is_agent):
        row, column = int(thing["r"]) - top, int(thing["c"]) - left
        if 0 <= row < height and 0 <= column < width:
            rows[row][column] = sign_fn(thing)
    return "\n".join("".join(row) for row in rows)


def _first(middle: int, most: int, size: int) -> int:
    """The first of `most` places of `size` that have `middle` in their middle, as far as the ends let them."""
    return min(max(middle - most // 2, 0), max(size - most, 0))


def _bounds(things: list[Mapping[str, Any]]) -> tuple[int, int, int, int]:
    """First row, first column, height, width."""
    seen = [thing for thing in things if thing["type_name"] == "wall"] or things
    if not seen:
        return 0, 0, 1, 1
    rows, columns = [int(thing["r"]) for thing in seen], [int(thing["c"]) for thing in seen]
    return min(rows), min(columns), max(rows) - min(rows) + 1, max(columns) - min(columns) + 1


def _letter(thing: Mapping[str, Any]) -> str:
    if is_agent(thing):
        index = int(thing.get("agent_id", 0))
        return AGENT_LETTERS[index] if 0 <= index < len(AGENT_LETTERS) else MORE_AGENTS
    try:
        return symbol_of(str(thing["type_name"]))
    except ValueError:
        return UNKNOWN


def _emoji(thing: Mapping[str, Any]) -> str:
    if not is_agent(thing):
        return EMOJI.get(str(thing["type_name"]), UNKNOWN_EMOJI)
    group = GROUP_EMOJI.get(str(thing.get("group_name", "")))
    index = int(thing.get("agent_id", 0))
    return group or (AGENT_EMOJI[index] if 0 <= index < len(AGENT_EMOJI) else MORE_AGENTS_EMOJI)
