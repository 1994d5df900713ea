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


def pages() -> list[str]:
    """README.md and every page of docs, but for what is generated."""
    generated = {"reference", "worlds"}
    found = [path.relative_to(ROOT) for path in sorted((ROOT / "docs").rglob("*.md"))]
    return [TOUR, *(path.as_posix() for path in found if path.parts[1] not in generated)]


def snippets(page: str) -> list[tuple[int, str]]:
    """(first line, text) of every Python block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(1)), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def run(page: str, namespace: dict[str, Any], blocks: list[tuple[int, str]] | None = None) -> str:
    """Runs the blocks of a page one after another in one namespace, and returns what they print."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        for line, text in snippets(page) if blocks is None else blocks:
            # Line numbers in a traceback are those of the page.
            exec(compile("\n" * line + text, page, "exec"), namespace)
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
