"""Files to which whole lines are appended, by one run after the other."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

_BLOCK = 4096


def open_for_append(path: Path) -> IO[str]:
    """Open a UTF-8 file behind its last whole line; make it and its directories if they are not there.

    A run that was killed may have left half a line: the next record must not become its other half.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        with path.open("r+b") as file:
            file.truncate(_end_of_last_line(file))
    return path.open("a", encoding="utf-8", newline="")


def keep_lines(path: Path, is_kept: Callable[[bytes], bool]) -> None:
    """Delete the other lines; a crash leaves the old file or the new one. A missing file is left alone."""
    if not path.exists():
        return
    with path.open("rb") as old:
        if all(map(is_kept, old)):
            return
    with replacing(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        new.writelines(filter(is_kept, old))


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A file to write within the block, which then replaces `path`; a crash leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    yield temporary
    os.replace(temporary, path)


def _end_of_last_line(file: IO[bytes]) -> int:
    """The number of bytes up to and with the last newline; 0 if there is none."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(position - _BLOCK, 0)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
