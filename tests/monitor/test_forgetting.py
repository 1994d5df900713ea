"""Loggers forget later steps when a run resumes from an earlier state, and accept any text."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from metta_jax.monitor import CsvLog, DuckDbLog, JsonLinesLog, Logger, MultiLog, TensorBoardLog, read_json_lines
from metta_jax.sim import EvalStatsDB

ODD_TEXTS = [
    "\ud800 lone",
    "\udcff",
    "two\nlines\r\nand\rmore",
    "nul\0",
    '"quoted", with a comma',
    '"',
    "\x1b[2J",
    "\u2028 \u2029 \x85 \v \f",
    "漢字 😀",
    "",
    "x" * 200_000,
]


def _log(kind: str, directory: Path) -> Logger:
    if kind == "json":
        return JsonLinesLog(directory / "m.jsonl")
    if kind == "csv":
        return CsvLog(directory / "m.csv")
    if kind == "duckdb":
        return DuckDbLog(directory / "m.duckdb", run="a\udcff")
    pytest.importorskip("tensorboard")
    return TensorBoardLog(directory / "tb")


def _read(kind: str, directory: Path) -> list[tuple[int, float]]:
    """(step, value) of the metric "a" in the file."""
    if kind == "json":
        return [(record["step"], record["a"]) for record in read_json_lines(directory / "m.jsonl")]
    if kind == "csv":
        with (directory / "m.csv").open(newline="", encoding="utf-8") as file:
            return [(int(row["step"]), float(row["a"])) for row in csv.DictReader(file)]
    if kind == "duckdb":
        import duckdb

        with duckdb.connect(str(directory / "m.duckdb")) as database:
            return database.execute("SELECT step, value FROM metrics WHERE name = 'a' ORDER BY rowid").fetchall()
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = []
    for path in sorted((directory / "tb").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            found += [(event.step, value.tensor.float_val[0]) for value in event.summary.value if value.tag == "a"]
    return found


@pytest.mark.parametrize("kind", ["json", "csv", "duckdb", "tensorboard"])
def test_later_steps_are_forgotten(tmp_path: Path, kind: str) -> None:
    with _log(kind, tmp_path) as log:
        for step in (10, 20, 30, 40):
            log.log({"a": step}, step)
    if kind in ("json", "csv"):  # half a line, of a killed run
        file = tmp_path / {"json": "m.jsonl", "csv": "m.csv"}[kind]
        file.write_bytes(file.read_bytes() + b'{"step": 4' if kind == "json" else file.read_bytes() + b"41")
    if kind == "tensorboard":
        (file,) = (tmp_path / "tb").iterdir()
        file.write_bytes(file.read_bytes()[:-7])
    for _ in range(2):
        with _log(kind, tmp_path) as log, MultiLog(log, lambda *_: None) as several:
            several.forget_after(20)
            several.log({"a": 31, "new": 1}, 30)
            several.log({"a": 41}, 40)
        assert _read(kind, tmp_path) == [(10, 10.0), (20, 20.0), (30, 31.0), (40, 41.0)]
    with _log(kind, tmp_path) as log:
        log.forget_after(0)
    assert _read(kind, tmp_path) == []
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_a_database_of_several_runs_forgets_one(tmp_path: Path) -> None:
    import duckdb

    for run in ("first", "second"):
        with DuckDbLog(tmp_path / "m.duckdb", run=run) as log:
            log.log({"a": 1}, 10)
    with DuckDbLog(tmp_path / "m.duckdb", run="second") as log:
        log.forget_after(5)
    with duckdb.connect(str(tmp_path / "m.duckdb")) as database:
        assert database.execute("SELECT run FROM metrics").fetchall() == [("first",)]


def test_a_csv_that_others_have_changed(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('step,a,note\n1,1,"two\nlines"\n3,3,"7,\n2,8"\nnone,,\n', encoding="utf-8")
    with CsvLog(path) as log:
        log.forget_after(2)
        log.log({"b": 4}, 4)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert rows == [
        ["step", "a", "note", "b"],
        ["1", "1", "two\nlines", ""],
        ["none", "", "", ""],
        ["4", "", "", "4"],
    ]


@pytest.mark.parametrize("kind", ["json", "csv", "duckdb", "tensorboard"])
def test_any_text_can_be_logged(tmp_path: Path, kind: str) -> None:
    with _log(kind, tmp_path) as log:
        log.log({"a": 1.0, "huge": 10**5000, "least": -(10**400)}, 1)
        for index, text in enumerate(ODD_TEXTS):
            log.log({"a": 2.0, f"text{index}": text, f"name {text[:50]}": 3.0}, 2 + index)
    assert _read(kind, tmp_path) == [(1, 1.0), *[(2 + index, 2.0) for index in range(len(ODD_TEXTS))]]
    if kind == "csv":
        assert len((tmp_path / "m.csv").read_text(encoding="utf-8").split("\n")) == len(ODD_TEXTS) + 3
    with _log(kind, tmp_path) as log:
        log.forget_after(1)
    assert _read(kind, tmp_path) == [(1, 1.0)]


@pytest.mark.parametrize("kind", ["json", "csv", "duckdb", "tensorboard"])
def test_a_metric_cannot_be_named_step(tmp_path: Path, kind: str) -> None:
    metrics: dict[str, Any] = {"a": 1.0, "step": 7}
    with _log(kind, tmp_path) as log:
        log.log({"a": 0.0}, 1)
        with pytest.raises(ValueError, match=r"^metrics\.step: is the name of the step itself"):
            log.log(metrics, 2)
        with pytest.raises(ValueError, match=r"^metrics\.step: "):
            MultiLog(log).log(metrics, 2)
    assert _read(kind, tmp_path) == [(1, 0.0)]


def test_json_keeps_a_lone_surrogate_in_a_name(tmp_path: Path) -> None:
    with JsonLinesLog(tmp_path / "m.jsonl") as log:
        log.log({"\ud800": 1.0}, 1)
    assert json.loads((tmp_path / "m.jsonl").read_text(encoding="ascii")) == {"step": 1, "\ud800": 1.0}


@pytest.mark.parametrize("name", ["what?", "back\\slash", "\udcff"], ids=ascii)
def test_places_that_duckdb_would_misread(tmp_path: Path, name: str) -> None:
    for make in (DuckDbLog, EvalStatsDB):
        with pytest.raises(ValueError, match=r"^path: .* (has a question mark|has a backslash|is not UTF-8)"):
            make(tmp_path / name / "m.duckdb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x[1]", "lr=*", "it's", "50%20", "a;b", "md:x", "s3:", "{a,b}", "漢"])
def test_places_for_databases(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as relative paths, which DuckDB could take for addresses."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with DuckDbLog(name + "/m.duckdb") as log:
            log.log({"a": 1.0}, 1)
        with EvalStatsDB(name + "/e.duckdb") as first, EvalStatsDB() as second:
            second.record_episode("e", {}, {0: {"a": 1.0}}, {0: 0}, 3)
            first.merge_in(second)
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["e.duckdb", "m.duckdb"]
    with EvalStatsDB(name + "/e.duckdb") as db:
        assert db.rows("SELECT id FROM episodes") == [("e",)]
