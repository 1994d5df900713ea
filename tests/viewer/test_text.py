"""The grid as letters and as emoji, and the terminal that shows it."""

from __future__ import annotations

import io
from typing import Any

from metta_jax.viewer import TerminalScreen, human, miniscope

MAP = """
wall     wall       wall       wall   wall
wall     agent      mine_red   -      wall
wall     altar      odd        block  wall
wall     wall       wall       wall   wall
"""


def test_letters() -> None:
    assert human(_objects()) == "#####\n#0m.#\n#_?s#\n#####"


def test_every_symbol() -> None:
    names = ["mine_blue", "mine_green", "generator_red", "generator_blue", "generator_green", "armory", "lasery"]
    names += ["lab", "factory", "temple", "converter"]
    row = [{"type_name": name, "r": 0, "c": i} for i, name in enumerate(names)]
    assert human(row) == "bgnBGoSLFTc"


def test_agents_are_digits_then_letters() -> None:
    row = [{"type_name": "agent", "agent_id": i, "r": 5, "c": i + 2} for i in range(38)]
    assert human(row) == "0123456789abcdefghijklmnopqrstuvwxyz@@"


def test_bounds_are_those_of_the_walls() -> None:
    walls = [{"type_name": "wall", "r": 3, "c": 4}, {"type_name": "wall", "r": 4, "c": 6}]
    assert human([*walls, {"type_name": "altar", "r": 4, "c": 4}, {"type_name": "altar", "r": 9, "c": 9}]) == "#..\n_.#"
    assert human([{"type_name": "altar", "r": 4, "c": 4}, {"type_name": "block", "r": 5, "c": 6}]) == "_..\n..s"
    assert human([]) == "."


def test_emoji() -> None:
    lines = miniscope(_objects(), 12).splitlines()
    assert lines == [
        "🎮 Metta AI Miniscope - Step: 12 🎮",
        "══════════",
        "🧱🧱🧱🧱🧱",
        "🧱🟦🔺⬜🧱",
        "🧱🎯❓📦🧱",
        "🧱🧱🧱🧱🧱",
        "══════════",
    ]
    names = ["mine_red", "mine_blue", "mine_green", "generator_red", "generator_blue", "generator_green"]
    names += ["lasery", "factory", "lab", "temple"]
    row = [{"type_name": name, "r": 0, "c": i} for i, name in enumerate(names)]
    assert miniscope(row, 0).splitlines()[2] == "🔺🔷💚🔋🔌🌿🔫🏭🔬🏛️"


def test_teams_are_circles_and_agents_squares() -> None:
    teams = [{"type_name": "agent", "agent_id": i, "group_name": f"team_{i + 1}", "r": 0, "c": i} for i in range(4)]
    assert miniscope(teams, 0).splitlines()[2] == "🔵🔴🟢🟡"
    agents = [{"type_name": "agent", "agent_id": i, "group_name": "agent", "r": 0, "c": i} for i in range(11)]
    signs = miniscope(agents, 0).splitlines()[2]
    assert len(signs) == 11
    assert len(set(signs)) == 11


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_drawn_in_place() -> None:
    stream = Terminal()
    with TerminalScreen(stream) as screen:
        screen.show("ab\ncd")
        drawn = stream.getvalue()
        assert drawn.startswith("\x1b[?25l\x1b[2J")
        assert "ab" in drawn
        assert "cd" in drawn
        screen.show("ab\ncd")
        assert stream.getvalue() == drawn  # nothing changed, nothing is drawn
        screen.show("x")
        assert stream.getvalue() == drawn + "\x1b[Hx\x1b[K\n\x1b[J"
    assert stream.getvalue().endswith("\x1b[?25h")


def test_the_cursor_comes_back_after_an_error() -> None:
    stream = Terminal()
    try:
        with TerminalScreen(stream):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert stream.getvalue().endswith("\x1b[?25h")


def test_a_file_gets_plain_text() -> None:
    stream = io.StringIO()
    with TerminalScreen(stream) as screen:
        screen.show("ab")
        screen.show("cd")
    assert stream.getvalue() == "ab\ncd\n"


def _objects() -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = []
    for row, line in enumerate(MAP.strip().splitlines()):
        for column, name in enumerate(line.split()):
            if name != "-":
                objects.append({"type_name": name, "r": row, "c": column})
            if name == "agent":
                objects[-1] |= {"agent_id": 0, "group_name": "agent"}
    return objects
