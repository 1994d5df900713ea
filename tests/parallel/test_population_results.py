"""Rewards of the members of a population, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metta_jax.parallel import PopulationResults


def _metrics(count: list[float], share: list[float], total: list[float]) -> dict[str, np.ndarray]:
    names = ("episode/count", "episode/share_sum", "episode/return_sum")
    return {name: np.asarray(values) for name, values in zip(names, (count, share, total), strict=True)}


def test_rewards_order_table_and_plot(tmp_path: Path) -> None:
    results = PopulationResults([{"rate": 0.1}, {"rate": 0.2}, {"rate": 0.3}], window=2)
    first = results.add(_metrics([1, 2, 0], [0.5, 2, 0], [1, 3, 0]), 100)
    np.testing.assert_allclose(first, [2, 1.5, np.nan])
    results.add(_metrics([1, 0, 0], [0.5, 0, 0], [0, 0, 0]), 200)
    np.testing.assert_allclose(results.rewards[-1], [1, 1.5, np.nan])
    last = results.add(_metrics([0, 2, 1], [0, 1, 1], [0, 0.5, 2]), 300)
    np.testing.assert_allclose(last, [0, 0.5, 2])  # the first update has left the window
    assert results.order() == [2, 1, 0]
    assert results.table().splitlines() == [
        "member  reward  rate",
        "     2  2.0000   0.3",
        "     1  0.5000   0.2",
        "     0  0.0000   0.1",
    ]
    assert results.plot(tmp_path / "rewards.png").stat().st_size > 5000
    with pytest.raises(ValueError, match=r"metrics: of \(2,\) members, not of 3"):
        results.add(_metrics([0, 0], [0, 0], [0, 0]), 400)


def test_without_results() -> None:
    results = PopulationResults([{}, {}])
    assert results.order() == [0, 1]
    assert results.rewards.shape == (0, 2)
