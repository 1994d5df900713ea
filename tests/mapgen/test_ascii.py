"""Maps as text."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.mapgen import SYMBOLS, AsciiRoom, from_text, name_of, read_map, symbol_of, to_text
from metta_jax.mapgen.stored import from_stored_text


def test_every_symbol_is_read_and_the_first_is_written() -> None:
    for name, symbols in SYMBOLS.items():
        assert [name_of(symbol) for symbol in symbols] == [name] * len(symbols)
        assert symbol_of(name) == symbols[0]


def test_no_symbol_means_two_things() -> None:
    symbols = "".join(SYMBOLS.values())
    assert len(set(symbols)) == len(symbols)


def test_text_round_trip() -> None:
    text = "#####\n#@m_#\n#1.n#\n#####"
    grid = from_text(text)
    assert grid.shape == (4, 5)
    assert grid[1, 1] == "agent.agent"
    assert grid[2, 1] == "agent.team_1"
    assert grid[2, 2] == "empty"
    assert to_text(grid) == text


def test_second_symbols_are_rewritten() -> None:
    assert to_text(from_text("WA a\nWrRW")) == "#@._\n#mn#"


def test_blanks_around_the_text_and_its_lines_are_ignored_but_blanks_inside_are_cells() -> None:
    drawn = from_text("#@ #\n#. #")
    assert (drawn[:, 2] == "empty").all()
    for text in ("\n#@ #\n#. #\n", "    #@ #\n\t#. #", "#@ #   \n#. #\r\n", "\n  \n    #@ #\n    #. #\n    "):
        np.testing.assert_array_equal(from_text(text), drawn)
        np.testing.assert_array_equal(AsciiRoom(text).build(np.random.default_rng(0)).grid, drawn)
        np.testing.assert_array_equal(from_stored_text(text).game_map.grid, drawn)


def test_a_blank_at_the_edge_is_no_cell() -> None:
    with pytest.raises(ValueError, match="map: line 2 has 1 cells, but line 1 has 3"):
        from_text("###\n # \n###")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("##\n#?", r"^Unknown character: \? \(line 2\)$"),
        ("###\n##", r"^map: line 2 has 2 cells, but line 1 has 3$"),
        ("\n", r"^map: the text is empty$"),
    ],
)
def test_bad_text_names_the_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_text(text)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="^Unknown object type: castle$"):
        to_text([["castle"]])


def test_map_files(tmp_path) -> None:
    path = tmp_path / "room.map"
    path.write_text("#@#\n", encoding="utf-8")
    np.testing.assert_array_equal(read_map(path), [["wall", "agent.agent", "wall"]])
    path.write_text("#@?\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"room\.map: Unknown character"):
        read_map(path)
