"""The tables in DuckDB, for queries and between runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from iotstream.local.timestream.errors import invalid
from iotstream.local.timestream.tables import SERIES_COLUMN, VERSION_COLUMN, Table

VIEWS = "tables"
"""The schema of what queries see: a view for each table, under its identity."""
_SETTINGS = (
    "TimeZone = 'UTC'",
    # As in Timestream: 5 / 2 is 2.
    "integer_division = true",
    # SQL reads the tables and nothing else: no files, no variables of this program.
    "enable_external_access = false",
    "python_enable_replacements = false",
    "lock_configuration = true",
)
_TYPES = {
    "DOUBLE": "DOUBLE",
    "BIGINT": "BIGINT",
    "VARCHAR": "VARCHAR",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP_NS",
}


class Store:
    """DuckDB. Not for several threads at once, but for `query`.

    Args:
        path: the database file; None = in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._connection = duckdb.connect(str(path) if path else ":memory:")
        for setting in _SETTINGS:
            self._connection.execute(f"SET GLOBAL {setting}")
        for statement in (
            f"CREATE SCHEMA IF NOT EXISTS {VIEWS}",
            "CREATE SCHEMA IF NOT EXISTS points",
            "CREATE TABLE IF NOT EXISTS state (json VARCHAR)",
        ):
            self._connection.execute(statement)
        self._columns: dict[str, list[str]] = {}

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def query(self, sql: str) -> pa.Table:
        """The answer to translated SQL.

        Raises:
            ServiceError: it can't be answered.
        """
        try:
            with self._connection.cursor() as cursor:
                answer: pa.Table = cursor.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise invalid(f"The query can't be answered: {str(error).splitlines()[0]}") from None
        return answer

    def flush(self, tables: Iterable[Table], now: float, state: dict[str, Any] | None = None) -> None:
        """Store what has changed, all or nothing.

        Args:
            tables: all of them.
            now: seconds since the epoch: what is older than retention goes.
            state: what else to keep; None = as it was.
        """
        tables = list(tables)
        with self._transaction():
            for table in tables:
                self._store(table, now)
            if state is not None:
                self._connection.execute("DELETE FROM state")
                self._connection.execute("INSERT INTO state VALUES (?)", [json.dumps(state)])
        for table in tables:
            table.stored()

    def drop(self, table: Table) -> None:
        """Forget a table."""
        self._connection.execute(f"DROP VIEW IF EXISTS {VIEWS}.{_quoted(table.identity)}")
        self._connection.execute(f"DROP TABLE IF EXISTS points.{_quoted(table.identity)}")
        self._columns.pop(table.identity, None)

    def state(self) -> dict[str, Any] | None:
        """What was kept."""
        # All of them: a result that is not read to its end keeps the connection busy.
        rows = self._connection.execute("SELECT json FROM state").fetchall()
        return json.loads(rows[0][0]) if rows else None

    def points(self, table: Table) -> pa.Table:
        """The stored points of a table."""
        return self._connection.sql(f"SELECT * FROM points.{_quoted(table.identity)}").to_arrow_table()  # noqa: S608 - quoted

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        columns = dict(self._columns)
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            self._columns = columns
            raise
        self._connection.commit()

    def _store(self, table: Table, now: float) -> None:
        name = f"points.{_quoted(table.identity)}"
        cut = table.expire(now)
        self._widen(table, name)
        if cut is not None:
            self._connection.execute(f"DELETE FROM {name} WHERE epoch_ns(time) < ?", [cut])  # noqa: S608 - quoted
        changes = table.changes()
        if changes is None:
            return
        points, replaced = changes
        with self._registered("replaced", replaced), self._registered("incoming", points):
            if replaced.num_rows:
                self._connection.execute(
                    f"DELETE FROM {name} AS old USING replaced WHERE old.{SERIES_COLUMN} = "  # noqa: S608 - quoted
                    f"replaced.{SERIES_COLUMN} AND old.time = replaced.time"
                )
            self._connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")  # noqa: S608 - quoted

    def _widen(self, table: Table, name: str) -> None:
        """Let the stored table have all columns, and its view show them in the service's order."""
        columns = [*table.dimensions, "measure_name", "time", *table.measures]
        if self._columns.get(table.identity) == columns:
            return
        self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name} ({SERIES_COLUMN} BIGINT, {VERSION_COLUMN} BIGINT, "
            "measure_name VARCHAR, time TIMESTAMP_NS)"
        )
        kinds = dict.fromkeys(table.dimensions, "VARCHAR") | {
            column: _TYPES[kind] for column, kind in table.measures.items()
        }
        for column, kind in kinds.items():
            self._connection.execute(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {_quoted(column)} {kind}")
        shown = ", ".join(map(_quoted, columns))
        view = f"{VIEWS}.{_quoted(table.identity)}"
        self._connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {shown} FROM {name}")  # noqa: S608 - quoted
        self._columns[table.identity] = columns

    @contextmanager
    def _registered(self, name: str, data: pa.Table) -> Iterator[None]:
        self._connection.register(name, data)
        try:
            yield
        finally:
            self._connection.unregister(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
