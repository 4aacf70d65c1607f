"""SHOW and DESCRIBE.

https://docs.aws.amazon.com/timestream/latest/developerguide/supported-sql-constructs.SHOW.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.local.timestream.errors import invalid
from iotstream.local.timestream.tables import Table

Tables = Mapping[str, Mapping[str, Table]]

_NAME = r'(?:"((?:[^"]|"")+)"|([\w-]+))'
_LIKE = r"(?:\s+LIKE\s+'((?:[^']|'')*)')?"
_END = r"\s*;?\s*"
_IN = rf"{_NAME}\s*\.\s*{_NAME}"


def _statement(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\s*{pattern}{_END}", re.IGNORECASE)


_DATABASES = _statement(rf"SHOW\s+DATABASES{_LIKE}")
_TABLES = _statement(rf"SHOW\s+TABLES(?:\s+FROM\s+{_NAME})?{_LIKE}")
_MEASURES = _statement(rf"SHOW\s+MEASURES\s+FROM\s+{_IN}{_LIKE}")
_DESCRIBE = _statement(rf"DESC(?:RIBE)?\s+{_IN}")
_ANY = re.compile(r"\s*(SHOW|DESC|DESCRIBE)\b", re.IGNORECASE)


def show(query: str, tables: Tables, table: Callable[[str, str], Table]) -> pa.Table | None:
    """The answer to a SHOW or DESCRIBE statement; None if it is none.

    Args:
        query: the statement.
        tables: all tables by database.
        table: finds one; raises ServiceError.

    Raises:
        ServiceError: it is one, but is not understood, or there is no such database or table.
    """
    if not _ANY.match(query):
        return None
    if match := _DATABASES.fullmatch(query):
        return _like(pa.table({"Database": pa.array(tables, pa.string())}), match[1])
    if match := _TABLES.fullmatch(query):
        return _like(
            pa.table({"Table": pa.array(_table_names(tables, _name(match, 1)), pa.string())}), match[3]
        )
    if match := _MEASURES.fullmatch(query):
        return _like(_measures(table(_name(match, 1), _name(match, 3))), match[5])
    if match := _DESCRIBE.fullmatch(query):
        return _described(table(_name(match, 1), _name(match, 3)))
    raise invalid(
        "SHOW DATABASES, SHOW TABLES [FROM database], SHOW MEASURES FROM database.table, each with "
        "[LIKE 'pattern'], or DESCRIBE database.table is expected."
    )


def _name(match: re.Match[str], group: int) -> str:
    return (match[group] or "").replace('""', '"') or match[group + 1] or ""


def _table_names(tables: Tables, database: str) -> list[str]:
    if not database:
        return [name for its in tables.values() for name in its]
    if database not in tables:
        raise invalid(f"The database {database} does not exist.")
    return list(tables[database])


def _like(answer: pa.Table, pattern: str | None) -> pa.Table:
    if pattern is None:
        return answer
    return answer.filter(pc.match_like(answer.column(0), pattern.replace("''", "'")))


def _measures(table: Table) -> pa.Table:
    rows = [
        {
            "measure_name": name,
            "data_type": kind.lower(),
            "dimensions": [
                {"dimension_name": dimension, "data_type": "varchar"}
                for dimension in table.dimensions_of(name)
            ],
        }
        for name, kinds in table.measure_names.items()
        for kind in kinds
    ]
    row = pa.struct({"dimension_name": pa.string(), "data_type": pa.string()})
    schema = {"measure_name": pa.string(), "data_type": pa.string(), "dimensions": pa.list_(row)}
    return pa.Table.from_pylist(rows, pa.schema(schema))


def _described(table: Table) -> pa.Table:
    rows = [(name, "varchar", "DIMENSION") for name in table.dimensions]
    rows += [("measure_name", "varchar", "MEASURE_NAME"), ("time", "timestamp", "TIMESTAMP")]
    rows += [
        (name, kind.lower(), "MEASURE_VALUE" if name.startswith("measure_value::") else "MULTI")
        for name, kind in table.measures.items()
    ]
    names = ["Column", "Type", "Timestream attribute type"]
    return pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], names=names)
