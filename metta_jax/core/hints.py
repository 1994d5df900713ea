"""Hints for errors about names that do not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` with the nearest of the known names, nothing if none is near."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def hint(name: object, known: Iterable[str]) -> str:
    """Return the suggestion, or `; there are a, b, c` where no known name is near."""
    known = list(known)
    return suggestion(name, known) or f"; there are {listing(known)}"


def near_misses(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x' or 'y'?` with the names that a typo turns into this one.

    Without any, the one name that looks most like it; nothing if none does.
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, cutoff=0.8) or difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def listing(names: Iterable[str], most: int = 24) -> str:
    """Return `a, b, c`, of a long list only the first names and how many more there are, of an empty one `none`."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more or "none"
