"""How a bill is shown: as a table with bars, as a dict for scripts, as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from importlib import resources
from typing import Any

from iotstream.cost.bill import Bill
from iotstream.cost.flow import Flow
from iotstream.cost.original import claims
from iotstream.cost.prices import Prices
from iotstream.cost.tables import Table, bar, dollars, number
from iotstream.cost.usage import Usage
from iotstream.report.svg import bar_chart


def bill_table(usage: Usage, bill: Bill, prices: Prices) -> Table:
    """Dollars by service, the share of each, what drives it. A star: by prices that no source confirms."""
    rows = [
        (
            service + (" *" if service in bill.unconfirmed else ""),
            dollars(cost),
            f"{cost / bill.total:.1%}",
            bar(cost / bill.total),
            _driver(bill, service),
        )
        for service, cost in bill.services.items()
    ]
    rows.append(
        ("total", dollars(bill.total), "100.0%", "", f"{_per_million(usage, bill)} $ a million messages")
    )
    title = f"{number(Flow(usage).rows_per_s)} messages a second, {_choices(usage)}"
    return Table(
        title, ("service", "$ a month", "share", "", "driven by"), tuple(rows), tuple(_notes(bill, prices))
    )


def _choices(usage: Usage) -> str:
    packed = "1 row" if usage.rows_per_record == 1 else f"{usage.rows_per_record} rows"
    parts = (usage.ingest, usage.stream_mode, usage.consumer, usage.tsdb, usage.network)
    return f"{packed} a record, {', '.join(parts)}"


def _driver(bill: Bill, service: str) -> str:
    line = bill.driver(service)
    return f"{line.what}: {number(line.quantity)} x {line.price.unit}"


def _per_million(usage: Usage, bill: Bill) -> str:
    return f"{bill.total / Flow(usage).rows * 1e6:,.3f}"


def _notes(bill: Bill, prices: Prices) -> Iterator[str]:
    yield (
        f"List prices of {prices.region}, read on {prices.read}, without free tier, discounts, tax, support, "
        "KMS keys, traces, backups, the devices, and what leaves AWS."
    )
    for service, found in bill.unconfirmed.items():
        doubts = "; ".join(f"{name} ({comment})" for name, comment in found.items())
        yield f"* {service}: not confirmed: {doubts}."


def to_dict(usage: Usage, bill: Bill, prices: Prices) -> dict[str, Any]:
    """The bill, line by line, for scripts."""
    return {
        "region": prices.region,
        "prices_read": prices.read.isoformat(),
        "usage": asdict(usage),
        "total": bill.total,
        "per_million_messages": bill.total / Flow(usage).rows * 1e6,
        "services": [
            {
                "service": service,
                "dollars": cost,
                "share": cost / bill.total,
                "driver": _driver(bill, service),
                "confirmed": service not in bill.unconfirmed,
                "lines": [
                    {
                        "what": line.what,
                        "quantity": line.quantity,
                        "unit": line.price.unit,
                        "price": line.price.name,
                        "dollars": line.dollars,
                    }
                    for line in bill.lines
                    if line.service == service
                ],
            }
            for service, cost in bill.services.items()
        ],
        "original": [one._asdict() for one in claims(prices)],
        "unconfirmed": sorted({name for found in bill.unconfirmed.values() for name in found}),
    }


def page(usage: Usage, bill: Bill, tables: Sequence[Table]) -> str:
    """One HTML page, readable offline: the bill as bars, then the tables."""
    style = resources.files("iotstream.report").joinpath("style.css").read_text("utf-8")
    title = f"iotstream: {dollars(bill.total)} $ a month"
    chart = bar_chart("$ a month", bill.services, color="var(--series-1)")
    body = "".join(_section(table) for table in tables)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style></head>\n<body><main>"
        f'<header><h1>{escape(title)}</h1><p class="lead">{escape(_choices(usage))}</p></header>'
        f'<section><div class="card">{chart}</div></section>{body}</main></body></html>\n'
    )


def _section(table: Table) -> str:
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return (
        f"<section><h2>{escape(table.title)}</h2><div class='card scroll'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{notes}</section>"
    )
