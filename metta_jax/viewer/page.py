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

from metta_jax.viewer.action_keys import ACTION_OF_KEY, ACTION_WORDS, KEY_HELP

_SCRIPTS = ("replay.js", "sprites.js", "scene.js", "panels.js", "chart.js", "player.js", "pointer.js")
_DEFAULT_TITLE = "MettaGrid replay"
LIVE_TITLE = "Live play"
_NOTHING = "'none'"


def replay_html(replay: str | PathLike[str] | bytes | None, *, title: str | None = None) -> str:
    """A page that plays a replay.

    The page carries the file unchanged and checks it itself: a damaged one gives a page that says so. Its content
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
    """Write `replay_html(replay)` to a file, make its directory if there is none, and return its path."""
    html = replay_html(replay, title=title)
    path = Path(out_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def open_viewer(page: str | PathLike[str]) -> bool:
    """Open a page that `write_viewer` wrote in the user's browser; whether one was found."""
    return webbrowser.open(Path(page).resolve().as_uri())


def live_html(address: str, title: str = LIVE_TITLE) -> str:
    """A page that plays in a live game, whose WebSocket has this address; the page may reach nothing else."""
    return _page(None, title, live_address=address)


def _page(content: bytes | None, name: str, *, live_address: str | None = None) -> str:
    # A file's name may hold bytes that are no text.
    name = name.encode(errors="replace").decode()
    style = page_text("style.css")
    constants = f"const SPRITES = {page_text('sprites.json')};\nconst ACTION_WORDS = {json.dumps(ACTION_WORDS)};\n"
    scripts = (*_SCRIPTS, "start.js")
    if live_address is not None:
        live = {"LIVE_ADDRESS": live_address, "ACTION_OF_KEY": ACTION_OF_KEY, "KEY_HELP": KEY_HELP}
        constants += "".join(f"const {name} = {json.dumps(value)};\n" for name, value in live.items())
        scripts = (*_SCRIPTS, "live.js", "start_live.js")
    script = f'(() => {{\n"use strict";\n{constants}{"".join(page_text(name) for name in scripts)}}})();\n'
    # Base64 has no letter that ends a script element, whatever the file and its name contain.
    return Template(page_text("index.html")).substitute(
        policy=content_policy(script, style, connect=live_address or _NOTHING),
        title=escape(name or _DEFAULT_TITLE),
        style=style,
        script=script,
        name=base64_text(name.encode()),
        data="" if content is None else f'<script type="text/plain" id="replay-data">{base64_text(content)}</script>',
    )


def content_policy(script: str, style: str, *, connect: str = _NOTHING) -> str:
    """A content security policy that lets a page use its own script and style, and reach nothing but `connect`."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def page_text(name: str) -> str:
    """A file of the folder `page`."""
    return (resources.files("metta_jax.viewer") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64_text(hashlib.sha256(text.encode()).digest())}'"


def base64_text(data: bytes) -> str:
    """Bytes as text without any letter that means something in HTML."""
    return base64.b64encode(data).decode("ascii")
