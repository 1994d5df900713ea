"""Maps drawn by hand, kept as text files next to this one."""

from __future__ import annotations

from importlib import resources

from metta_jax.mapgen import AsciiRoom, from_text, symbol_of

_CONTENT = frozenset("mrbgnRBGa_oSLFT")


def drawn_text(name: str) -> str:
    """The drawn map `maps/<name>.map`, lines of symbols (`metta_jax.mapgen.ascii`); no border is drawn around it."""
    folder = resources.files("metta_jax.worlds") / "maps"
    return folder.joinpath(f"{name}.map").read_text(encoding="utf-8")


def drawn_map(name: str, border_width: int, contents: tuple[str, ...] | None = None) -> AsciiRoom:
    """A drawn map with a border.

    Args:
      name: file name without its ending.
      border_width: walls around it.
      contents: object names that take the places of the map's converters, in reading order, again from the start when
        they are used up; None: as drawn.
    """
    text = drawn_text(name)
    return AsciiRoom(text if contents is None else _refilled(text, contents), border_width=border_width)


def num_agents_on(builder: AsciiRoom) -> int:
    """How many agents a drawn map has."""
    return sum(name.startswith("agent") for name in from_text(builder.text).ravel())


def _refilled(text: str, contents: tuple[str, ...]) -> str:
    symbols = [symbol_of(name) for name in contents]
    filled = []
    places = 0
    for symbol in text:
        if symbol in _CONTENT:
            filled.append(symbols[places % len(symbols)])
            places += 1
        else:
            filled.append(symbol)
    return "".join(filled)
