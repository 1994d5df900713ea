"""Addresses under which others can see a replay."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import quote, urlencode

DEFAULT_PLAYER = "https://metta-ai.github.io/metta/"

_log = logging.getLogger(__name__)


def player_url(
    replay_url: str,
    play: bool | None = None,
    step: int | None = None,
    *,
    player: str = DEFAULT_PLAYER,
    selected_object_id: int | None = None,
    map_pan: tuple[float, float] | None = None,
    map_zoom: float | None = None,
    demo: bool | None = None,
) -> str:
    """The address that opens a replay in the viewer.

    Args:
      replay_url: where the viewer can load the replay from; see `http_url`.
      play: starts playing. step: where to begin.
      player: address of the viewer.
      selected_object_id, map_pan (x, y), map_zoom, demo: what the viewer shows at first.

    Raises:
      ValueError: a negative step, or an empty address.
    """
    if not replay_url:
        raise ValueError("replay_url: '' is not an address")
    if step is not None and step < 0:
        raise ValueError(f"step: {step} is negative")
    query: dict[str, object] = {"replayUrl": replay_url}
    flags = {"play": play, "demo": demo}
    query |= {name: "true" if value else "false" for name, value in flags.items() if value is not None}
    numbers = {"step": step, "selectedObjectId": selected_object_id, "mapZoom": map_zoom}
    if map_pan is not None:
        numbers |= {"mapPanX": map_pan[0], "mapPanY": map_pan[1]}
    query |= {name: value for name, value in numbers.items() if value is not None}
    separator = "&" if "?" in player else "?"
    return f"{player}{separator}{urlencode(query, quote_via=quote, safe='')}"


def http_url(path: str | os.PathLike[str], base_url: str | None = None, root: str | os.PathLike[str] = ".") -> str:
    """The address of a file for a browser.

    Args:
      path: of a file, or already an address. `s3://bucket/key` becomes the https address of a public bucket.
      base_url: address under which the directory `root` is served.
      root: a directory.

    Returns:
      `base_url` and the path relative to `root`; without a base the path unchanged, and the log says what is missing.

    Raises:
      ValueError: `path` is not inside `root`.
    """
    text = os.fspath(path)
    if text.startswith(("http://", "https://")):
        return text
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise ValueError(f"path: {text!r} is not s3://bucket/key")
        return f"https://{bucket}.s3.amazonaws.com/{quote(key)}"
    text = text.removeprefix("file://")
    if base_url is None:
        _log.warning("%s is a local file: a browser needs a server for it, or our own viewer page", text)
        return text
    relative = os.path.relpath(Path(text).resolve(), Path(root).resolve())
    if relative.startswith(".."):
        raise ValueError(f"path: {text!r} is not inside {os.fspath(root)!r}, which {base_url!r} serves")
    return f"{base_url.rstrip('/')}/{quote(Path(relative).as_posix())}"
