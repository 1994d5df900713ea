"""Maps as text: one symbol a cell, one line a row.

The first symbol of a name is the one that is written; every symbol is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metta_jax.mapgen.game_map import AGENT_PREFIX, EMPTY, Grid, as_grid

SYMBOLS: dict[str, str] = {
    "agent.agent": "@A",
    "agent.team_1": "1",
    "agent.team_2": "2",
    "agent.team_3": "3",
    "agent.team_4": "4",
    "agent.prey": "p",
    "agent.predator": "P",
    "wall": "#W",
    EMPTY: ". ",
    "block": "s",
    "converter": "c",
    "mine_red": "mr",
    "mine_blue": "b",
    "mine_green": "g",
    "generator_red": "nR",
    "generator_blue": "B",
    "generator_green": "G",
    "altar": "_a",
    "armory": "o",
    "lasery": "S",
    "lab": "L",
    "factory": "F",
    "temple": "T",
}
"""Object name -> its symbols."""

_ENDINGS = (".map", ".txt", ".ascii", ".yaml", ".yml", ".json")
_PATH_HINT = "; read_map(path) reads a file"
_NAME_OF_SYMBOL = {symbol: name for name, symbols in SYMBOLS.items() for symbol in symbols}


def symbol_of(name: str) -> str:
    """The symbol that is written for an object name.

    Raises:
      ValueError: `Unknown object type: <name>`.
    """
    # Configurations call the agents of the only group `agent.agent`; a bare `agent` means the same.
    symbols = SYMBOLS.get(f"{AGENT_PREFIX}agent" if name == "agent" else name)
    if symbols is None:
        raise ValueError(f"Unknown object type: {name}")
    return symbols[0]


def name_of(symbol: str) -> str:
    """The object name that a symbol stands for.

    Raises:
      ValueError: `Unknown character: <symbol>`.
    """
    name = _NAME_OF_SYMBOL.get(symbol)
    if name is None:
        raise ValueError(f"Unknown character: {symbol}")
    return name


def to_text(grid: Grid | Sequence[Sequence[str]]) -> str:
    """Write a map, rows of object names, as lines of symbols without a final newline."""
    return "\n".join("".join(symbol_of(name) for name in row) for row in grid)


def from_text(text: str) -> Grid:
    """Read a map from lines of symbols.

    Blank lines at the very start and end and blanks around a line are ignored, so that a map can stand in an indented
    triple-quoted string; other blanks are empty cells. At the edge of a map an empty cell is a dot.

    Returns:
      str [height, width], object names.

    Raises:
      ValueError: a line has another length than the first one, or holds an unknown character. Names the line.
    """
    if not isinstance(text, str):
        raise ValueError(f"map: {text!r} is not text{_PATH_HINT if isinstance(text, Path) else ''}")
    if is_path(text):
        raise ValueError(f"map: {text!r} is a path, not a map{_PATH_HINT}")
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines:
        raise ValueError("map: the text is empty")
    width = len(lines[0])
    rows = []
    for number, line in enumerate(lines, start=1):
        if len(line) != width:
            raise ValueError(f"map: line {number} has {len(line)} cells, but line 1 has {width}")
        try:
            rows.append([name_of(symbol) for symbol in line])
        except ValueError as error:
            raise ValueError(f"{error} (line {number})") from None
    return as_grid(rows)


def is_path(text: str) -> bool:
    """Whether the text given for a map looks like a path: a single line with a file ending."""
    return "\n" not in text and text.lower().endswith(_ENDINGS)


def read_uri(uri: str) -> str:
    """The text of the map in a file that a builder names. Raises a ValueError that names its field `uri`."""
    try:
        return to_text(read_map(uri))
    except ValueError as error:
        raise ValueError(f"uri: {error}") from None


def read_map(path: str | Path) -> Grid:
    """Read a map from a UTF-8 text file; errors name the file."""
    if isinstance(path, str) and "\n" in path:
        raise ValueError("map: is a map, not the path of one; from_text(text) reads it")
    try:
        return from_text(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
