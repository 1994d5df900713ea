"""README.md and docs: every snippet runs, every link leads somewhere, every reference is up to date."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT, TOUR, after_the_tour, diffs, pages, quotes, run, snippets, tour

# They compile programs that no other page needs.
SLOW = {"docs/adapters.md", "docs/devices.md", "docs/engine.md", "docs/training.md", "docs/tutorial.md"}


def test_the_tour_prints_its_steps() -> None:
    steps = [int(line.split()[0]) for line in tour()[1].splitlines()]
    assert steps == [128, 256]


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow if page in SLOW else ()) for page in pages()]
)
def test_every_snippet_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = snippets(page)[1:] if page == TOUR else snippets(page)
    monkeypatch.chdir(tmp_path)  # what they write
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(page, after_the_tour() if blocks else {}, blocks)


@pytest.mark.parametrize("page", [*pages(), "CONTRIBUTING.md", "CHANGELOG.md", "docs/worlds/worlds.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("page", [page for page in pages() if diffs(page)])
def test_every_diff_applies(page: str) -> None:
    """What a page shows as a change of the package fits the current sources."""
    for diff in diffs(page):
        command = ["git", "apply", "--check", "--verbose", "-"]
        done = subprocess.run(command, cwd=ROOT, input=diff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Skipped patch" not in done.stderr  # git ignores paths that it thinks are outside


@pytest.mark.parametrize("page", [page for page in pages() if quotes(page)])
def test_every_quote_is_in_an_example(page: str) -> None:
    examples = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")]
    assert [text for text in quotes(page) if not any(text in example for example in examples)] == []


def test_the_reference_is_up_to_date() -> None:
    """`python docs/make_reference.py` writes it."""
    path = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.reference()
    folder = path.parent / "reference"
    assert {file.name for file in folder.glob("*.md")} == set(made)
    wrong = [name for name, text in made.items() if (folder / name).read_text(encoding="utf-8") != text]
    assert not wrong, "run `python docs/make_reference.py`"


def test_the_reference_has_every_public_class() -> None:
    """With the classes that they are made of, what their fields are, and the kernels."""
    folder = ROOT / "docs" / "reference"
    without_page = re.findall(r"^- `(\w+)`$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in without_page if not name.isupper()] == []
    engine = (folder / "mettagrid.md").read_text(encoding="utf-8")
    for name in ("EnvParams", "Rules", "Maps", "EnvState", "TimeStep", "VectorTimeStep"):
        assert f"\n## {name}\n" in engine
    for name in ("EnvState", "TimeStep", "VectorTimeStep"):
        fields = engine.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert [line for line in fields.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []
    assert "\n## make\n" in (folder / "metta_jax.md").read_text(encoding="utf-8")
    assert "\n### Environment.step\n" in (folder / "worlds.md").read_text(encoding="utf-8")
    assert "| `observation` | `jax.Array` |  | uint8 [A, M, 3]: location, feature, value;" in engine
    assert "\n### observe\n" in (folder / "grid_kernels.md").read_text(encoding="utf-8")
