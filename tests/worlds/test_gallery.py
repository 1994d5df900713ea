"""The page with pictures of worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from metta_jax import worlds
from metta_jax.worlds.gallery import write_gallery


def test_page_and_pictures(tmp_path: Path) -> None:
    names = ["default", "navigation/evals/honeypot", "/env/mettagrid/navigation/evals/knotty"]
    page = write_gallery(tmp_path / "worlds", names, pixels=72)
    text = page.read_text()
    assert text.count("## ") == 2, "one family after the other"
    for name in ("default", "navigation_evals_honeypot", "navigation_evals_knotty"):
        assert (page.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in text
    assert worlds.describe("default") in text


def test_an_unknown_world(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no world"):
        write_gallery(tmp_path, ["nowhere"])
