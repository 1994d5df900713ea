"""What `make` would install, without doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def _make(venv: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--dry-run", "--no-print-directory", f"VENV={venv}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_platform_is_an_extra_of_the_project(tmp_path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    jax_bound = ">=0.10.2"
    for platform in ("cuda12", "cuda13", "tpu"):
        assert extras[platform] == [f"jax[{platform}]{jax_bound}"]
        assert f'-e ".[{platform}]"' in _make(tmp_path, "demo", f"PLATFORM={platform}").stdout
        assert f'-e ".[test,{platform}]"' in _make(tmp_path, "install", f"PLATFORM={platform}").stdout
    for arguments in ([], ["PLATFORM=cpu"]):
        assert '-e "."' in _make(tmp_path, "demo", *arguments).stdout, "not the tools of the tests"
        assert '-e ".[test]"' in _make(tmp_path, "install", *arguments).stdout


def test_every_platform_is_installed_once(tmp_path: Path) -> None:
    """A stamp of another platform says nothing."""
    (tmp_path / "bin").mkdir()
    stamp = _make(tmp_path, "install").stdout.rpartition("touch ")[2].split()[0]
    assert Path(stamp).parent == tmp_path
    Path(stamp).touch()
    os.utime(stamp, (time.time() + 60, time.time() + 60))
    assert "pip install" not in _make(tmp_path, "install").stdout
    assert "pip install" in _make(tmp_path, "install", "PLATFORM=cuda12").stdout
    demo = Path(_make(tmp_path, "demo").stdout.rpartition("touch ")[2].splitlines()[0])
    assert demo.parent == tmp_path
    assert str(demo) in _make(tmp_path, "--always-make", "install").stdout, "who has everything has what the demo needs"


def test_an_unknown_platform_is_an_error(tmp_path: Path) -> None:
    ended = _make(tmp_path, "demo", "PLATFORM=abacus")
    assert ended.returncode != 0
    assert "PLATFORM: 'abacus' is not one of cpu cuda12 cuda13 tpu" in ended.stderr
    assert "pip" not in ended.stdout
