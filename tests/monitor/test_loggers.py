"""Loggers: what is logged is read back."""

from __future__ import annotations

import csv
import io
import math
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from metta_jax.monitor import (
    ConsoleLog,
    CsvLog,
    DuckDbLog,
    JsonLinesLog,
    Logger,
    MultiLog,
    TensorBoardLog,
    WandbLog,
    read_json_lines,
)
from metta_jax.monitor.line_file import open_for_append

ROOT = Path(__file__).resolve().parents[2]

# Every kind of value that a metric can have.
METRICS = {"a/x": np.float32(0.5), "b": jnp.int32(3), "nan": float("nan"), "text": "hi", "none": None, "yes": True}


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _query(path: Path, text: str) -> list[tuple[Any, ...]]:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(path), read_only=True) as database:
        return database.execute(text).fetchall()


# -- several at once ------------------------------------------------------------------------------------------------


class _Recorder(Logger):
    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[tuple[dict[str, Any], int]] = []
        self.closed = 0
        self._error = error

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        self.records.append((dict(metrics), step))

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def test_every_logger_gets_every_record_as_plain_values() -> None:
    first, second = _Recorder(), _Recorder()
    called: list[Any] = []
    with MultiLog(first, second, lambda metrics, step: called.append((metrics, step))) as log:
        log.log({"a": jnp.float32(0.5), "b": np.int64(3)}, np.int64(7))  # type: ignore[arg-type]
    assert first.records == second.records == called == [({"a": 0.5, "b": 3}, 7)]
    assert [type(value) for value in first.records[0][0].values()] == [float, int]
    assert type(first.records[0][1]) is int
    assert (first.closed, second.closed) == (1, 1)
    log.close()
    assert first.closed == 1


def test_all_are_closed_even_if_one_fails() -> None:
    first, second = _Recorder(OSError("disk is full")), _Recorder()
    with pytest.raises(OSError, match="disk is full"), MultiLog(first, second):
        pass
    assert second.closed == 1


# -- console --------------------------------------------------------------------------------------------------------


def test_console_shows_what_is_known() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=200, color_system=None)
    with ConsoleLog(1000, console=console, shown={"reward": "overview/reward", "loss": "losses/x"}) as log:
        log.log({"overview/reward": jnp.float32(0.25), "losses/x": float("nan"), "other": 1}, 500)
    assert "500/1.0k steps" in stream.getvalue()
    assert "reward 0.25" in stream.getvalue()
    assert "loss" not in stream.getvalue()
    assert "other" not in stream.getvalue()


def test_console_redraws_a_progress_bar_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, color_system=None)
    with ConsoleLog(1000, console=console) as log:
        for step in (250, 500):
            log.log({"losses/policy_loss": 0.1}, step)
    assert " 25% ━━╌" in stream.getvalue()
    assert " 50% ━━━━━╌" in stream.getvalue()
    assert "\r\x1b[2K" in stream.getvalue()


# -- files ----------------------------------------------------------------------------------------------------------


def test_csv_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "metrics.csv"
    with CsvLog(path) as log:
        log.log(METRICS, 10)
    (row,) = _read_csv(path)
    assert row == {"step": "10", "a/x": "0.5", "b": "3", "nan": "nan", "text": "hi", "none": "", "yes": "True"}


