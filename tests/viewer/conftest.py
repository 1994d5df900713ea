"""A real browser for the tests of the page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from metta_jax.viewer import write_viewer

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.fail(
            "no Chromium was found, and the replay page can only be tested in one. Debian: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        # Playwright makes a new profile directory for it, and deletes it.
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield started
        started.close()


class Viewer:
    """A browser page that must stay without errors and must not ask for anything but its file."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.problems: list[str] = []
        self.allowed = "file:"
        self._folder = folder
        page.on("console", lambda message: self.problems.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("request", lambda request: self._check_address(request.url))

    def open(self, replay: bytes | None, title: str = "episode.json.z") -> Page:
        path = write_viewer(replay, self._folder / "page.html", title=title)
        self.page.goto(path.as_uri())
        self.wait("viewer.state !== 'loading'")
        return self.page

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Waits until an expression is true; playwright's own way needs `eval`, which the page forbids."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f"not in {seconds} seconds: {condition}"
            self.page.wait_for_timeout(20)

    def seek(self, step: int) -> None:
        self.page.evaluate("step => { viewer.seek(step); }", step)
        self.drawn()

    def drawn(self) -> None:
        """Waits until the requested content is on the canvas."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
        )

    def _check_address(self, address: str) -> None:
        if not address.startswith((self.allowed, self.allowed.replace("http", "ws", 1), "blob:", "data:")):
            self.problems.append(f"request: {address}")


@pytest.fixture
def viewer(browser: Browser, tmp_path: Path) -> Iterator[Viewer]:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(20_000)
    opened = Viewer(page, tmp_path)
    yield opened
    page.close()
    assert opened.problems == []
