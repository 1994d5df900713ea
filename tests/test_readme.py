"""Facts in README.md, CONTRIBUTING.md and docs that can be checked. tests/docs runs their Python."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from metta_jax import api, worlds

ROOT = Path(__file__).resolve().parent.parent
README, CONTRIBUTING, MAKEFILE, DEPENDENCIES, SPEED = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "docs/dependencies.md", "docs/speed.md")
)


def test_the_readme_says_what_the_original_is_before_anything_else() -> None:
    first_paragraph = README.split("\n\n")[1]
    assert "https://github.com/Metta-AI/metta" in first_paragraph
    assert "*the original*" in first_paragraph


def test_every_make_target_that_the_readme_names_exists() -> None:
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
    rows = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\| ([a-z, -]+?) \|", DEPENDENCIES, flags=re.MULTILINE))))
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(name for extra in extras.values() for name in extra)]
    assert {re.split(r"[>=\[]", name)[0] for name in needed} - rows == set()
    assert {extra for extra in extras if f"`{extra}`" not in DEPENDENCIES} <= {"test"}


def test_every_package_has_a_row() -> None:
    packages = {path.parent.name for path in (ROOT / "metta_jax").glob("*/__init__.py")}
    assert {name for name in packages if f"`metta_jax.{name}`" not in CONTRIBUTING} == set()


def test_every_benchmark_that_is_named_exists() -> None:
    named = set(re.findall(r"`(benchmarks/\w+\.py)`", README + SPEED))
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_every_speed_in_the_readme_is_in_the_table_of_figures() -> None:
    speeds = set(re.findall(r"[\d,]+(?= agent-steps/s)|\d\.\d\d(?= times| and \d| to \d)", README))
    assert len(speeds) >= 5
    assert {speed for speed in speeds if speed not in SPEED} == set()


def test_numbers_in_the_readme() -> None:
    assert f"{len(worlds.list())} named worlds" in README
    assert f"{len(list((ROOT / 'tests' / 'conformance').glob('*.npz')))} of them are in `tests/conformance`" in README


def test_the_api_names_what_it_offers() -> None:
    names = [name for line in api._NAMES.values() for name in line.split()]
    assert sorted(names) == sorted(api.__all__)
    source = ast.parse((ROOT / "metta_jax" / "api.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(source) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    for node in imports:  # what type checkers read is what programs get
        assert api._NAMES[str(node.module)].split() == [alias.name for alias in node.names]
    assert len(imports) == len(api._NAMES)
    assert dir(api) == sorted(api.__all__)
    for name in api.__all__:
        assert getattr(api, name) is not None
