"""`iotstream query`: SQL over the lake, or over Timestream."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pyarrow as pa

TEACH = """\
Two questions to begin with:

  The last hour, from Timestream:
    iotstream query --timestream 'SELECT * FROM "iot_timestream_db"."iot_table" WHERE time > ago(1h)'

  100 rows of the lake:
    iotstream query 'SELECT * FROM iot_database.iot_table LIMIT 100'

A condition on dt and hour leaves the other partitions unread:
    iotstream query "SELECT device_id, avg(temperature) FROM iot_database.iot_table
                     WHERE dt = '2026-11-24' GROUP BY device_id"
"""


def query(
    sql: Annotated[str | None, typer.Argument(help="A SELECT. Without one: examples.")] = None,
    *,
    lake: Annotated[
        str,
        typer.Option(help="s3://bucket/prefix or file:///directory. Default: lake.uri, or the catalogue."),
    ] = "",
    timestream: Annotated[bool, typer.Option(help="Ask Timestream instead of the lake.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False,
) -> None:
    """Ask the lake (by DuckDB on this machine) or Timestream.

    The lake's table is `iot_database.iot_table`, with the partition columns `dt` and `hour`. Where it is
    comes from `--lake`, or `IOTSTREAM_LAKE_URI`, or the Glue catalogue.

        iotstream query 'SELECT count(*) FROM iot_database.iot_table'

        iotstream query --lake file:///tmp/my-demo/lake 'SELECT * FROM iot_database.iot_table LIMIT 5'
    """
    if sql is None:
        typer.echo(TEACH)
        raise typer.Exit(0)
    _show(_ask_timestream(sql) if timestream else _ask_lake(sql, lake), as_json=as_json, as_csv=as_csv)


def _ask_lake(sql: str, uri: str) -> pa.Table:
    from iotstream.lake import Lake
    from iotstream.schema import Schema
    from iotstream.settings import Settings

    settings = Settings.load(os.environ)
    # A lake that is named here may hold anything; the configured one holds the configured schema.
    columns = None if uri else Schema.load(settings.schema.path or None).arrow
    place = uri or settings.lake.uri
    if not place:
        import boto3

        from iotstream.catalog import describe_table

        known = describe_table(boto3.client("glue"), database="iot_database", table="iot_table")
        place, columns = known.lake, known.columns
    with Lake.open(place, schema=columns) as lake:
        return lake.query(sql)


def _ask_timestream(sql: str) -> pa.Table:
    import boto3

    from iotstream.timestream_query import ask

    return ask(boto3.client("timestream-query"), sql)


def _show(table: pa.Table, *, as_json: bool, as_csv: bool) -> None:
    if as_csv:
        import pyarrow.csv

        pyarrow.csv.write_csv(table, sys.stdout.buffer)
    elif as_json:
        for row in table.to_pylist():
            typer.echo(json.dumps(row, default=str, ensure_ascii=False))
    else:
        from iotstream.cli.output import print_table

        print_table(table.column_names, [list(row.values()) for row in table.to_pylist()])
        typer.echo(f"{table.num_rows:,} rows")
