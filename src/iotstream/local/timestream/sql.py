"""Timestream's SQL to DuckDB's, through the syntax tree.

What analysts use first is there: `"db"."table"`, `ago`, `now`, `bin`, intervals such as `1h`,
`from_iso8601_timestamp`, `from_milliseconds`, `to_milliseconds`, `date_trunc`, aggregates, CTEs, joins.
https://docs.aws.amazon.com/timestream/latest/developerguide/reference.html
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

from iotstream.local.timestream.errors import invalid

_UNITS = {
    "ns": None,
    "us": "MICROSECOND",
    "ms": "MILLISECOND",
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "d": "DAY",
}
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\b(\d+)(ns|us|ms|s|m|h|d)\b""", re.DOTALL
)
_READS = (exp.Select, exp.SetOperation, exp.Subquery)


def translate(query: str, now: float) -> str:
    """DuckDB's SQL for a query.

    Args:
        query: Timestream's SQL.
        now: seconds since the epoch: what `now()` means.

    Raises:
        ServiceError: ValidationException, with what is not understood.
    """
    try:
        statements = sqlglot.parse(_TOKEN.sub(_interval, query), read="trino")
    except sqlglot.errors.SqlglotError as error:
        raise invalid(f"The query can't be read: {_plain(error)}") from None
    tree = statements[0] if len(statements) == 1 else None
    if not isinstance(tree, _READS):
        raise invalid("One SELECT is expected.")
    for name in tree.find_all(exp.Table):
        if not name.db and not _is_cte(name, tree):
            raise invalid(f'The table {name.name} needs its database: "database"."table".')
    return str(tree.transform(_function, now).sql(dialect="duckdb"))


def _plain(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]


def _is_cte(table: exp.Table, tree: exp.Expression) -> bool:
    return any(cte.alias == table.name for cte in tree.find_all(exp.CTE))


def _interval(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    unit = _UNITS[match[2]]
    if unit is None:
        return f"(INTERVAL '{int(match[1]) / 1000}' MICROSECOND)"
    return f"(INTERVAL '{match[1]}' {unit})"


def _now(now: float) -> exp.Expression:
    return sqlglot.parse_one(f"make_timestamp({round(now * 1_000_000)})", read="duckdb")


def _call(template: str, *arguments: exp.Expression) -> exp.Expression:
    """DuckDB's expression, with the arguments in the places of `$1`, `$2`."""
    texts = [argument.sql(dialect="duckdb") for argument in arguments]
    text = re.sub(r"\$(\d)", lambda match: texts[int(match[1]) - 1], template)
    return sqlglot.parse_one(text, read="duckdb")


_FUNCTIONS: dict[str, tuple[int, str]] = {
    "BIN": (2, "time_bucket($2, $1, TIMESTAMP '1970-01-01')"),
    "FROM_ISO8601_TIMESTAMP": (1, "CAST($1 AS TIMESTAMP)"),
    "FROM_MILLISECONDS": (1, "make_timestamp(CAST($1 AS BIGINT) * 1000)"),
    "FROM_NANOSECONDS": (1, "make_timestamp(CAST($1 AS BIGINT) // 1000)"),
    "TO_MILLISECONDS": (1, "epoch_ms($1)"),
    "TO_NANOSECONDS": (1, "epoch_ns($1)"),
}


def _function(node: exp.Expression, now: float) -> exp.Expression:
    if isinstance(node, exp.CurrentTimestamp):
        return _now(now)
    if not isinstance(node, exp.Anonymous):
        return node
    name = node.name.upper()
    arguments = [argument.transform(_function, now) for argument in node.expressions]
    if name == "NOW" and not arguments:
        return _now(now)
    if name == "AGO" and len(arguments) == 1:
        return exp.paren(exp.Sub(this=_now(now), expression=arguments[0]))
    count, template = _FUNCTIONS.get(name, (-1, ""))
    if count < 0:
        return node
    if len(arguments) != count:
        raise invalid(f"{name.lower()} takes {count} argument{'s' * (count != 1)}, not {len(arguments)}.")
    return _call(template, *arguments)
