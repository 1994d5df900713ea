"""The learning curve."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from metta_jax.monitor import plot_learning_curve
from metta_jax.monitor.learning_curve import series, smooth

RECORDS = [
    {"step": 0, "overview/reward": None, "losses/policy_loss": 0.1, "losses/value_loss": 0.2, "losses/entropy": 3.1},
    {"step": 1000, "overview/reward": 0.5, "losses/policy_loss": 0.0, "losses/entropy": 2.9},
    {"step": 2000, "overview/reward": 1.5, "losses/policy_loss": -0.1, "losses/value_loss": 0.1},
]


def test_a_png_is_written(tmp_path) -> None:
    path = plot_learning_curve(RECORDS, tmp_path / "new" / "curve.png", title="a run")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_missing_values_are_skipped() -> None:
    steps, rewards = series(RECORDS, "step", "overview/reward")
    np.testing.assert_array_equal(steps, [1000, 2000])
    np.testing.assert_array_equal(rewards, [0.5, 1.5])


def test_smoothing_starts_unbiased_and_keeps_a_constant() -> None:
    np.testing.assert_allclose(smooth(np.full(5, 3.0), 0.9), 3.0, rtol=1e-12)
    # Weights 0.5 * 0.5 and 0.5 of values 0 and 3, divided by 0.75.
    np.testing.assert_allclose(smooth(np.array([0.0, 3.0]), 0.5), [0.0, 2.0], rtol=1e-12)


def _texts(figure_records, tmp_path, monkeypatch) -> list[str]:
    """All texts inside the panels of the picture."""
    figures = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args: (figures.append(self), savefig(self, *args)))
    plot_learning_curve(figure_records, tmp_path / "curve.png")
    return [text.get_text() for axes in figures[0].axes for text in axes.texts]


def test_a_panel_without_values_says_so(tmp_path, monkeypatch) -> None:
    assert _texts(RECORDS, tmp_path, monkeypatch) == []
    assert _texts(RECORDS[:1], tmp_path, monkeypatch) == ["no episode has ended yet"]
    assert _texts([], tmp_path, monkeypatch) == ["no episode has ended yet", "no update has ended yet"]
