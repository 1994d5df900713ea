"""Addresses of replays."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from metta_jax.sim import http_url, player_url


def test_player_url() -> None:
    assert (
        player_url("https://a.b/c.json.z") == "https://metta-ai.github.io/metta/?replayUrl=https%3A%2F%2Fa.b%2Fc.json.z"
    )
    url = player_url(
        "https://a.b/ü &?#=+.z",
        play=True,
        step=3,
        player="http://127.0.0.1:80/p?x=1",
        selected_object_id=4,
        map_pan=(1.5, -2),
        map_zoom=2,
        demo=False,
    )
    assert " " not in url
    query = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert query == {
        "x": ["1"], "replayUrl": ["https://a.b/ü &?#=+.z"], "play": ["true"], "step": ["3"], "demo": ["false"],
        "selectedObjectId": ["4"], "mapPanX": ["1.5"], "mapPanY": ["-2"], "mapZoom": ["2"],
    }  # fmt: skip
    with pytest.raises(ValueError, match="step: -1 is negative"):
        player_url("x", step=-1)
    with pytest.raises(ValueError, match="replay_url: '' is not an address"):
        player_url("")


def test_http_url(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "run 1" / "e.json.z"
    assert http_url(path, "https://host/replays/", tmp_path) == "https://host/replays/run%201/e.json.z"
    assert http_url(f"file://{path}", "https://host", tmp_path) == "https://host/run%201/e.json.z"
    assert http_url("s3://bucket/a b/c.z") == "https://bucket.s3.amazonaws.com/a%20b/c.z"
    assert http_url("https://host/x") == "https://host/x"
    with caplog.at_level(logging.WARNING):
        assert http_url(path) == str(path)
    assert "is a local file: a browser needs a server for it, or our own viewer page" in caplog.text
    with pytest.raises(ValueError, match="is not inside"):
        http_url("/elsewhere/e.z", "https://host", tmp_path)
    with pytest.raises(ValueError, match="is not s3://bucket/key"):
        http_url("s3://bucket")
