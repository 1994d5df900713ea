"""README.md and docs: every snippet runs, every link leads somewhere, every reference is up to date."""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT, TOUR, after_the_tour, pages, run, snippets, tour

# They compile programs that no other page needs.
SLOW = {"docs/adapters.md", "docs/devices.md", "docs/engine.md", "docs/training.md"}


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


def test_every_page_is_listed() -> None:
    readme = (ROOT / TOUR).read_text(encoding="utf-8")
    assert [page for page in pages() if page != TOUR and f"({page})" not in readme] == []


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
