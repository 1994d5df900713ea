"""Directories that appear whole or not at all, and checks that they are still what was written.

Names that begin with a dot belong to this module: `.<name>.<host>-<pid>-<token>.new` is being written, or about to be
(`.locking`), `.<name>.old` was replaced, `.<name>.<token>.deleted` is being deleted. Readers ignore all of
them, except that `.<name>.old` stands in for `<name>` after a crash between the two renames of a replacement.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from metta_jax.store.locks import locked
from metta_jax.store.places import DELETED, REPLACED, UNFINISHED, aside, check_place, hidden_name, is_replaceable

MAX_JSON_BYTES = 64 * 2**20

_CHECKSUM = "sha256"
_CLOCK_SLACK = 2.0  # seconds; start times of processes are known less exactly than times of files


class DamagedError(ValueError):
    """What is on disk is not what was written: truncated, changed, or never complete."""


class SaveError(OSError):
    """A checkpoint could not be written; what was there before is unchanged. The message is one line."""


@contextmanager
def new_directory(target: Path) -> Generator[Path]:
    """A fresh directory next to `target` to write into; it takes the place of `target` when the block ends.

    If the block or the process ends early, `target` is what it was. Leftovers of dead writers are removed.

    Raises ValueError if `target` is something other than a checkpoint.
    """
    check_place(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.parent)
    writer = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = target.with_name(hidden_name(target.name, f".{writer}.new"))
    unlocked = target.with_name(hidden_name(target.name, f".{writer}.locking"))
    try:
        unlocked.mkdir()
        with locked(unlocked):  # so that under its final name it is never seen without its lock
            unlocked.rename(temporary)
            yield temporary
            _flush(temporary)
            _put_in_place(temporary, target)
    except BaseException:
        for path in (unlocked, temporary):
            shutil.rmtree(path, ignore_errors=True)
        raise
    _flush(target.parent)


def existing(target: Path) -> Path:
    """Where the content of `target` is: there, or under the name that it has in the middle of a replacement."""
    replaced = aside(target)
    return replaced if not target.exists() and replaced.exists() else target


def finished_names(parent: Path) -> list[str]:
    """Names of the directories in `parent` that are complete, sorted; [] if there is no such directory."""
    if not parent.is_dir():
        return []
    names = set()
    for entry in parent.iterdir():
        replaced = REPLACED.match(entry.name)
        name = replaced["name"] if replaced else entry.name
        if entry.is_dir() and not name.startswith("."):
            names.add(name)
    return sorted(names)


def delete_directory(path: Path) -> None:
    """Delete a directory; it disappears at once, however long the deletion takes."""
    replaced = aside(path)
    if replaced.is_symlink() or is_replaceable(replaced):
        _remove(replaced)  # first, or it would stand in for what is deleted
    if os.path.lexists(path):
        doomed = path.with_name(hidden_name(path.name, f".{secrets.token_hex(4)}.deleted"))
        path.rename(doomed)
        _remove(doomed)


def remove_leftovers(parent: Path) -> None:
    """Remove what crashed writers left in `parent`; what a living process writes stays."""
    for entry in list(parent.iterdir()):
        unfinished, replaced = UNFINISHED.match(entry.name), REPLACED.match(entry.name)
        is_leftover = (
            (unfinished is not None and _is_abandoned(entry, *unfinished.groups()))
            or (replaced is not None and (parent / replaced["name"]).exists())
            or DELETED.match(entry.name) is not None
        )
        # Hidden directories of others may match these patterns too.
        if is_leftover and (unfinished is not None or is_replaceable(entry)):
            _remove(entry)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document with a checksum of its content, through to the disk."""
    checked = {**document, _CHECKSUM: _digest(document)}
    with path.open("w", encoding="utf-8") as file:
        json.dump(checked, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())


