"""The soak: what grows is found, and a short run of it holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import report

ROOT = Path(__file__).resolve().parents[2]


def samples(**changes: float) -> list[dict[str, float]]:
    flat = {"memory_mb": 900.0, "open_files": 20.0, "memory_maps": 500.0, "compiled": 30.0}
    rows = [flat | {"agent_steps": 100.0 * i, "seconds": float(i)} for i in range(30)]
    for row in rows[20:]:
        row.update(changes)
    return rows


@pytest.mark.parametrize(
    ("field", "value"), [("memory_mb", 960.0), ("open_files", 24.0), ("memory_maps", 530.0), ("compiled", 31.0)]
)
def test_what_grows_is_found(field: str, value: float) -> None:
    said: list[str] = []
    assert report(samples(**{field: value}), said.append) == [field]
    assert [line.split()[0] for line in said if line.endswith("grows")] == [field]


def test_what_stays_is_well() -> None:
    assert report(samples(memory_mb=930.0, open_files=22.0), lambda line: None) == []


def test_a_run_that_stands_still_is_found() -> None:
    assert report(samples(agent_steps=900.0), lambda line: None) == ["the run stands still"]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="samples: 5 are too few"):
        report(samples()[:5])


@pytest.mark.slow
def test_files_and_compilations_stay_within_minutes(tmp_path: Path) -> None:
    """Memory needs longer to settle: `python benchmarks/soak.py` takes half an hour."""
    command = [sys.executable, "benchmarks/soak.py", "--minutes", "6", "--num-envs", "4", "--every", "3"]
    subprocess.run([*command, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, check=False, timeout=900)
    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    faults = report(rows)
    assert not {"open_files", "compiled", "the run stands still"} & set(faults)
