"""Where a checkpoint may be written, and how to pass Orbax a path that it would misread."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# Orbax finds its parts with globs, takes some names for URLs, and passes others to a library that requires UTF-8.
_PLAIN = re.compile(r"[A-Za-z0-9/._+,=@~ -]*")
_LONGEST_PLAIN = 2000  # bytes of a path; Orbax adds names of its own
_LONGEST_NAME = 255  # bytes, in nearly all file systems
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

UNFINISHED = re.compile(
    r"^\..+\.(?P<host>[A-Za-z0-9_]+)-(?P<pid>[0-9]+)-[0-9a-f]{8}\.(?P<stage>locking|new)$", re.DOTALL
)
REPLACED = re.compile(r"^\.(?P<name>.+)\.old$", re.DOTALL)
DELETED = re.compile(r"^\..+\.[0-9a-f]{8}\.deleted$", re.DOTALL)
_CHANGED_DOCUMENT = re.compile(r"^\.(policy|trainer|leaves)\.json\.[0-9a-f]{8}\.new$")

_DOCUMENTS = frozenset({"policy.json", "trainer.json", "leaves.json"})
_PARTS = _DOCUMENTS | {"params", "state", "arrays"}


def aside(target: Path) -> Path:
    """The name of the old content while it is being replaced."""
    return target.with_name(f".{target.name}.old")


def hidden_name(name: str, ending: str) -> str:
    """`.<name><ending>`, with as much of the name as fits."""
    while name and len(os.fsencode(f".{name}{ending}")) > _LONGEST_NAME:
        name = name[:-1]
    return f".{name}{ending}"


def check_place(target: Path) -> None:
    """Raise ValueError unless a checkpoint may be written to `target`, in place of what is there.

    Allowed are a path that does not exist, an empty directory, a checkpoint (even if damaged), and a link, which is
    replaced itself.
    """
    name = target.name
    if name in ("", "..") or "\0" in str(target):
        raise ValueError(f"{str(target)!r} cannot be the directory of a checkpoint")
    if any(pattern.match(name) for pattern in (UNFINISHED, REPLACED, DELETED)):
        raise ValueError(f"{str(target)!r} cannot be the directory of a checkpoint: names of this form are reserved")
    longest = _LONGEST_NAME - len("..old")
    size = len(os.fsencode(name))
    if size > longest:
        raise ValueError(
            f"{name[:20]!r}...: the name of a checkpoint's directory has {size} bytes, more than {longest}"
        )
    for path in (target, aside(target)):
        if os.path.lexists(path) and not path.is_symlink() and not is_replaceable(path):
            raise ValueError(f"{path}: exists and is not a checkpoint; it will not be replaced")


def is_replaceable(path: Path) -> bool:
    """Whether this directory can be deleted without loss: a checkpoint, the remains of one, or empty."""
    if path.is_symlink() or not path.is_dir():
        return False
    names = {entry.name for entry in path.iterdir()}
    return bool(names & _DOCUMENTS) or all(name in _PARTS or _CHANGED_DOCUMENT.match(name) for name in names)


@contextmanager
def plain_name(directory: Path) -> Generator[str]:
    """`directory`, which need not exist, as a path of plain characters: if necessary through a link to its parent.

    Raises OSError if such a link cannot be made.
    """
    text = str(directory)
    if _PLAIN.fullmatch(text) and len(text) <= _LONGEST_PLAIN:
        yield text
        return
    if not _PLAIN.fullmatch(directory.name):
        raise ValueError(f"{directory.name!r}: is not a plain name")
    with tempfile.TemporaryDirectory(prefix="metta_jax-", dir=_temporary_folder()) as folder:
        link = Path(folder, "parent")
        link.symlink_to(directory.parent)
        yield str(link / directory.name)


def _temporary_folder() -> str:
    own = tempfile.gettempdir()
    for folder in (own, *_TEMPORARY_FOLDERS):
        if _PLAIN.fullmatch(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise OSError(f"no temporary directory has a path of plain characters; TMPDIR is {own!r}")
