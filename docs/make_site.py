"""The documentation site: `python docs/make_site.py`, or `make site`, writes out/site.

Pages link to each other, and to files outside docs, by relative paths, which also work where a code host shows them.
A site is built from one folder, so all of them are copied into .cache/site, laid out as in the repository, and built
there by Zensical as mkdocs.yml says. A broken link is an error.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "CITATION.cff",
    "LICENSE",
    "benchmarks/NOTES.md",
    "examples/first_steps.ipynb",
    "examples/ppo.py",
    "tests/promises.md",
)


def main() -> int:
    """Writes out/site and returns the exit code."""
    return build(ROOT, ROOT / ".cache" / "site", ROOT / "out" / "site")


def build(root: Path, workshop: Path, site: Path) -> int:
    """Builds the pages of the repository `root` into `site`, by way of the folder `workshop`, which is made anew."""
    shutil.rmtree(workshop, ignore_errors=True)
    shutil.rmtree(site, ignore_errors=True)
    pages = workshop / "pages"
    shutil.copytree(root / "docs", pages / "docs", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in OUTSIDE:
        (pages / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / page, pages / page)
    # Zensical keeps its cache in `.cache` next to its configuration, and its `--clean` deletes all of that folder. Next
    # to the original, that is the project's own .cache, compiled programs included.
    config = workshop / "mkdocs.yml"
    shutil.copyfile(root / "mkdocs.yml", config)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(config)]
    code = subprocess.run(command, cwd=workshop, check=False).returncode
    if code == 0:
        site.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(workshop / "site", site)
        print(f"{site / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
