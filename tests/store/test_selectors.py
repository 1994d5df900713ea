"""Which of several policies is meant."""

from __future__ import annotations

from typing import Any

import jax
import pytest

from metta_jax.store import PolicyMetadata, PolicyRecord
from metta_jax.store.selectors import metric_value, select


def _records(*values: Any, name: str = "score") -> list[PolicyRecord]:
    """Records of epochs 0, 1, ...; None = without the metric."""
    return [
        PolicyRecord(None, f"p{epoch}", None, {"epoch": epoch, **({} if value is None else {name: value})})
        for epoch, value in enumerate(values)
    ]


def _epochs(records: list[PolicyRecord]) -> list[int]:
    return [record.metadata.epoch for record in records]


def test_all_and_latest() -> None:
    records = _records(1, 2, 3)
    assert _epochs(select(records, "all")) == [0, 1, 2]
    assert _epochs(select(records, "latest")) == [2]
    assert _epochs(select(records, "latest", n=2)) == [2, 1]
    assert _epochs(select(records, "latest", n=9)) == [2, 1, 0]


def test_rand_follows_the_key() -> None:
    records = _records(*range(20))
    draws = [_epochs(select(records, "rand", n=5, key=jax.random.key(seed))) for seed in range(4)]
    assert all(len(set(draw)) == 5 for draw in draws)
    assert len({tuple(draw) for draw in draws}) > 1
    assert draws[1] == _epochs(select(records, "rand", n=5, key=jax.random.key(1)))
    assert draws[0] == _epochs(select(records, "rand", n=5))
    assert sorted(_epochs(select(records, "rand", n=99))) == list(range(20))


def test_top_takes_the_highest_values(caplog: pytest.LogCaptureFixture) -> None:
    records = _records(0.5, -1, 0.9, 0.1, 0.9)
    assert _epochs(select(records, "top")) == [4]  # of equals the newer
    assert _epochs(select(records, "top", n=3)) == [4, 2, 0]
    assert _epochs(select(records, "top", metric="epoch", n=2)) == [4, 3]
    assert not caplog.records


def test_top_without_the_metric_is_the_latest(caplog: pytest.LogCaptureFixture) -> None:
    assert _epochs(select(_records(None, None, None), "top", n=2)) == [2]
    assert "Metric 'score' is in no policy's metadata" in caplog.text


@pytest.mark.parametrize(("num_with", "expected"), [(7, 9), (8, 0)])
def test_top_needs_the_metric_in_four_of_five(num_with: int, expected: int, caplog: pytest.LogCaptureFixture) -> None:
    values = [10 - epoch if epoch < num_with else None for epoch in range(10)]
    assert _epochs(select(_records(*values), "top")) == [expected]
    assert ("too few" in caplog.text) == (expected == 9)


def test_top_with_fewer_than_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    assert _epochs(select(_records(1, 2, 3, 4, None), "top", n=5)) == [3, 2, 1, 0]
    assert "Only 4 policies have the metric 'score', 5 were requested." in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.9", True, None, [1]])
def test_what_is_no_number_does_not_count(value: Any) -> None:
    assert metric_value({"score": value}, "score") is None


def test_specific() -> None:
    assert _epochs(select(_records(1), "specific")) == [0]
    with pytest.raises(ValueError, match="specific: the URI names 2 policies, not one"):
        select(_records(1, 2), "specific")


def test_other_selectors_are_refused() -> None:
    with pytest.raises(ValueError, match="^Invalid selector type: best$"):
        select(_records(1), "best")
    with pytest.raises(ValueError, match="^n: 0 is not at least 1$"):
        select(_records(1), "top", n=0)


def test_where_a_metric_is_looked_up() -> None:
    metadata = PolicyMetadata(
        score=1.0,
        avg_reward=2.0,
        eval_scores={"score": 3.0},
        evals={
            "category_scores": {"navigation": 4.0},
            "simulation_scores": {"navigation/simple": 5.0},
            "avg_reward": 6.0,
            "avg_category_score": 7.0,
        },
    )
    expected = {
        "score": 3.0,  # eval_scores first
        "avg_reward": 6.0,  # then evals
        "generation": 0,  # then the top level
        "category_scores/navigation": 4.0,
        "navigation": 4.0,
        "navigation/simple": 5.0,
        "avg_category_score": 7.0,
    }
    assert {name: metric_value(metadata, name) for name in expected} == expected
    assert metric_value(metadata, "nothing") is None
