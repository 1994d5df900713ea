"""Where a policy is: `file://path` or a bare path."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_FILE = "file://"
_UNSUPPORTED = ("wandb://", "pytorch://")


def path_of(uri: str | os.PathLike[str]) -> Path:
    """The absolute path that a uri names; what follows `file://` is taken as it stands.

    Raises:
      ValueError: "Invalid URI: X", or one of a kind that is not supported.
    """
    text = os.fspath(uri) if isinstance(uri, str | os.PathLike) else ""
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"Invalid URI: {uri!r}")
    for scheme in _UNSUPPORTED:
        if text.startswith(scheme):
            raise ValueError(f"Invalid URI: {text}: {scheme} is not supported; policies are files, use file://path")
    path = text.removeprefix(_FILE)
    if not path or _SCHEME.match(path):
        raise ValueError(f"Invalid URI: {text}")
    return Path(path).absolute()


def uri_of(path: Path) -> str:
    """`file://` and the absolute path."""
    return f"{_FILE}{path.absolute()}"
