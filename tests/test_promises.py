"""tests/promises.md is complete, and the tests that it names are there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
COUNT = 172
LEFT_OUT = {151, 153}
# Promises that the original broke.
BROKEN = {7, 12, 15, 20, 22, 23, 25, 29, 37, 38, 39, 41, 43, 50, 62, 63, 86, 90, 91, 92, 94, 95, 98, 107, 112, 114}
BROKEN |= {115, 121, 123, 125, 138, 159}

ROWS = re.findall(r"^\| (\**)(\d+)\** \| (.+) \| (.+) \|$", (TESTS / "promises.md").read_text("utf-8"), re.MULTILINE)


def test_no_number_is_missing() -> None:
    assert [int(number) for _, number, _, _ in ROWS] == list(range(1, COUNT + 1))


def test_what_the_original_broke_is_marked() -> None:
    assert {int(number) for mark, number, _, _ in ROWS if mark} == BROKEN


def test_what_is_left_out_was_decided() -> None:
    assert {int(number) for _, number, _, held in ROWS if held.startswith("left out, by decision: ")} == LEFT_OUT


@pytest.mark.parametrize(("number", "held"), [(number, held) for _, number, _, held in ROWS])
def test_every_promise_is_held(number: str, held: str) -> None:
    if int(number) in LEFT_OUT:
        return
    named = re.findall(r"`([^`]+)`", held)
    assert named
    assert ", ".join(f"`{name}`" for name in named) == held, "tests only"
    for name in named:
        path, _, test = name.partition("::")
        assert test in _tests_of(path), f"{number}: {name}"


@functools.cache
def _tests_of(path: str) -> frozenset[str]:
    """The names of the tests in a file, `TestClass::test` for those in classes."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    names = set()
    for node in tree.body:
        inner = [(f"{node.name}::", part) for part in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
        names |= {prefix + part.name for prefix, part in inner if isinstance(part, ast.FunctionDef)}
    return frozenset(name for name in names if name.rpartition("::")[2].startswith("test_"))
