"""Timestream's SQL to DuckDB's, through the syntax tree.

What analysts use first is there: `"db"."table"`, `ago`, `now`, `bin`, intervals such as `1h`,
`measure_value::double`, `from_iso8601_timestamp`, `from_milliseconds`, `to_milliseconds`, `date_trunc`,
aggregates, window functions, CTEs, joins. What DuckDB has besides may work here and not in the service;
time-series types (`create_time_series`, `interpolate_linear`) are not there.
https://docs.aws.amazon.com/timestream/latest/developerguide/reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp

from iotstream.local.timestream.errors import invalid
from iotstream.local.timestream.store import VIEWS

Identify = Callable[[str, str], str]
"""From the names of a database and a table to the table's identity; raises ServiceError."""

_UNITS = {
    "us": "MICROSECOND",
    "ms": "MILLISECOND",
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "d": "DAY",
}
_NANOSECONDS_PER_MICROSECOND = 1000
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?<![\w.])(\d+)(ns|us|ms|s|m|h|d)\b""",
    re.DOTALL | re.IGNORECASE,
)
_READS = (exp.Select, exp.SetOperation, exp.Subquery)


def translate(query: str, now: float, identify: Identify) -> str:
    """DuckDB's SQL for a query.

    Args:
        query: Timestream's SQL.
        now: seconds since the epoch: what `now()` means.
        identify: finds the tables.

    Raises:
        ServiceError: ValidationException, with what is not understood.
    """
    try:
        statements = sqlglot.parse(_TOKEN.sub(_interval, query), read="trino")
    except sqlglot.errors.SqlglotError as error:
        raise invalid(f"The query can't be read: {_plain(error)}") from None
    tree = statements[0] if len(statements) == 1 else None
    if not isinstance(tree, _READS):
        raise invalid("One SELECT, SHOW or DESCRIBE is expected: queries only read.")
    common = {cte.alias for cte in tree.find_all(exp.CTE)}

    def replace(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Table):
            return _table(node, identify, common)
        if isinstance(node, exp.Column):
            # Below, tables go by their last names.
            node.set("db", None)
            node.set("catalog", None)
            return node
        return _function(node, replace, now)

    return str(_named(tree.transform(replace)).sql(dialect="duckdb"))


def _named(tree: exp.Expression) -> exp.Expression:
    """Columns that the query gives no name are `_col0`, `_col1`, by their place."""
    select = tree
    while not isinstance(select, exp.Select):
        select = select.this
    columns = [
        one if isinstance(one, exp.Alias | exp.Column) or one.is_star else exp.alias_(one, f"_col{place}")
        for place, one in enumerate(select.expressions)
    ]
    select.set("expressions", columns)
    return tree


def _plain(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]


def _interval(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    unit = match[2].lower()
    if unit == "ns":
        return f"(INTERVAL '{int(match[1]) // _NANOSECONDS_PER_MICROSECOND}' MICROSECOND)"
    return f"(INTERVAL '{match[1]}' {_UNITS[unit]})"


def _table(node: exp.Table, identify: Identify, common: set[str]) -> exp.Table:
    if not isinstance(node.this, exp.Identifier):
        raise invalid(f"{node.sql(dialect='trino')}: queries read tables only.")
    if node.catalog:
        raise invalid(f'{node.sql(dialect="trino")}: a table\'s name is "database"."table".')
    if not node.db:
        if node.name not in common:
            raise invalid(f'The table {node.name} needs its database: "database"."table".')
        return node
    name = node.name
    node.set("this", exp.to_identifier(identify(node.db, name), quoted=True))
    node.set("db", exp.to_identifier(VIEWS))
    if not node.alias:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    return node


def _parse(text: str) -> exp.Expression:
    return sqlglot.parse_one(text, read="duckdb")


def _call(template: str, *arguments: exp.Expression) -> exp.Expression:
    """DuckDB's expression, with the arguments in the places of `$1`, `$2`."""
    texts = [argument.sql(dialect="duckdb") for argument in arguments]
    return _parse(re.sub(r"\$(\d)", lambda match: texts[int(match[1]) - 1], template))


_NOW = "make_timestamp({now_us})"
_FUNCTIONS: dict[str, tuple[int, str]] = {
    "NOW": (0, _NOW),
    "AGO": (1, f"({_NOW} - $1)"),
    # Through whole numbers, or DuckDB would round nanoseconds up, perhaps into the next bin.
    "BIN": (2, "time_bucket($2, make_timestamp(epoch_ns($1) // 1000), TIMESTAMP '1970-01-01')"),
    "FROM_ISO8601_TIMESTAMP": (1, "CAST(CAST($1 AS TIMESTAMPTZ) AS TIMESTAMP)"),
    "FROM_ISO8601_DATE": (1, "CAST($1 AS DATE)"),
    "FROM_MILLISECONDS": (1, "make_timestamp(CAST($1 AS BIGINT) * 1000)"),
    "FROM_NANOSECONDS": (1, "make_timestamp_ns(CAST($1 AS BIGINT))"),
    "INFINITY": (0, "CAST('Infinity' AS DOUBLE)"),
    "NAN": (0, "CAST('NaN' AS DOUBLE)"),
    "TO_ISO8601": (1, "(strftime($1, '%Y-%m-%dT%H:%M:%S.%n') || 'Z')"),
    "TO_MILLISECONDS": (1, "(epoch_ns($1) // 1000000)"),
    "TO_NANOSECONDS": (1, "epoch_ns($1)"),
}
_NAMES: dict[type[exp.Expression], str] = {
    exp.CurrentTimestamp: _NOW,
    exp.CurrentDate: f"CAST({_NOW} AS DATE)",
    exp.CurrentTime: f"CAST({_NOW} AS TIME)",
}


def _function(
    node: exp.Expression, replace: Callable[[exp.Expression], exp.Expression], now: float
) -> exp.Expression:
    now_us = str(round(now * 1_000_000))
    if type(node) in _NAMES:
        return _parse(_NAMES[type(node)].format(now_us=now_us))
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Column) and node.this.name == "measure_value":
        kind = node.to.sql(dialect="trino").lower()
        return exp.column(f"measure_value::{kind}", table=node.this.args.get("table"), quoted=True)
    name = (
        node.name.upper()
        if isinstance(node, exp.Anonymous)
        else node.sql_name()
        if isinstance(node, exp.Func)
        else ""
    )
    if name not in _FUNCTIONS:
        return node
    count, template = _FUNCTIONS[name]
    given = node.expressions if isinstance(node, exp.Anonymous) else [node.this]
    arguments = [argument.transform(replace) for argument in given]
    if len(arguments) != count:
        raise invalid(f"{name.lower()} takes {count} argument{'s' * (count != 1)}, not {len(arguments)}.")
    return _call(template.replace("{now_us}", now_us), *arguments)
