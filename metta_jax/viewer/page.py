"""The replay page: one HTML file that needs no server, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import webbrowser
from html import escape
from importlib import resources
from os import PathLike
from pathlib import Path
from string import Template

_SCRIPTS = ("replay.js", "sprites.js", "scene.js", "panels.js", "chart.js", "player.js", "pointer.js")
_DEFAULT_TITLE = "MettaGrid replay"
_NOTHING = "'none'"


def replay_html(replay: str | PathLike[str] | bytes | None, *, title: str | None = None) -> str:
    """A page that plays a replay.

    The page carries the file as it is and checks it itself: a damaged one gives a page that says so. Its content
    security policy lets it run its own script, and reach nothing else.

    Args:
      replay: a file of replay format 1, compressed (`.json.z`) or plain JSON, or the bytes of one. None: a page without
        a replay, into which files can be dropped.
      title: shown above the map and as the page's title. None: the name of the file.

    Raises:
      OSError: the file cannot be read.
    """
    if replay is None or isinstance(replay, bytes | bytearray | memoryview):
        return _page(replay, title or "")
    path = Path(replay)
    return _page(path.read_bytes(), title or path.name)


def write_viewer(
    replay: str | PathLike[str] | bytes | None, out_path: str | PathLike[str], *, title: str | None = None
) -> Path:
    """Writes `replay_html(replay)` to a file, makes its directory if there is none, and returns its path."""
    html = replay_html(replay, title=title)
    path = Path(out_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def open_viewer(page: str | PathLike[str]) -> bool:
    """Opens a page that `write_viewer` wrote in the user's browser; whether one was found."""
    return webbrowser.open(Path(page).resolve().as_uri())


def live_html(address: str) -> str:
    """A page that plays in a live game, whose WebSocket has this address; the page may reach nothing else."""
    return _page(None, "Live play", live_address=address)


def _page(content: bytes | None, name: str, *, live_address: str | None = None) -> str:
    # A file's name may hold bytes that are no text.
    name = name.encode(errors="replace").decode()
    style = _text("style.css")
    constants = f"const SPRITES = {_text('sprites.json')};\n"
    scripts = (*_SCRIPTS, "start.js")
    if live_address is not None:
        constants += f"const LIVE_ADDRESS = {json.dumps(live_address)};\n"
        scripts = (*_SCRIPTS, "live.js", "start_live.js")
    script = f'(() => {{\n"use strict";\n{constants}{"".join(_text(name) for name in scripts)}}})();\n'
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        f"connect-src {live_address or _NOTHING}; base-uri 'none'; form-action 'none'"
    )
    # Base64 has no letter that ends a script element, whatever the file and its name contain.
    return Template(_text("index.html")).substitute(
        policy=policy,
        title=escape(name or _DEFAULT_TITLE),
        style=style,
        script=script,
        name=_base64(name.encode()),
        data="" if content is None else f'<script type="text/plain" id="replay-data">{_base64(content)}</script>',
    )


def _text(name: str) -> str:
    return (resources.files("metta_jax.viewer") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
