"""The picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from metta_jax.monitor import plot_learning_curve, plot_run

RECORDS = [
    {
        "step": step,
        "overview/reward": step / 1000,
        "overview/sps": 5e4,
        "losses/policy_loss": -0.1,
        "losses/value_loss": 0.5,
        "losses/entropy": 3.0,
    }
    for step in range(0, 5000, 500)
]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    seen: list[Figure] = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args: (seen.append(self), savefig(self, *args)))
    return seen


@pytest.mark.parametrize("title", ["$x_{", "lr=$5", "\\frac", "\udcff"], ids=ascii)
def test_any_title(tmp_path: Path, title: str) -> None:
    """Names of directories are no formulas."""
    for plot in (plot_run, plot_learning_curve):
        assert plot(RECORDS, tmp_path / "run.png", title=title).read_bytes().startswith(b"\x89PNG")


def test_four_panels(tmp_path: Path, figures: list[Figure]) -> None:
    path = plot_run(RECORDS, tmp_path / "new" / "run.png", title="a run")
    assert path.read_bytes().startswith(b"\x89PNG")
    panels = {axes.get_title(): axes for axes in figures[0].axes}
    assert list(panels) == ["reward per agent and episode", "losses", "entropy", "agent steps a second"]
    assert [len(axes.lines) for axes in panels.values()] == [2, 2, 1, 1]
    np.testing.assert_array_equal(panels["agent steps a second"].lines[0].get_ydata(), np.full(10, 5e4))
    assert panels["agent steps a second"].get_ylim()[0] == 0
    assert not any(axes.texts for axes in panels.values())


def test_a_run_that_has_just_begun(tmp_path: Path, figures: list[Figure]) -> None:
    plot_run([{"step": 0, "overview/sps": 10.0, "losses/entropy": None}], tmp_path / "run.png")
    texts = [text.get_text() for axes in figures[0].axes for text in axes.texts]
    assert texts == ["no episode has ended yet", "nothing was logged yet", "nothing was logged yet"]
