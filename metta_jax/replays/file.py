"""Replay files on disk: written whole or not at all, read as if an enemy had written them."""

from __future__ import annotations

import json
import math
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.replays.replay import Replay

SUFFIX = ".json.z"
MAX_FILE_BYTES = 256 * 2**20
MAX_JSON_BYTES = 512 * 2**20


def write_replay(path: str | Path, replay: Mapping[str, Any]) -> Path:
    """Write a replay as zlib-compressed JSON, creating directories; an older file is replaced at once.

    Raises a ValueError for NaN or infinities, which JSON does not have.
    """
    path = Path(path)
    text = json.dumps(replay, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    data = zlib.compress(text.encode("utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only their owner reads
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def read_replay(
    source: str | os.PathLike[str] | bytes,
    *,
    max_file_bytes: int = MAX_FILE_BYTES,
    max_json_bytes: int = MAX_JSON_BYTES,
) -> Replay:
    """Read a replay of format 1, compressed or plain JSON, and check it from end to end.

    Nothing in the file is executed.

    Args:
      source: a file, or the bytes of one.
      max_file_bytes, max_json_bytes: the largest file, and the largest text in it, that are read.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is too large, damaged, or not a replay; says what is wrong and where.
    """
    if isinstance(source, bytes):
        name, data = "replay", source
        if len(data) > max_file_bytes:
            raise _too_large(name, max_file_bytes)
    else:
        name, data = os.fspath(source), _read_file(Path(source), max_file_bytes)
    try:
        return Replay(parse_json(data, max_json_bytes))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def parse_json(data: bytes, max_json_bytes: int = MAX_JSON_BYTES) -> Any:
    """What the bytes of a replay file hold. Raises a ValueError, and never makes more than `max_json_bytes` of them."""
    if data.lstrip()[:1] != b"{":
        data = _decompress(data, max_json_bytes)
    elif len(data) > max_json_bytes:
        raise ValueError(f"more than {max_json_bytes} bytes of JSON are too many for a replay")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise ValueError(f"not a replay: no UTF-8 text ({error.reason} at byte {error.start})") from None
    except RecursionError:
        raise ValueError("not a replay: its JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not a replay: no JSON ({error.msg} at character {error.pos})") from None
    except ValueError as error:  # also of whole numbers with thousands of digits
        raise ValueError(f"not a replay: {error}") from None


def _read_file(path: Path, max_bytes: int) -> bytes:
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is not a file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise _too_large(str(path), max_bytes)
        return file.read(size)


def _too_large(name: str, max_bytes: int) -> ValueError:
    return ValueError(f"{name}: more than {max_bytes} bytes are too many for a replay")


def _decompress(data: bytes, max_bytes: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"not a replay: neither JSON nor zlib-compressed ({error})") from None
    if len(plain) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes of JSON are too many for a replay")
    if not stream.eof:
        raise ValueError("not a complete replay: the compressed data end too early")
    if stream.unused_data:
        raise ValueError(f"not a replay: {len(stream.unused_data)} bytes follow the compressed data")
    return plain


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} is given twice")
    return items


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
