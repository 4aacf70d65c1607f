"""`iotstream cost`: what a month costs, where choices break even, what a rate takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from iotstream.cost.tables import Table


def cost(
    *,
    messages_per_day: Annotated[
        float | None, typer.Option(help="Readings that devices make. Default: 1,000,000.", show_default=False)
    ] = None,
    messages_per_second: Annotated[
        float | None, typer.Option(help="The same, by second.", show_default=False)
    ] = None,
    bytes_per_message: Annotated[float, typer.Option(help="Of one reading, as JSON.")] = 100,
    rows_per_record: Annotated[int, typer.Option(help="Readings packed into one record.")] = 1,
    compressed_to: Annotated[
        float, typer.Option(help="A record's size after compression, as a share: 1 = not compressed.")
    ] = 1.0,
    devices: Annotated[
        int, typer.Option(help="Connected all the time. 0: one for each message a second.")
    ] = 0,
    ingest: Annotated[
        str,
        typer.Option(help="iot, basic-ingest (rules without the broker's price) or producer (no IoT Core)."),
    ] = "iot",
    consumer: Annotated[str, typer.Option(help="lambda or ecs.")] = "lambda",
    tsdb: Annotated[str, typer.Option(help="influxdb, liveanalytics, both or none.")] = "influxdb",
    stream_mode: Annotated[
        str, typer.Option(help="on-demand, on-demand-advantage or provisioned.")
    ] = "on-demand",
    headroom: Annotated[float, typer.Option(help="Shards for so many times the mean rate.")] = 1.25,
    retention_hours: Annotated[int, typer.Option(help="How long the stream keeps records.")] = 168,
    window: Annotated[float, typer.Option(help="Lambda's batching window, seconds.")] = 60,
    lambda_memory: Annotated[int, typer.Option(help="Lambda's memory, MB.")] = 1769,
    span_age: Annotated[float, typer.Option(help="The consumer's `span.max_age_s`.")] = 60,
    queries: Annotated[float, typer.Option(help="Of Athena a day, and as many of the store.")] = 100,
    scanned_days: Annotated[float, typer.Option(help="Days of the lake that a query of Athena reads.")] = 1,
    lake_months: Annotated[int, typer.Option(help="Months that the lake holds.")] = 12,
    network: Annotated[str, typer.Option(help="How private subnets reach AWS: endpoints, nat or none.")] = (
        "endpoints"
    ),
    compare: Annotated[
        bool, typer.Option("--compare", help="Where packing, stream modes, consumers and stores break even.")
    ] = False,
    capacity: Annotated[
        bool, typer.Option("--capacity", help="What the rate takes of each service, and what breaks first.")
    ] = False,
    original: Annotated[
        bool, typer.Option(help="Show the estimate of the original project beside the bill.")
    ] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables as Markdown, for a page.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with a chart there.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for scripts.")] = False,
) -> None:
    """Say what a month costs in AWS, by service, and what drives it.

    From list prices (a dated table that comes with the command), the services' limits, and what a record
    was measured to take. It asks nobody, and knows nothing of your account. For example:

        iotstream cost --messages-per-day 1000000 --rows-per-record 10

        iotstream cost --messages-per-second 5000 --consumer ecs --stream-mode provisioned --compare

        iotstream cost --messages-per-second 1000000 --capacity

    A star marks what stands on a price that no source confirms. docs/cost.md explains the model.
    """
    from iotstream.cost import Prices, Usage, bill_of
    from iotstream.cost.capacity import capacity as capacity_tables
    from iotstream.cost.compare import comparisons
    from iotstream.cost.original import original_table
    from iotstream.cost.views import bill_table, page, to_dict

    usage = Usage(
        messages_per_day=_per_day(messages_per_day, messages_per_second),
        bytes_per_message=bytes_per_message,
        rows_per_record=rows_per_record,
        compressed_to=compressed_to,
        devices=devices,
        ingest=ingest,
        consumer=consumer,
        tsdb=tsdb,
        stream_mode=stream_mode,
        headroom=headroom,
        retention_hours=retention_hours,
        window_s=window,
        lambda_memory_mb=lambda_memory,
        span_age_s=span_age,
        queries=queries,
        scanned_days=scanned_days,
        lake_months=lake_months,
        network=network,
    )
    prices = Prices.load()
    bill = bill_of(usage, prices)
    further = [
        *(comparisons(usage, prices) if compare else []),
        *(capacity_tables(usage, prices) if capacity else []),
    ]
    if html:
        html.write_text(page(usage, bill, [bill_table(usage, bill, prices), *further]), "utf-8")
    if as_json:
        answer = to_dict(usage, bill, prices) | {"tables": [table.to_dict() for table in further]}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    # Tables that were asked for stand alone.
    alone = [bill_table(usage, bill, prices), *([original_table(prices)] if original else [])]
    _show(further or alone, markdown=markdown)


def _per_day(per_day: float | None, per_second: float | None) -> float:
    from iotstream.errors import ConfigurationError

    if per_day is not None and per_second is not None:
        raise ConfigurationError("--messages-per-day and --messages-per-second are both given: give one")
    if per_second is not None:
        return per_second * 86_400
    return 1_000_000 if per_day is None else per_day


def _show(tables: list[Table], *, markdown: bool) -> None:
    from iotstream.cli.output import print_table

    for index, table in enumerate(tables):
        if index:
            typer.echo()
        if markdown:
            typer.echo(table.markdown(), nl=False)
            continue
        # Apart from the table, which would fold it at its own width.
        typer.echo(table.title)
        print_table(table.columns, table.rows)
        for note in table.notes:
            typer.echo(note)
