"""What happened in episodes, in a DuckDB database that any DuckDB client can open."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import duckdb

from metta_jax.config.database_path import database_path
from metta_jax.sim.schema import EPISODE_TABLES

IN_MEMORY = ":memory:"


class StatsDB:
    """A database of episodes; a context manager that closes it.

    Args:
      path: of the file, made with its directories if it is not there; None: in memory.

    Attributes:
      path: as text, ":memory:" without a file.
      con: the DuckDB connection.

    Raises:
      ValueError: the file is not a DuckDB database, or has a path that DuckDB would misread.
    """

    tables: ClassVar[Mapping[str, str]] = EPISODE_TABLES
    views: ClassVar[Mapping[str, str]] = {}

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self.path = database = IN_MEMORY if path is None else _local_path(path)
        if self.path != IN_MEMORY:
            database = database_path("path", self.path)
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        try:
            self.con = duckdb.connect(database)
        except duckdb.Error as error:
            raise ValueError(f"{self.path}: cannot be opened as a DuckDB database: {_one_line(error)}") from None
        for name, columns in self.tables.items():
            self.con.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        for name, select in self.views.items():
            self.con.execute(f"CREATE OR REPLACE VIEW {name} AS {select}")

    @classmethod
    def from_uri(cls, path: str | os.PathLike[str]) -> Self:
        """Open the database of an existing file: `with StatsDB.from_uri(path) as db`.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: an address that is not of this machine's file system, or not a database.
        """
        return cls(_local_path(path, must_exist=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything out and close the file; a second call does nothing."""
        self.con.close()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The rows of a query: a pandas DataFrame if pandas is installed, else a list of dicts.

        Args:
          sql: with `?` for values. parameters: those values.
        """
        cursor = self.con.execute(sql, list(parameters))
        if importlib.util.find_spec("pandas") is not None:
            return cursor.fetchdf()
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query as tuples, whatever is installed."""
        return self.con.execute(sql, list(parameters)).fetchall()

    def record_episode(
        self,
        episode_id: str,
        attributes: Mapping[str, Any],
        agent_metrics: Mapping[int, Mapping[str, float]],
        agent_groups: Mapping[int, int],
        step_count: int,
        replay_url: str | None = None,
        created_at: datetime | None = None,
    ) -> None:
        """Add one episode in one transaction: all of it or nothing.

        Args:
          attributes: {name: value}, stored as text. agent_metrics: {agent: {metric: value}}.
          agent_groups: {agent: group id}. created_at: when it began; without a time zone taken as UTC.

        Raises:
          ValueError: the episode is there already.
        """
        with self._transaction():
            self._insert_episode(
                episode_id, attributes, agent_metrics, agent_groups, step_count, replay_url, created_at
            )

    def has_episode(self, episode_id: str) -> bool:
        """Whether the episode is recorded."""
        return bool(self.rows("SELECT 1 FROM episodes WHERE id = ?", [episode_id]))

    def get_replay_urls(self) -> list[str]:
        """The addresses of all replays."""
        found = self.rows("SELECT replay_url FROM episodes WHERE replay_url IS NOT NULL ORDER BY created_at, id")
        return [url for (url,) in found]

    def merge_in(self, other: StatsDB | str | os.PathLike[str]) -> None:
        """Add what another database (or the file of one) has; where keys exist already, this one's rows stay."""
        if isinstance(other, StatsDB):
            self._merge(other)
        else:
            path = _local_path(other, must_exist=True)
            if self._is_file(path):
                return
            with type(self)(path) as opened:
                self._merge(opened)

    def export(self, dest: str | os.PathLike[str]) -> None:
        """Write this database to a file; what is there already stays, see `merge_in`."""
        path = _local_path(dest)
        if self._is_file(path):
            self.con.execute("CHECKPOINT")
            return
        with type(self)(path) as target:
            target.merge_in(self)

    def _insert_episode(
        self,
        episode_id: str,
        attributes: Mapping[str, Any],
        agent_metrics: Mapping[int, Mapping[str, float]],
        agent_groups: Mapping[int, int],
        step_count: int,
        replay_url: str | None,
        created_at: datetime | None,
    ) -> None:
        if self.has_episode(episode_id):
            raise ValueError(f"episode_id: {episode_id!r} is recorded already")
        self.con.execute(
            "INSERT INTO episodes (id, step_count, created_at, completed_at, replay_url) VALUES (?, ?, ?, ?, ?)",
            [episode_id, int(step_count), utc(created_at), utc(), replay_url],
        )
        self._insert(
            "episode_attributes", episode_id, ("TEXT", "TEXT"), [(name, str(x)) for name, x in attributes.items()]
        )
        self._insert(
            "agent_groups", episode_id, ("INTEGER", "INTEGER"), [(int(g), int(a)) for a, g in agent_groups.items()]
        )
        metrics = [(int(a), name, float(x)) for a, values in agent_metrics.items() for name, x in values.items()]
        self._insert("agent_metrics", episode_id, ("INTEGER", "TEXT", "REAL"), metrics)

    def _insert(self, table: str, episode_id: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows of one episode in one statement: a hundred times faster than one by one."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            values = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in types)
            self.con.execute(f"INSERT INTO {table} SELECT ?, {values}", [episode_id, *columns])

    def _merge(self, other: StatsDB) -> None:
        if other is self or self._is_file(other.path):
            return
        shared = [name for name in self.tables if name in other.tables]
        # Two open databases do not see each other, and a file cannot be attached while it is open elsewhere.
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "copy.duckdb").replace("'", "''")
            other.con.execute(f"ATTACH '{path}' AS merge_copy")
            try:
                for name in shared:
                    other.con.execute(f"CREATE TABLE merge_copy.{name} AS SELECT * FROM {name}")
            finally:
                other.con.execute("DETACH merge_copy")
            self.con.execute(f"ATTACH '{path}' AS merge_copy (READ_ONLY)")
            try:
                with self._transaction():
                    for name in shared:
                        self.con.execute(f"INSERT OR IGNORE INTO {name} BY NAME SELECT * FROM merge_copy.{name}")
            finally:
                self.con.execute("DETACH merge_copy")

    def _is_file(self, path: str) -> bool:
        return self.path != IN_MEMORY and path != IN_MEMORY and Path(self.path).resolve() == Path(path).resolve()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self.con.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")


def utc(moment: datetime | None = None) -> datetime:
    """A moment, now if None, as the database keeps it: in UTC, without saying so."""
    moment = datetime.now(UTC) if moment is None else moment
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _local_path(path: str | os.PathLike[str], must_exist: bool = False) -> str:
    text = os.fspath(path).removeprefix("file://")
    if "://" in text:
        raise ValueError(f"path: {text!r} is not a local file; other places are not supported")
    if must_exist and not os.path.isfile(text):
        raise FileNotFoundError(f"{text}: there is no such database")
    return text


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
