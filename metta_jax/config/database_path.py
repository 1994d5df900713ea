"""Which paths are safe to pass to DuckDB. Nothing here touches the disk."""

from __future__ import annotations

import os


def database_path(name: str, path: str | os.PathLike[str]) -> str:
    """The absolute path of a database.

    Raises:
      ValueError: names `name` and what DuckDB would misread: it takes anything after a question mark for options, and
        writes its log elsewhere; it reads a backslash as a slash; and it accepts only UTF-8.
    """
    text = os.path.abspath(path)
    if "\\" in text and os.sep != "\\":
        raise ValueError(f"{name}: {text!r} has a backslash, which DuckDB takes for a slash")
    if "?" in text:
        raise ValueError(f"{name}: {text!r} has a question mark, which DuckDB takes for the start of options")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: {text!r} is not UTF-8, which DuckDB needs") from None
    return text
