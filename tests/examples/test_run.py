"""The complete example, small."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from metta_jax.monitor import read_json_lines

RUN = Path(__file__).resolve().parents[2] / "examples" / "run.py"


def _run(out: Path, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        cache = str(RUN.parents[1] / ".cache" / "jax")  # where the tests have theirs
        patch.setattr(sys, "argv", [str(RUN), "--num-envs", "2", "--out", str(out), "--cache", cache, *arguments])
        runpy.run_path(str(RUN), run_name="__main__")


@pytest.mark.slow
def test_it_trains_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, "--total-steps", "1024", "--max-minutes", "60")
    printed = capsys.readouterr().out
    assert "1,024 agent steps in" in printed
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "trainer_state" / "2" / "trainer.json").exists()
    assert [record["step"] for record in read_json_lines(tmp_path / "metrics.jsonl")] == [512, 1024]

    _run(tmp_path, "--total-steps", "1536", "--max-minutes", "60", "--resume")
    assert "resumed at 1,024 agent steps" in capsys.readouterr().out
    assert [record["step"] for record in read_json_lines(tmp_path / "metrics.jsonl")] == [512, 1024, 1536]


@pytest.mark.slow
def test_a_time_limit_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, "--max-minutes", "0")
    assert "0 agent steps in" in capsys.readouterr().out
