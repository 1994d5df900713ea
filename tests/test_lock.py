"""requirements.lock has a version of every dependency, none below what pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


def test_every_dependency_is_locked() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pin) == 2 for pin in pins), "names and versions only: no addresses, no paths"
    locked = {name.lower().replace("_", "-"): version for name, version in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(text)
        assert wanted.name in locked, f"{wanted.name} is not in requirements.lock"
        assert wanted.specifier.contains(locked[wanted.name]), f"{text}: requirements.lock has {locked[wanted.name]}"
