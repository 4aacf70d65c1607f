"""`iotstream backfill`: what a dashboard's store missed while it was down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from iotstream.cli.lakes import LakeOption, QuarantineOption, RunOption
from iotstream.errors import ConfigurationError

if TYPE_CHECKING:
    from iotstream.backfill import Backfilled, Deferred
    from iotstream.schema import Schema
    from iotstream.settings import Settings
    from iotstream.sinks.base import Sink


def backfill(
    *,
    sink: Annotated[
        str, typer.Option(help="Only this one, for example `timestream`.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what waits, and write nothing.")] = False,
    lake: LakeOption = "",
    quarantine: QuarantineOption = "",
    run: RunOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for scripts.")] = False,
) -> None:
    """Send to a hot sink, from the lake, the spans that it missed while it was down.

    The manifests of such spans name the sink as deferred; a marker beside the manifest says that it has
    them now. Doing it twice changes nothing, and a consumer may go on meanwhile. For example:

        iotstream backfill --dry-run

        iotstream backfill --sink timestream

    Exit status 0 when all of it was sent. If the sink is still down it is 1, and what was sent stays sent.
    """
    from iotstream.backfill import backfill as send
    from iotstream.backfill import deferred
    from iotstream.cli.lakes import open_stores, progress_bar, settings_of

    settings = settings_of(lake, quarantine, run)
    store, letters = open_stores(settings, settings.retry.backoff())
    waiting = list(deferred(store, sink=sink))
    done: list[Backfilled] = []
    sinks = _Sinks(settings)
    try:
        with progress_bar() as progress:
            for one in () if dry_run else send(store, letters, waiting, sinks.of):
                done.append(one)
                progress("spans", len(done))
    finally:
        # Also when the sink is down: what was sent stays sent.
        sinks.close()
        _show(waiting, done, as_json=as_json)


class _Sinks:
    """A sink for each schema that spans were written with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, list[Sink]] = {}

    def of(self, name: str, schema: Schema) -> Sink:
        """See `iotstream.backfill.SinkOf`.

        Raises:
            ConfigurationError: it is not configured.
        """
        from iotstream.assembly import hot_sinks

        if schema.fingerprint not in self._made:
            self._made[schema.fingerprint] = hot_sinks(self._settings, schema)
        for sink in self._made[schema.fingerprint]:
            if sink.name == name:
                return sink
        raise ConfigurationError(
            f"spans wait for the sink {name!r}, which is not configured: for timestream set "
            "IOTSTREAM_TIMESTREAM_DATABASE, for influxdb IOTSTREAM_INFLUXDB_URL"
        )

    def close(self) -> None:
        """Close those that were made."""
        for sink in (one for made in self._made.values() for one in made):
            sink.close()


def _show(waiting: list[Deferred], done: list[Backfilled], *, as_json: bool) -> None:
    left = waiting[len(done) :]
    rows_left = sum(one.manifest.rows for one in left)
    if as_json:
        facts = {
            "spans": len(done),
            "rows": sum(one.rows for one in done),
            "refused": sum(one.refused for one in done),
            "done": [one._asdict() for one in done],
            "waiting": [
                {
                    "stream": one.manifest.stream,
                    "shard": one.manifest.shard_id,
                    "span": one.manifest.name,
                    "sink": one.sink,
                    "rows": one.manifest.rows,
                }
                for one in left
            ],
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    from iotstream.cli.output import print_table

    if done:
        rows = [[one.sink, one.shard, one.span, one.rows, one.refused] for one in done]
        print_table(["sink", "shard", "span", "rows", "refused"], rows)
    typer.echo(f"sent: {len(done)} spans; waiting: {len(left)} spans with {rows_left:,} rows")