def test_csv_grows_columns_and_goes_on_in_another_run(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with CsvLog(path) as log:
        log.log({"a": 1, "quoted": 'x,"y"'}, 1)
        log.log({"b": 2}, 2)
    with CsvLog(path) as log:
        log.log({"a": 3, "c": 4}, 3)
    assert path.read_text().splitlines()[0] == "step,a,quoted,b,c"
    assert [list(row.values()) for row in _read_csv(path)] == [
        ["1", "1", 'x,"y"', "", ""],
        ["2", "", "", "2", ""],
        ["3", "3", "", "", "4"],
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.csv"]


def test_csv_refuses_another_table(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("name,age\n")
    with pytest.raises(ValueError, match="the first column is 'name', not 'step'"):
        CsvLog(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "name,age\n"


@pytest.mark.parametrize("text", ["", "half", "one\n", "one\ntwo\nhalf", "one\n" + "x" * 10_000])
def test_half_a_line_is_removed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with open_for_append(path) as file:
        file.write("next\n")
    whole = text[: text.rindex("\n") + 1] if "\n" in text else ""
    assert path.read_text() == whole + "next\n"


def test_json_lines_go_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "a"')
    with JsonLinesLog(path) as log:
        log.log({"a": 1}, 3)
    assert read_json_lines(path) == [{"step": 1}, {"step": 3, "a": 1}]


# -- database -------------------------------------------------------------------------------------------------------


def test_duckdb_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.duckdb"
    with DuckDbLog(path, run="first") as log:
        log.log(METRICS, 2**40)
        log.log({}, 7)
    with DuckDbLog(path, run="second") as log:
        log.log({"b": 5}, 1)
    rows = _query(path, "SELECT step, name, value, text FROM metrics WHERE run = 'first' ORDER BY rowid")
    assert [row for row in rows if row[1] != "nan"] == [
        (2**40, "a/x", 0.5, None),
        (2**40, "b", 3.0, None),
        (2**40, "text", None, "hi"),
        (2**40, "none", None, None),
        (2**40, "yes", 1.0, None),
    ]
    assert math.isnan(rows[2][2])
    assert _query(path, "SELECT run, sum(value) FROM metrics WHERE name = 'b' GROUP BY run ORDER BY run") == [
        ("first", 3.0),
        ("second", 5.0),
    ]
    ((age,),) = _query(path, "SELECT max(abs(epoch(now()) - epoch(time))) FROM metrics")
    assert age < 100, "times are UTC"


def test_duckdb_as_a_wide_table(tmp_path: Path) -> None:
    path = tmp_path / "runs.duckdb"
    with DuckDbLog(path, run="a") as log:
        for step in (1, 2):
            log.log({"x": step, "y": 10 * step}, step)
    wide = "PIVOT (SELECT step, name, value FROM metrics WHERE run = 'a') ON name USING first(value) GROUP BY step"
    assert sorted(_query(path, wide)) == [(1, 1.0, 10.0), (2, 2.0, 20.0)]


KILLED = """
import os, signal, sys
from metta_jax.monitor import CsvLog, DuckDbLog, JsonLinesLog, MultiLog
log = MultiLog(JsonLinesLog("m.jsonl"), CsvLog("m.csv"), DuckDbLog("m.duckdb"))
for step in range(3):
    log.log({"a": step}, step)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_logged_survives_a_kill(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [record["a"] for record in read_json_lines(tmp_path / "m.jsonl")] == [0, 1, 2]
    assert [row["a"] for row in _read_csv(tmp_path / "m.csv")] == ["0", "1", "2"]
    with DuckDbLog(tmp_path / "m.duckdb") as log:
        log.log({"a": 3}, 3)
    assert _query(tmp_path / "m.duckdb", "SELECT value FROM metrics ORDER BY step") == [(0,), (1,), (2,), (3,)]


# -- trackers -------------------------------------------------------------------------------------------------------


def test_tensorboard_comes_back(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with TensorBoardLog(tmp_path / "run") as log:
        log.log(METRICS, 10)
        log.log({"a/x": 1.5}, 20)
        log.log({"text": "only"}, 30)
    log.close()
    events = accumulator.EventAccumulator(str(tmp_path / "run")).Reload()
    assert set(events.Tags()["scalars"]) == {"a/x", "b", "nan", "yes"}
    assert [(event.step, event.value) for event in events.Scalars("a/x")] == [(10, 0.5), (20, 1.5)]
    assert math.isnan(events.Scalars("nan")[0].value)


def test_wandb_offline_writes_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with WandbLog("project", directory=tmp_path, name="try", run_id="abc123", config={"learning": 0.25}) as log:
        log.log({"losses/unusual_name": jnp.float32(0.5), "none": None}, 10)
        log.log({"losses/unusual_name": 0.75}, 20)
    assert log.directory.parent == tmp_path / "wandb"
    assert log.directory.name.startswith("offline-run-")
    expected = (b"losses/unusual_name", b"learning", b"project", b"0.75")
    deadline = time.monotonic() + 30
    # Another process writes the file, a moment after the run has ended.
    while not all(text in (written := (log.directory / "run-abc123.wandb").read_bytes()) for text in expected):
        assert time.monotonic() < deadline, written
        time.sleep(0.05)
    assert b"none" not in written


@pytest.mark.parametrize(("log", "package"), [(TensorBoardLog, "tensorboard"), (WandbLog, "wandb")])
def test_a_missing_package_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Any, package: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(package), *sys.meta_path])
    with pytest.raises(ImportError, match=rf"^{package} is not installed: pip install 'metta-jax\[{package}\]'$"):
        log(str(tmp_path))


class _Hidden:
    """An import hook that knows nothing of a package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {self._package!r}", name=self._package)
