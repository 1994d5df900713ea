"""Without gymnasium and PettingZoo everything else works, and their adapters say what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import sys
sys.modules["gymnasium"] = sys.modules["pettingzoo"] = None
from metta_jax import adapters
from tests.adapters import worlds
env = adapters.NumpyEnv(worlds.pair())
assert env.action_names
for name in ("GymnasiumEnv", "GymnasiumVectorEnv", "SingleAgentWrapper", "PettingZooEnv"):
    try:
        getattr(adapters, name)
    except ImportError as error:
        print(error)
try:
    env.single_action_space
except ImportError as error:
    print(error)
"""


def test_missing_libraries_are_named() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    what = "is not installed; this adapter needs: pip install 'metta-jax[adapters]'"
    missing = ["gymnasium", "gymnasium", "gymnasium", "pettingzoo", "gymnasium"]
    assert result.stdout.splitlines() == [f"{name} {what}" for name in missing]


def test_the_package_does_not_import_them() -> None:
    program = "import sys, metta_jax.adapters; sys.exit(bool({'gymnasium', 'pettingzoo'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_unknown_names() -> None:
    from metta_jax import adapters

    with pytest.raises(AttributeError, match="has no attribute 'GymEnv'"):
        adapters.GymEnv  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    assert all(hasattr(adapters, name) for name in adapters.__all__)
