"""When the database of an evaluation is unavailable, scores are printed, and statistics are kept next to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from metta_jax.cli import evaluate, main
from metta_jax.cli.pending_stats import PendingStats
from metta_jax.sim import EvalStatsDB
from metta_jax.store import PolicyStore
from tests.store.policies import small_agent, small_params

HOLDER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS held (x INTEGER)")
print("held", flush=True)
sys.stdin.read()
"""


def _hold(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _results(episode: str) -> EvalStatsDB:
    db = EvalStatsDB()
    db.record_simulation("sim" + episode, "a", "suite", "env", "policy", 1)
    db.record_sim_episode("sim" + episode, episode, {}, {0: {"reward": 1.0}}, {0: 0}, {0: ("policy", 1)}, 5)
    return db


def _episodes(path: Path) -> list[str]:
    with EvalStatsDB(path) as db:
        return [name for (name,) in db.rows("SELECT id FROM episodes ORDER BY id")]


def test_a_database_that_is_free(tmp_path: Path) -> None:
    pending = PendingStats(tmp_path / "stats.duckdb", sleep_fn=lambda _: None)
    pending.deliver()
    assert list(tmp_path.iterdir()) == []
    for episode in ("e1", "e2"):
        pending.add(_results(episode))
        assert _episodes(pending.path)[-1] == episode, "a kill would lose nothing"
    pending.deliver()
    assert [path.name for path in tmp_path.iterdir()] == ["stats.duckdb"]
    assert _episodes(tmp_path / "stats.duckdb") == ["e1", "e2"]


def test_a_database_that_is_free_again_after_a_while(tmp_path: Path) -> None:
    waits: list[float] = []
    with _hold(tmp_path / "stats.duckdb") as process:

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                process.communicate("")

        pending = PendingStats(tmp_path / "stats.duckdb", sleep_fn=wait)
        pending.add(_results("e1"))
        pending.deliver()
    assert len(waits) == 3
    assert _episodes(tmp_path / "stats.duckdb") == ["e1"]
    assert not pending.path.exists()


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of `eval` for two policies, where nothing is really played."""
    store = PolicyStore(tmp_path / "checkpoints")
    for epoch in (1, 2):
        store.save(small_agent(), small_params(), epoch)
    monkeypatch.setattr(PendingStats.deliver, "__defaults__", ((),))

    def played(record: Any, suite: Any, store: Any, options: Any, pending: PendingStats | None) -> dict[str, Any]:
        if record.metadata.epoch == options.seed:
            raise RuntimeError("No simulations could be run successfully")
        if pending is not None:
            evaluate._keep(pending, _results(f"e{record.metadata.epoch}"))
        return {"name": record.run_name}

    monkeypatch.setattr(evaluate, "_played", played)
    policies, database = str(tmp_path / "checkpoints"), str(tmp_path / "stats.duckdb")
    return ["eval", policies, "--selector", "all", "--stats-db", database]


def _printed(text: str) -> list[str]:
    lines = text.splitlines()
    start, end = lines.index(evaluate.START), lines.index(evaluate.END)
    (policy,) = json.loads("\n".join(lines[start + 1 : end]))["policies"]
    return [checkpoint["name"] for checkpoint in policy["checkpoints"]]


def test_scores_are_told_and_statistics_can_be_merged_later(
    tmp_path: Path, evaluated: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "stats.duckdb"
    check = evaluate.writable_file
    holders: list[subprocess.Popen[str]] = []

    def writable_file(option: str, path: Path) -> Path:
        # It is free when that is asked, and not when everything was played.
        monkeypatch.setattr(evaluate, "database_file", lambda *_: holders.append(_hold(path)))
        monkeypatch.setattr(EvalStatsDB, "from_uri", classmethod(lambda cls, path: cls()))
        return check(option, path)

    monkeypatch.setattr(evaluate, "writable_file", writable_file)
    EvalStatsDB(database).close()
    try:
        with pytest.raises(SystemExit) as error:
            main(evaluated)
        assert error.value.code == 2
        printed = capsys.readouterr()
        assert _printed(printed.out) == ["model_0001", "model_0002"]
        assert printed.err.count("\n") == 1
        (left,) = tmp_path.glob("stats.pending-*.duckdb")
        assert printed.err.endswith(f"add them later with: metta-jax stats {database} --merge {left}\n")
    finally:
        for process in holders:
            process.communicate("")
    monkeypatch.undo()
    assert main(["stats", str(database), "SELECT id FROM episodes ORDER BY id", "--json", "--merge", str(left)]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": "e1"}, {"id": "e2"}]
    assert main(["stats", str(tmp_path / "new.duckdb"), "--merge", str(left), str(left)]) == 0
    assert _episodes(tmp_path / "new.duckdb") == ["e1", "e2"]
    assert capsys.readouterr().out


def test_an_evaluation_that_fails_in_the_middle(
    tmp_path: Path, evaluated: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="No simulations"):
        main([*evaluated, "--seed", "2"])
    assert _printed(capsys.readouterr().out) == ["model_0001"]
    assert _episodes(tmp_path / "stats.duckdb") == ["e1"]
    with pytest.raises(RuntimeError, match="No simulations"):
        main([*evaluated, "--seed", "1"])
    assert capsys.readouterr().out == ""


def test_what_cannot_be_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
    (tmp_path / "text").write_text("no database")
    for name in ("other.duckdb", "text", "nowhere"):
        with pytest.raises(SystemExit) as error:
            main(["stats", str(tmp_path / "new.duckdb"), "--merge", str(tmp_path / name)])
        assert error.value.code == 2
        printed = capsys.readouterr().err
        assert printed.startswith("metta-jax: --merge: ")
        assert printed.count("\n") == 1
    assert not (tmp_path / "new.duckdb").exists()
