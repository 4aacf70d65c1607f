"""The commands and their order. Each is a module of its own that imports what it needs when it runs."""

from __future__ import annotations

import typer

from iotstream.cli.audit import audit
from iotstream.cli.backfill import backfill
from iotstream.cli.consume import consume
from iotstream.cli.cost import cost
from iotstream.cli.demo import demo
from iotstream.cli.local import local
from iotstream.cli.query import query
from iotstream.cli.schema import schema
from iotstream.cli.simulate import simulate
from iotstream.cli.version import version

app = typer.Typer(
    name="iotstream",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From devices to SQL: MQTT, Kinesis, validated columns, Timestream, Parquet.",
)
app.command()(demo)
app.command()(local)
app.command()(simulate)
app.command()(consume)
app.command()(query)
app.command()(audit)
app.command()(backfill)
app.command()(cost)
app.add_typer(schema, name="schema")
app.command()(version)
