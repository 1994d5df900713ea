"""The text of the page, and the command that writes it; no browser needed."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from metta_jax.cli import main
from metta_jax.viewer import replay_html, write_viewer
from tests.viewer.replays import HAND_MADE, pack


def test_the_page_carries_the_file_as_it_is(tmp_path: Path) -> None:
    data = pack(HAND_MADE)
    path = tmp_path / "episode.json.z"
    path.write_bytes(data)
    for html in (replay_html(path), replay_html(str(path)), replay_html(data)):
        found = re.search(r'id="replay-data">([^<]*)</script>', html)
        assert found
        assert base64.b64decode(found[1]) == data
    assert "<title>episode.json.z</title>" in replay_html(path)
    assert 'id="replay-data"' not in replay_html(None)


def test_the_page_is_one_file_and_makes_no_requests() -> None:
    html = replay_html(pack(HAND_MADE))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == rules["connect-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]+'", rules[kind])
    assert not re.search(r"(src|href)=|@import|url\(|https?:", html.replace(policy[0], ""))


def test_nothing_of_a_file_ends_the_script() -> None:
    hostile = "</script><script>alert(1)</script>"
    html = replay_html(hostile.encode(), title=hostile)
    assert html.count("</script>") == 3  # its name, its data, the program
    assert "<script>alert" not in html
    assert "<title>&lt;/script&gt;" in html


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "odd\udcff.json.z"
    path.write_bytes(pack(HAND_MADE))
    assert write_viewer(path, tmp_path / "a" / "b.html").is_file()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    replay = tmp_path / "episode.json.z"
    replay.write_bytes(pack(HAND_MADE))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))
    assert main(["replay", "view", str(replay), "--no-open"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'episode.html'}\n"
    assert opened == []
    assert main(["replay", "view", str(replay), "--out", str(tmp_path / "new" / "page.html")]) == 0
    assert opened == [(tmp_path / "new" / "page.html").as_uri()]
    assert (tmp_path / "new" / "page.html").read_text() == (tmp_path / "episode.html").read_text()


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "a.json.z"
    damaged.write_bytes(pack(HAND_MADE)[:-3])
    for path, message in ((damaged, "the compressed data end too early"), (tmp_path / "none.json.z", "No such file")):
        with pytest.raises(SystemExit) as error:
            main(["replay", "view", str(path), "--no-open"])
        assert error.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert message in lines[0]
        assert str(path) in lines[0]
    assert not (tmp_path / "a.html").exists()
