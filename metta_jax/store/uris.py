"""Where a policy is: `file://path` or a bare path."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_FILE = "file://"
_PYTORCH = (".pt", ".pth")


def path_of(uri: str | os.PathLike[str]) -> Path:
    """The absolute path that a uri names; what follows `file://` is taken literally.

    Raises:
      ValueError: "Invalid URI: X", one of a kind that is not supported, or a file of PyTorch.
    """
    text = os.fspath(uri) if isinstance(uri, str | os.PathLike) else ""
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"Invalid URI: {uri!r}")
    path = text.removeprefix(_FILE)
    scheme = _SCHEME.match(path)
    if scheme:
        raise ValueError(f"Invalid URI: {text}: {scheme[0]} is not supported; policies are files, use file://path")
    if not path:
        raise ValueError(f"Invalid URI: {text}")
    if path.endswith(_PYTORCH):
        raise ValueError(
            f"Invalid URI: {text}: is a file of PyTorch, a policy is a directory here; "
            "load_original_weights(agent, path) reads its weights"
        )
    return Path(path).absolute()


def uri_of(path: Path) -> str:
    """`file://` and the absolute path."""
    return f"{_FILE}{path.absolute()}"
