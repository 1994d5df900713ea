"""Checks of files and directories before hours are spent on them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from pathlib import Path


def writable_directory(option: str, path: Path) -> Path:
    """`path`, which is made if it is not there. Raises ValueError that names the option if nothing can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise ValueError(f"{option}: cannot write into {str(path)!r}: {error.strerror}") from None


def writable_file(option: str, path: Path) -> Path:
    """`path`, whose directory is made if it is not there. Raises ValueError like `writable_directory`."""
    if path.is_dir():
        raise ValueError(f"{option}: {str(path)!r} is a directory")
    writable_directory(option, path.parent)
    return path


def database_file(option: str, path: Path) -> Path:
    """`path`, a DuckDB database. Raises ValueError if it is not one: DuckDB opens files of other formats too."""
    from metta_jax.config.database_path import database_path  # loads the configurations

    database_path(option, path)
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise ValueError(f"{option}: cannot read {str(path)!r}: {error.strerror}") from None
    if head[8:12] != b"DUCK":
        raise ValueError(f"{option}: {str(path)!r} is not a DuckDB database")
    return path


def evaluation_database(option: str, path: Path) -> Path:
    """`path`, a database of evaluations, or the newest one of the run in this directory.

    It is only read: `EvalStatsDB` would make tables in one that has none.
    """
    import duckdb

    if path.is_dir():
        found = sorted((path / "stats").glob("all_*.duckdb"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise ValueError(f"{option}: {str(path)!r} is a directory without evaluations (stats/all_*.duckdb)")
        path = found[-1]
    database_file(option, path)
    with database_errors(option, path), duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    if ("agent_metrics",) not in tables:
        raise ValueError(f"{option}: {str(path)!r} holds no evaluations; `metta-jax eval --stats-db` adds some")
    return path


@contextlib.contextmanager
def database_errors(option: str, path: Path) -> Generator[None]:
    """What DuckDB refuses in the block becomes a ValueError: it has errors of its own."""
    import duckdb  # loads a large library, which few commands need

    try:
        yield
    except duckdb.Error as error:
        raise ValueError(f"{option}: {str(path)!r}: {error}") from None
