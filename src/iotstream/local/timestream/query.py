"""Queries over the tables by DuckDB, and results as the service gives them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import invalid
from iotstream.local.timestream.sql import translate
from iotstream.local.timestream.tables import Table

Tables = Mapping[str, Mapping[str, Table]]


class Engine:
    """DuckDB, with a copy of each table that is made anew when the table has changed.

    Args:
        path: the database file; None = in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._connection = duckdb.connect(str(path) if path else ":memory:")
        self._connection.execute("SET enable_external_access = false")
        self._pages: dict[str, tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = {}

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def query(self, tables: Tables, request: Mapping[str, Any], now: float) -> dict[str, Any]:
        """The answer to a Query request.

        Raises:
            ServiceError: the query is not understood, or its token is not known.
        """
        size = request.get("MaxRows") or limits.MAX_QUERY_ROWS
        if not 1 <= size <= limits.MAX_QUERY_ROWS:
            raise invalid(f"MaxRows is 1 to {limits.MAX_QUERY_ROWS}.")
        token = request.get("NextToken")
        if token:
            if token not in self._pages:
                raise invalid("The NextToken is not known.")
            query_id, columns, rows = self._pages.pop(token)
        else:
            self.refresh(tables)
            columns, rows = self._run(translate(request["QueryString"], now))
            query_id = uuid.uuid4().hex.upper()
        return self._page(query_id, columns, rows, size)

    def refresh(self, tables: Tables) -> None:
        """Copy the tables that have changed."""
        for database, its_tables in tables.items():
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}")
            for name, table in its_tables.items():
                if table.changed:
                    self._copy(f"{_quoted(database)}.{_quoted(name)}", _microseconds(table.to_arrow()))
                    table.changed = False

    def drop(self, database: str, table: str) -> None:
        """Forget a table."""
        self._connection.execute(f"DROP TABLE IF EXISTS {_quoted(database)}.{_quoted(table)}")

    def keep(self, name: str, data: pa.Table) -> None:
        """Store a table of the state's own."""
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS state")
        self._copy(f"state.{_quoted(name)}", data)

    def kept(self, name: str) -> pa.Table | None:
        """What was stored under that name."""
        try:
            return self._connection.sql(f"SELECT * FROM state.{_quoted(name)}").to_arrow_table()  # noqa: S608 - quoted
        except duckdb.CatalogException:
            return None

    def _copy(self, target: str, data: pa.Table) -> None:
        self._connection.register("incoming", data)
        self._connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM incoming")  # noqa: S608 - quoted
        self._connection.unregister("incoming")

    def _run(self, sql: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        try:
            result: pa.Table = self._connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise invalid(f"The query can't be answered: {str(error).splitlines()[0]}") from None
        columns = [
            {"Name": one.name, "Type": {"ScalarType": _scalar_type(one.type)}} for one in result.schema
        ]
        texts = [_texts(column).to_pylist() for column in result.columns]
        rows = [{"Data": [_datum(text) for text in row]} for row in zip(*texts, strict=True)]
        return columns, rows

    def _page(
        self, query_id: str, columns: list[dict[str, Any]], rows: list[dict[str, Any]], size: int
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "QueryId": query_id,
            "Rows": rows[:size],
            "ColumnInfo": columns,
            "QueryStatus": {
                "ProgressPercentage": 100.0,
                "CumulativeBytesScanned": 0,
                "CumulativeBytesMetered": 0,
            },
        }
        if len(rows) > size:
            token = uuid.uuid4().hex
            self._pages[token] = query_id, columns, rows[size:]
            answer["NextToken"] = token
        return answer


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _microseconds(data: pa.Table) -> pa.Table:
    """Times as DuckDB's functions take them; digits beyond microseconds are cut."""
    for index, one in enumerate(data.schema):
        if pa.types.is_timestamp(one.type):
            column = pc.cast(data.column(index), pa.timestamp("us"), safe=False)
            data = data.set_column(index, one.name, column)
    return data


def _scalar_type(kind: pa.DataType) -> str:
    checks: list[tuple[Any, str]] = [
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_decimal, "DOUBLE"),
        (pa.types.is_integer, "BIGINT"),
        (pa.types.is_timestamp, "TIMESTAMP"),
        (pa.types.is_date, "DATE"),
    ]
    return next((name for check, name in checks if check(kind)), "VARCHAR")


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(pc.cast(column, pa.timestamp("ns"), safe=False), "%Y-%m-%d %H:%M:%S")
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        values = pc.cast(column, pa.float64()).to_pylist()
        return pa.chunked_array(
            [pa.array([None if value is None else repr(value) for value in values], pa.string())]
        )
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type) or pa.types.is_date(column.type):
        return pc.cast(column, pa.string())
    return pa.chunked_array(
        [pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())]
    )


def _datum(text: str | None) -> dict[str, Any]:
    return {"NullValue": True} if text is None else {"ScalarValue": text}
