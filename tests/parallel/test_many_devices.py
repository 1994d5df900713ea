"""1, 2, 4 and 8 devices make one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.parallel.started import environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_eight_devices_make_the_run_of_one() -> None:
    """In a process of its own, since JAX makes its devices once."""
    command = [sys.executable, "-m", "tests.parallel.many_devices"]
    out = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert out.stdout.count("parameters differ by at most") == 6
