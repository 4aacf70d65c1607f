"""`render`: the report as one HTML page that needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from iotstream.report.data import Answer, ReportData, Sample, quantile
from iotstream.report.scales import number
from iotstream.report.svg import Line, bar_chart, histogram, line_chart
from iotstream.report.telemetry import PALETTE, Chart, charts, summaries

# The page may load nothing, wherever it is opened: what it needs is in it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
SMOOTHING_S = 1.5
SHORTEST_S = 0.5


def render(data: ReportData) -> str:
    """The whole page."""
    body = "\n".join(
        (
            _header(data),
            _tiles(data),
            _balance(data),
            _section("Pipeline", "How the stages kept up with the devices.", pipeline_charts(data)),
            _section(
                "Telemetry",
                "What the devices measured, read back from the lake.",
                charts(data.rows, data.schema),
                _summary_table(data),
            ),
            _answers(data.answers),
            _footer(data),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(data.title)}</title>\n<style>{_asset('style.css')}</style></head>\n"
        f"<body><main>{body}</main>\n<script>{_asset('script.js')}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("iotstream.report").joinpath(name).read_text("utf-8")


def _header(data: ReportData) -> str:
    badge = (
        '<span class="badge good">✓ balanced</span>'
        if data.ok
        else '<span class="badge bad">✗ not balanced</span>'
    )
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in data.facts.items()
    )
    when = data.started.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"<header><div class='heading'><h1>{escape(data.title)}</h1>{badge}</div>"
        f'<p class="lead">{when} · {data.duration_s:.0f} s in all</p><dl class="facts">{facts}</dl></header>'
    )


def _tiles(data: ReportData) -> str:
    latencies = sorted(data.latencies_s)
    stages = {stage.name: stage for stage in data.stages}
    tiles = [(stage.name, f"{stage.count:,}", stage.note) for stage in stages.values()][:4]
    if latencies:
        typical = f"{quantile(latencies, 0.5):.1f} s"
        tiles.append(("Device to lake", typical, f"median; 95 %: {quantile(latencies, 0.95):.1f} s"))
    cells = "".join(
        f'<div class="tile"><div class="name">{escape(name)}</div><div class="figure">{value}</div>'
        f'<div class="note">{escape(note)}</div></div>'
        for name, value, note in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _footer(data: ReportData) -> str:
    schema = data.schema
    name = f"{escape(schema.name)} {schema.version}"
    return f"<footer>iotstream · schema {name}, fingerprint {schema.fingerprint}</footer>"


def _problems(data: ReportData) -> str:
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in data.problems)
    return f'<ul class="problems">{lines}</ul>' if lines else ""


def _balance(data: ReportData) -> str:
    """The stages as a funnel: a bar each, rejects in their own colour, and the numbers as text."""
    most = max((stage.count for stage in data.stages), default=0) or 1
    rows = []
    for stage in data.stages:
        kind = "lost" if stage.rejected else "kept"
        bar = f'<span class="{kind}" style="width:{stage.count / most * 100:.2f}%"></span>'
        rows.append(
            f"<tr><th scope='row'>{escape(stage.name)}</th><td class='num'>{stage.count:,}</td>"
            f'<td class="bar">{bar}</td><td>{escape(stage.note)}</td></tr>'
        )
    head = "<tr><th scope='col'>stage</th><th scope='col' class='num'>items</th><th></th><th></th></tr>"
    table = f'<table class="balance"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    lead = "Every item that was published, and where it is now."
    return (
        f'<section><h2>Balance</h2><p class="lead">{lead}</p>{_problems(data)}'
        f'<div class="card">{table}</div></section>'
    )


def pipeline_charts(data: ReportData) -> Iterator[Chart]:
    """Rates, lag, rejects by reason, latency."""
    if len(data.samples) > 1:
        title = "Throughput, per second"
        lines = [
            Line(name=name, x=x, y=y, color=color)
            for (key, name), color in zip(data.series.items(), PALETTE, strict=False)
            for x, y in [_rate(data.samples, key)]
        ]
        legend = [(line.name, line.color, "line") for line in lines]
        svg = line_chart(title, lines, times=False, from_zero=True)
        yield Chart(title=title, svg=svg, legend=legend)
        title = "Iterator age, s"
        lag = Line(
            name="oldest record not processed",
            x=[one.at for one in data.samples],
            y=[one.lag_s for one in data.samples],
            color=PALETTE[4],
        )
        svg = line_chart(title, [lag], unit="s", times=False, from_zero=True)
        yield Chart(title=title, svg=svg, note="age of the oldest record that waits in the stream")
    title = "Rejects by reason"
    yield Chart(title=title, svg=bar_chart(title, data.reasons, color="var(--reject)"))
    title = "From device to lake, s"
    note = "seconds from publishing until the row was seen in the lake"
    yield Chart(title=title, svg=histogram(title, data.latencies_s, unit="s", color=PALETTE[2]), note=note)


def _rate(samples: Sequence[Sample], key: str) -> tuple[list[float], list[float]]:
    """The counter's growth per second, over the last SMOOTHING_S."""
    x, y, start = [], [], 0
    for index, sample in enumerate(samples):
        while start < index - 1 and sample.at - samples[start].at > SMOOTHING_S:
            start += 1
        before = samples[start]
        # Over a shorter time a single batch would look like a flood.
        if sample.at - before.at >= SHORTEST_S:
            grown = sample.counts.get(key, 0) - before.counts.get(key, 0)
            x.append(sample.at)
            y.append(max(grown, 0) / (sample.at - before.at))
    return x, y


def _section(title: str, lead: str, found: Iterator[Chart], extra: str = "") -> str:
    cards = "".join(_card(chart) for chart in found)
    return (
        f'<section><h2>{escape(title)}</h2><p class="lead">{escape(lead)}</p>'
        f'<div class="grid2">{cards}</div>{extra}</section>'
    )


def _card(chart: Chart) -> str:
    keys = "".join(
        f'<li><i class="key {kind}" style="--key:{color or "var(--context)"}"></i>{escape(name)}</li>'
        for name, color, kind in chart.legend
    )
    legend = f'<ul class="legend">{keys}</ul>' if len(chart.legend) > 1 else ""
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    caption = f"<figcaption>{escape(chart.title)}</figcaption>"
    return f'<figure class="card">{caption}{note}{legend}{chart.svg}</figure>'


def _summary_table(data: ReportData) -> str:
    rows = []
    for one in summaries(data.rows, data.schema):
        if one.true_share is not None:
            cells = [f"{one.count:,}", f"true: {one.true_share:.1%}", "", "", ""]
        else:
            values = (one.low, one.median, one.p95, one.high)
            cells = [f"{one.count:,}", *(number(value) for value in values if value is not None)]
        rows.append([f"{one.name} {one.unit}".strip(), *cells])
    columns = ["measure", "readings", "lowest", "median", "95 %", "highest"]
    return f'<div class="card">{_table(columns, rows)}</div>' if rows else ""


def _answers(answers: Sequence[Answer]) -> str:
    cards = []
    for one in answers:
        shown = (
            f"the first {len(one.rows)} of {one.total:,} rows"
            if one.total > len(one.rows)
            else f"{one.total} rows"
        )
        cards.append(
            f"<h3>{escape(one.question)}</h3><p class='note'>{escape(one.where)}: {shown}</p>"
            f"<pre><code>{escape(one.sql)}</code></pre>"
            f"<div class='card scroll'>{_table(one.columns, one.rows)}</div>"
        )
    return f"<section><h2>Questions</h2>{''.join(cards)}</section>" if cards else ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
