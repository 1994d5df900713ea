"""The documentation site: it builds without a warning, has every page, and every link of its pages leads to a file."""

from __future__ import annotations

import importlib.util
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from tests.docs.snippets import ROOT


@pytest.fixture(scope="module")
def make_site() -> ModuleType:
    path = ROOT / "docs" / "make_site.py"
    spec = importlib.util.spec_from_file_location("make_site", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(make_site: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert make_site.build(ROOT, folder / "workshop", folder / "site") == 0
    return folder / "site"


class _Targets(HTMLParser):
    """What a page links to or shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"(\S+\.md)$", navigation, re.MULTILINE)
    assert len(listed) == len(set(listed))
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in listed if page.startswith("docs/")} == pages
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/NOTES.md"} <= set(listed)


def test_every_link_of_the_site_leads_to_a_file(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 40
    for page in pages:
        for target in _Targets(page.read_text(encoding="utf-8")).found:
            path = unquote(target.partition("#")[0])
            if path and not re.match(r"\w+:", path):
                assert (page.parent / path).exists(), f"{page.relative_to(site)}: {target}"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="((?:https?:)?//[^"]*)"', page) == []


def test_a_broken_link_is_an_error(make_site: ModuleType, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("mkdocs.yml", *make_site.OUTSIDE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(ROOT / "docs", root / "docs")
    with (root / "docs" / "engine.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](training.md#no-such-section)\n")
    assert make_site.build(root, tmp_path / "workshop", tmp_path / "site") != 0
    assert not (tmp_path / "site").exists()
