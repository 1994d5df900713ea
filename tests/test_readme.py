"""What README.md says is run: its Python as it stands, its commands as far as make and the command line know them."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

from metta_jax import api

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tour_runs() -> None:
    (tour,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(tour, "README.md", "exec"), {})
    steps = [int(line.split()[0]) for line in output.getvalue().splitlines()]
    assert steps == [128, 256]


def test_every_make_target_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"^make (?:PYTHON=\S+ )?([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test"} <= named
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in named)


def test_every_dependency_has_a_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| ([a-z, -]+?) \|", README, flags=re.MULTILINE))))
    assert {re.split(r"[>=\[]", name)[0] for name in project["dependencies"]} <= rows


def test_every_package_has_a_row() -> None:
    packages = {path.parent.name for path in (ROOT / "metta_jax").glob("*/__init__.py")}
    assert {name for name in packages if f"`metta_jax.{name}`" not in README} <= {"conformance"}


def test_the_api_names_what_it_offers() -> None:
    names = [name for name in vars(api) if not name.startswith("_")]
    assert sorted(names) == sorted(api.__all__)
