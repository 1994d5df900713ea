"""The replay page: one HTML file that needs no server, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
import webbrowser
from html import escape
from importlib import resources
from os import PathLike
from pathlib import Path
from string import Template

SCRIPTS = ("replay.js", "sprites.js", "scene.js", "panels.js", "chart.js", "player.js", "pointer.js", "start.js")
_DEFAULT_TITLE = "MettaGrid replay"


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
        return page_html(replay, title or "")
    path = Path(replay)
    return page_html(path.read_bytes(), title or path.name)


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


def page_html(content: bytes | None, name: str, *, scripts: tuple[str, ...] = SCRIPTS, connect: str = "'none'") -> str:
    """The page around the bytes of a replay; `connect` is the only address that it may talk to."""
    style = _text("style.css")
    parts = [_text(script) for script in scripts]
    script = '(() => {\n"use strict";\n' + f"const SPRITES = {_text('sprites.json')};\n" + "\n".join(parts) + "})();\n"
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'"
    )
    # Base64 has no letter that ends a script element, whatever the file and its name contain.
    return Template(_text("index.html")).substitute(
        policy=policy,
        title=escape(name or _DEFAULT_TITLE),
        style=style,
        script=script,
        name=_base64(name.encode(errors="replace")),
        data="" if content is None else f'<script type="text/plain" id="replay-data">{_base64(content)}</script>',
    )


def _text(name: str) -> str:
    return (resources.files("metta_jax.viewer") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
