"""Every short run that docs/benchmarks.md offers ends well and prints a table."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parallel.started import environment

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = re.findall(r"\| `python (benchmarks/\S+\.py[^`]*)` \|", (ROOT / "docs" / "benchmarks.md").read_text())


def test_the_page_has_runs() -> None:
    assert len(COMMANDS) >= 7


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: Path(command.split()[0]).stem)
def test_a_short_run(command: str) -> None:
    out = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr
    assert re.search(r"\d", out.stdout)


@pytest.mark.slow
def test_learning(tmp_path: Path) -> None:
    """Its shortest run is a rollout: the page offers only the whole curve."""
    file = tmp_path / "curve.json"
    options = ["--seeds", "0", "--steps", "16384", "--json", str(file)]
    command = [sys.executable, "benchmarks/learning.py", *options]
    out = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert file.exists()
