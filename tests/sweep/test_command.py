"""`metta-jax sweep`: what it prints, and its mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from metta_jax.cli import main
from tests.sweep.small import TOTAL, fake_training

SPACE = f"""
world: forage
environment: {{num_envs: 2, num_maps: 1}}
trainer: {{total_timesteps: {TOTAL}, bptt_horizon: 16, batch_size: 128, minibatch_size: 128}}
fields:
  optimizer.learning_rate: {{low: 1e-4, high: 1e-2, log: true}}
"""


def _mistake(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as error:
        main(["sweep", *arguments])
    assert error.value.code == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed


def test_a_sweep_and_its_continuation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = fake_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("rates.yaml").write_text(SPACE)
    assert main(["sweep", "rates.yaml", "--trials", "3"]) == 0
    printed = capsys.readouterr().out
    assert "study rates: 3 trials, 1 workers, into sweeps/rates" in printed
    assert printed.count("overview/reward") >= 3
    assert Path("sweeps/rates/results.duckdb").exists()
    assert Path("sweeps/rates/sweep.html").exists()
    assert len(runs) == 3
    # More trials of the same study, by its name alone.
    assert main(["sweep", "--study", "rates", "--trials", "4", "--report"]) == 0
    assert "1 of 4 trials are left: the same command continues" in capsys.readouterr().out
    assert len(runs) == 3
    assert main(["sweep", "--study", "rates"]) == 0
    assert "are left" not in capsys.readouterr().out
    assert len(runs) == 4
    # The command of the beginning, without a number: the study's stays.
    assert main(["sweep", "rates.yaml"]) == 0
    assert len(runs) == 4
    Path("rates.yaml").write_text(SPACE.replace("1e-2", "2e-2"))
    message = "metta-jax: --study: 'rates' holds another space: fields.optimizer.learning_rate.high is 0.01 there"
    assert message in _mistake(capsys, "rates.yaml")


def test_a_new_study_has_16_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rates.yaml").write_text(SPACE)
    assert main(["sweep", "rates.yaml", "--report"]) == 0
    assert "16 of 16 trials are left" in capsys.readouterr().out


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert "sweep: give a space, or the name of an existing --study" in _mistake(capsys)
    assert "none.yaml: No such file" in _mistake(capsys, "none.yaml")
    Path("bad.yaml").write_text(SPACE.replace("optimizer.learning_rate", "learning_rate"))
    assert "did you mean 'optimizer.learning_rate'?" in _mistake(capsys, "bad.yaml")
    Path("bad.yaml").write_text(SPACE.replace("low: 1e-4", "low: -1"))
    assert "bad.yaml: fields.optimizer.learning_rate: low -1 is not above 0" in _mistake(capsys, "bad.yaml")
    Path("good.yaml").write_text(SPACE)
    assert "--storage: cannot open 'nonsense'" in _mistake(capsys, "good.yaml", "--storage", "nonsense")
    assert "--trials: 0 is not at least 1" in _mistake(capsys, "good.yaml", "--trials", "0")
    Path("taken").write_text("")
    assert "--out: cannot write into 'taken'" in _mistake(capsys, "good.yaml", "--out", "taken")
