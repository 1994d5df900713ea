"""A worker runs trials to their end, and the results say what it found."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import duckdb
import pytest

from metta_jax.monitor import RunConfig
from metta_jax.sweep import last_attempts, ranked, work, write_page, write_results
from metta_jax.sweep.progress import final_score, part_means
from tests.sweep.small import SPACE, fake_training, formula, open_sweep


def test_a_sweep_from_start_to_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, lines = fake_training(monkeypatch), []
    with contextlib.closing(open_sweep(tmp_path, num_trials=12)) as sweep:
        assert work(sweep, print_fn=lines.append)
        assert len(runs) == len(lines) == 12
        assert work(sweep)  # nothing is left
        assert len(runs) == 12
        attempts = last_attempts(sweep.attempts())
        states = [attempt.state for attempt in attempts]
        assert set(states) == {"complete", "pruned"}
        for attempt, run in zip(attempts, runs, strict=True):
            assert run.trainer.optimizer.learning_rate == attempt.values["optimizer.learning_rate"]
            assert isinstance(attempt.values["update_epochs"], int)
            if attempt.score is not None:
                assert attempt.score == pytest.approx(formula(run))
        best = ranked(sweep.space, attempts)[0]
        importances = sweep.importances()
        assert max(importances, key=importances.__getitem__) == "optimizer.learning_rate"
        assert sum(importances.values()) == pytest.approx(1)

        page = write_page(sweep, tmp_path / "sweep.html").read_text()
        assert f"Trial {best.slot}, {best.score:.5g}" in page
        assert page.count("<circle") == 3 * 12  # each trial in the drawing of each field
        for word in ("http://", "https://", "<script", "src="):
            assert word not in page

        for _ in range(2):  # written again, nothing is there twice
            database = write_results(sweep, tmp_path / "results.duckdb")
        with duckdb.connect(str(database), read_only=True) as connection:
            rows = connection.execute("SELECT slot, state, score, attempts FROM trials ORDER BY slot").fetchall()
            settings = connection.execute("SELECT value, text FROM settings WHERE slot = 0 ORDER BY field").fetchall()
            num_reports = connection.execute("SELECT count(*) FROM reports").fetchone()
        assert rows == [(attempt.slot, attempt.state, attempt.score, 1) for attempt in attempts]
        assert [json.loads(text) for _, text in settings] == [
            attempts[0].values[name] for name in ("agent", "optimizer.learning_rate", "update_epochs")
        ]
        assert settings[0][0] is None
        assert num_reports == (sum(len(attempt.reports) for attempt in attempts),)


def test_draws_depend_on_the_seed_and_the_trial_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        runs = fake_training(monkeypatch)
        with contextlib.closing(open_sweep(tmp_path / name, space=SPACE.replace(seed=seed))) as sweep:
            work(sweep, print_fn=lambda _: None)
        values.append([run.trainer.optimizer.learning_rate for run in runs])
    assert values[0] == values[1] != values[2]
    assert len(set(values[0])) == 4


def test_a_trial_that_fails_is_named_and_the_sweep_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reward(run: RunConfig) -> float:
        if run.trainer.update_epochs == 2:
            raise ValueError("two\nis too many")
        return 1.0

    fake_training(monkeypatch, reward_fn=reward)
    space = SPACE.replace(fields={"update_epochs": {"low": 1, "high": 3}})
    with contextlib.closing(open_sweep(tmp_path, num_trials=8, space=space)) as sweep:
        assert work(sweep, print_fn=lambda _: None)
        for attempt in last_attempts(sweep.attempts()):
            is_two = attempt.values["update_epochs"] == 2
            assert (attempt.state, attempt.error) == (("failed", "two is too many") if is_two else ("complete", ""))
        page = write_page(sweep, tmp_path / "sweep.html").read_text()
    assert "failed: two is too many" in page


def test_a_sweep_of_failures_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = fake_training(monkeypatch, reward_fn=lambda run: math.nan)
    message = "the first 3 trials failed: metric: 'overview/reward' never had a value"
    with contextlib.closing(open_sweep(tmp_path, num_trials=8)) as sweep, pytest.raises(ValueError, match=message):
        work(sweep, print_fn=lambda _: None)
    assert len(runs) == 3


def test_parts_of_a_run() -> None:
    steps = (100, 200, 250, 400, 500)
    records = [{"step": step, "reward": value} for step, value in zip(steps, (1, 3, 5, None, math.nan), strict=True)]
    assert part_means(records, "reward", 500, 5) == {1: 1, 2: 3, 3: 5}
    assert part_means(records, "reward", 500, 1) == {1: 3}


def test_the_score_is_the_last_part_or_the_last_known_value(tmp_path: Path) -> None:
    def write(*values: float | None) -> None:
        lines = [json.dumps({"step": 100 * (i + 1), "reward": value}) for i, value in enumerate(values)]
        (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")

    write(1, 2, 3, 5)
    assert final_score(tmp_path, "reward", 400, 2) == 4
    write(1, 2, None, None)
    assert final_score(tmp_path, "reward", 400, 2) == 2
    with pytest.raises(ValueError, match=r"metric: the run has no 'rewrad' \(did you mean 'reward'\?\)"):
        final_score(tmp_path, "rewrad", 400, 2)
