"""What README.md says about the project is so. Its Python is run by tests/docs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from metta_jax import api, worlds

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_make_target_that_it_names_exists() -> None:
    named = set(re.findall(r"^make (?:PYTHON=\S+ )?([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test"} <= named
    assert all(re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE) for target in named)


def test_make_test_checks_types() -> None:
    recipes = dict(re.findall(r"^([a-z-]+): *(.*)$", MAKEFILE, flags=re.MULTILINE))
    assert "check" in recipes["test"].split()
    assert "pyright" in MAKEFILE.partition("\ncheck:")[2].partition("\n\n")[0]
    assert (ROOT / "metta_jax" / "py.typed").exists()


def test_both_ways_to_install_are_named() -> None:
    for page in (README, (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")):
        assert "uv sync --inexact" in page
        assert "pip install -e ." in page
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert not project["tool"]["hatch"]["build"].get("hooks"), "nothing is compiled"


def test_every_dependency_has_a_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| ([a-z, -]+?) \|", README, flags=re.MULTILINE))))
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    assert {re.split(r"[>=\[]", name)[0] for name in needed} - rows == set()
    assert {extra for extra in extras if f"`{extra}`" not in README} <= {"test"}


def test_every_package_has_a_row() -> None:
    packages = {path.parent.name for path in (ROOT / "metta_jax").glob("*/__init__.py")}
    assert {name for name in packages if f"`metta_jax.{name}`" not in README} == set()


def test_every_benchmark_that_it_names_exists() -> None:
    named = set(re.findall(r"`(benchmarks/\w+\.py)`", README))
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_its_numbers() -> None:
    assert f"{len(worlds.list())} named worlds" in README
    assert f"{len(list((ROOT / 'tests' / 'conformance').glob('*.npz')))} of them are in `tests/conformance`" in README


def test_the_api_names_what_it_offers() -> None:
    names = [name for name in vars(api) if not name.startswith("_")]
    assert sorted(names) == sorted(api.__all__)
