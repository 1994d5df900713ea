"""The Python of a page, run as it stands."""

from __future__ import annotations

import contextlib
import functools
import io
import re
from pathlib import Path
from typing import Any

import jax

ROOT = Path(__file__).resolve().parents[2]

# Every page may use what the tour of README.md has made: its environment, agent, bundle and state. So a page shows only
# its own subject, and all pages share the programs that the tour has compiled.
TOUR = "README.md"

# What takes minutes of a reader's time, and what the test runs instead.
SHORTER = {
    "docs/tutorial.md": {"MINUTES = 3": "MINUTES = 0", "num_envs=64": "num_envs=4", "size=16_384": "size=1024"},
}


def pages() -> list[str]:
    """README.md and every page of docs, but for what is generated."""
    generated = {"reference", "worlds"}
    found = [path.relative_to(ROOT) for path in sorted((ROOT / "docs").rglob("*.md"))]
    return [TOUR, *(path.as_posix() for path in found if path.parts[1] not in generated)]


def snippets(page: str) -> list[tuple[int, str]]:
    """(first line, text) of every Python block, with what makes a page shorter."""
    blocks = _blocks(page, "python")
    for long, short in SHORTER.get(page, {}).items():
        assert any(long in text for _, text in blocks), f"{page}: {long!r} is not there any more"
        blocks = [(line, text.replace(long, short)) for line, text in blocks]
    return blocks


def diffs(page: str) -> list[str]:
    """The text of every diff."""
    return [text for _, text in _blocks(page, "diff")]


def quotes(page: str) -> list[str]:
    """The text of every block marked `py`: lines of an example, not run by themselves."""
    return [text for _, text in _blocks(page, "py")]


def _blocks(page: str, language: str) -> list[tuple[int, str]]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(1)), match[1])
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def run(page: str, namespace: dict[str, Any], blocks: list[tuple[int, str]] | None = None) -> str:
    """Runs the blocks of a page one after another in one namespace, and returns what they print."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        for line, text in snippets(page) if blocks is None else blocks:
            # Line numbers in a traceback are those of the page.
            exec(compile("\n" * line + text, page, "exec", dont_inherit=True), namespace)
    return output.getvalue()


@functools.cache
def tour() -> tuple[dict[str, Any], str]:
    """What the first block of README.md makes, and what it prints."""
    namespace: dict[str, Any] = {}
    printed = run(TOUR, namespace, snippets(TOUR)[:1])
    return namespace, printed


def after_the_tour() -> dict[str, Any]:
    """A namespace for one page; its state is a copy, because a page may donate it."""
    namespace = dict(tour()[0])
    copied = jax.tree.map(lambda leaf: leaf.copy(), {name: namespace[name] for name in ("state", "batch")})
    return namespace | copied
