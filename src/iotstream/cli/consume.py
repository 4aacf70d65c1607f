"""`iotstream consume`: the long-running consumer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from iotstream.settings import Settings


def consume(
    *,
    source: Annotated[
        str,
        typer.Option(
            help="`kcl`: many consumers share the shards (needs Java 17 or later). `direct`: this one reads "
            "all. Default: `consumer.source`.",
            show_default=False,
        ),
    ] = "",
    stream: Annotated[
        str, typer.Option(help="The Kinesis stream. Default: `stream.name`.", show_default=False)
    ] = "",
    run: Annotated[
        str,
        typer.Option(
            help="Reprocess on purpose: a run of that name has its own checkpoints, journal and lake, below "
            "`runs/NAME`; dashboards are left alone.",
            show_default=False,
        ),
    ] = "",
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="Where shards without a checkpoint begin: `TRIM_HORIZON`, `LATEST`, or a time such as "
            "`2026-01-31T12:00:00Z`. Default: `consumer.initial_position`.",
            show_default=False,
        ),
    ] = "",
    host: Annotated[
        str,
        typer.Option(
            help="Where `/health` and `/metrics` listen. Default: `consumer.host`.", show_default=False
        ),
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(help="Their port; 0: any that is free. Default: `consumer.port`.", show_default=False),
    ] = None,
) -> None:
    """Read a Kinesis stream into the lake and the hot sinks, until stopped: exactly-once Parquet.

    It needs `IOTSTREAM_LAKE_URI` and `IOTSTREAM_JOURNAL_URI`; docs/settings.md has all settings. For example:

        export IOTSTREAM_LAKE_URI=s3://my-lake/telemetry IOTSTREAM_JOURNAL_URI=dynamodb://my-journal
        iotstream consume --stream kinesis-stream

    Everything again, into a lake of its own, from a moment on:

        iotstream consume --run second-try --from 2026-01-31T12:00:00Z

    Logs are JSON lines on stderr, metrics lines of EMF on stdout. SIGTERM or Ctrl-C finishes what is open.
    Exit status 0 after that, else 1.
    """
    from iotstream.logs import configure
    from iotstream.settings import Settings

    settings = Settings.load(os.environ)
    settings = replace(
        settings,
        stream=_with(settings.stream, name=stream),
        journal=_with(settings.journal, run=run),
        consumer=_with(settings.consumer, source=source, initial_position=start, host=host, port=port),
    )
    settings.require("lake.uri", "journal.uri")
    configure(settings.log.level)
    raise typer.Exit(_run(settings))


def _with(section: Any, **given: str | int | None) -> Any:
    """The section with what was given on the command line."""
    return replace(section, **{key: value for key, value in given.items() if value not in {"", None}})


def _run(settings: Settings) -> int:
    if settings.consumer.source == "direct":
        from iotstream.sources.direct.consumer import run as run_direct

        return run_direct(settings)
    from iotstream.sources.kcl.consumer import run as run_kcl

    return run_kcl(settings)
