"""Databases that commands are given."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from metta_jax.cli.paths import evaluation_database
from metta_jax.sim import EvalStatsDB


def test_a_directory_stands_for_the_newest_evaluations_of_its_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^database: '.*' is a directory without evaluations"):
        evaluation_database("database", tmp_path)
    stats = tmp_path / "stats"
    stats.mkdir()
    for age, name in enumerate(("all_b.duckdb", "all_a.duckdb", "0123.duckdb")):
        with EvalStatsDB(stats / name):
            pass
        os.utime(stats / name, (1_000_000 - age, 1_000_000 - age))
    assert evaluation_database("database", tmp_path) == stats / "all_b.duckdb"
    assert evaluation_database("database", stats / "all_a.duckdb") == stats / "all_a.duckdb"
    with duckdb.connect(str(stats / "all_c.duckdb")) as empty:
        empty.execute("CREATE TABLE other (x INTEGER)")
    with pytest.raises(ValueError, match="holds no evaluations"):
        evaluation_database("database", tmp_path)