def replace_json(path: Path, document: Mapping[str, Any]) -> None:
    """`write_json` over a document that is there: readers see the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        write_json(temporary, document)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
      DamagedError: missing, no plain file, too large, no JSON object, nested too deeply, or not what was written.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise DamagedError(f"{path}: is missing or no plain file")
        if path.stat().st_size > MAX_JSON_BYTES:
            raise DamagedError(f"{path}: is larger than {MAX_JSON_BYTES} bytes")
        document = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_refuse_constant)
    except DamagedError:
        raise
    except (OSError, ValueError, RecursionError) as error:  # ValueError: of JSON, of UTF-8, of numbers too long
        raise DamagedError(f"{path}: cannot be read ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise DamagedError(f"{path}: is no JSON object")
    written = document.pop(_CHECKSUM, None)
    if written != _digest(document):
        raise DamagedError(f"{path}: damaged: its checksum is not the one that was written")
    return document


def checksums(directory: Path) -> dict[str, dict[str, Any]]:
    """{relative path: {"size": bytes, "sha256": hex}} of all files below `directory`, which are flushed to the disk."""
    found = {}
    for path in _plain_files(directory):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[path.relative_to(directory).as_posix()] = {"size": path.stat().st_size, _CHECKSUM: digest}
    for folder, _, _ in os.walk(directory):
        _flush(Path(folder))
    return found


def check_files(directory: Path, expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise DamagedError, with the file's name, unless exactly these files are below `directory`, unchanged.

    No name of `expected` is opened: it is only compared with what is there.
    """
    if not directory.is_dir() or directory.is_symlink():
        raise DamagedError(f"{directory}: is missing or no plain directory")
    found = {path.relative_to(directory).as_posix(): path for path in _plain_files(directory)}
    for name in sorted(set(expected) - set(found)):
        raise DamagedError(f"{directory}: damaged: the file {shown(name)} is missing")
    for name, path in found.items():
        if name not in expected:
            raise DamagedError(f"{directory}: damaged: the file {shown(name)} does not belong to it")
        size = path.stat().st_size
        if size != expected[name]["size"]:
            raise DamagedError(
                f"{directory}: damaged: {shown(name)} has {size} bytes, {expected[name]['size']} were written"
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected[name][_CHECKSUM]:
                raise DamagedError(f"{directory}: damaged: {shown(name)} is not what was written (checksum)")


def shown(text: object) -> str:
    """Text from a file for an error message: in quotes, short, nothing that a terminal would act upon."""
    return f"'{plain_text(text, 80)}'"


def plain_text(text: object, longest: int = 2000) -> str:
    """Text for one line: other characters than printable ones are escaped, and it is cut off after `longest`."""
    cut = str(text)
    cut = cut if len(cut) <= longest else f"{cut[: longest - 3]}..."
    lines = "; ".join(line.strip() for line in cut.splitlines()) if "\n" in cut else cut
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in lines)


def _plain_files(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise DamagedError(f"{directory}: damaged: {shown(name)} is no plain file")
        yield from (Path(folder, name) for name in sorted(files))


def _put_in_place(temporary: Path, target: Path) -> None:
    """Two renames: between them the old content is under another name, where `existing` finds it."""
    replaced = aside(target)
    if os.path.lexists(target):
        _remove(replaced)
        target.rename(replaced)
    temporary.rename(target)
    _remove(replaced)


def _remove(path: Path) -> None:
    """Delete a directory or a link, not the target of the link. What cannot be deleted stays."""
    if path.is_symlink():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", platform.node()) or "host"


def _is_abandoned(directory: Path, host: str, pid: str, stage: str) -> bool:
    """Whether the process that writes there is gone; False for other hosts, whose processes are unknown.

    The writer holds a lock, which is immune to clock changes. Only where there are no locks do start times distinguish
    a process from a later one with the same number.
    """
    if host != _host():
        return False
    if stage == "locking":  # empty, and about to be locked
        return not psutil.pid_exists(int(pid))
    with locked(directory) as is_free:
        if is_free is not None:
            return is_free
    try:
        return psutil.Process(int(pid)).create_time() > directory.stat().st_mtime + _CLOCK_SLACK
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError):
        return False


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _flush(directory: Path) -> None:
    """A rename is on the disk only when its directory is. Systems that cannot open directories do without."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
