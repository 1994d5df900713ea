"""The notebook of the first tutorial runs from top to bottom, and shows what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_steps.ipynb"


def cells() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4).cells


def test_it_is_kept_without_outputs() -> None:
    assert [cell for cell in cells() if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_it_runs_and_shows_the_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = NOTEBOOK.parents[1]
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(root / ".cache" / "jax"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    html = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert sum("data:image/png;base64" in page for page in html) == 2  # the map, before and after
    assert sum(page.startswith("<iframe srcdoc=") for page in html) == 1
    printed = "".join(output.get("text", "") for output in outputs)
    assert printed.count("agent steps: reward") == 4
    assert printed.count("per agent") == 2
    assert list(tmp_path.glob("replays/**/*.json.z"))
