"""Charts of the readings: each measure over time, by device or as a fleet, and its distribution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from iotstream.report.data import quantile
from iotstream.report.scales import full_time
from iotstream.report.svg import Band, Line, histogram, line_chart
from iotstream.schema import NUMBERS, Field, Schema, Type

PALETTE = tuple(f"var(--series-{number})" for number in range(1, 7))
MAX_LINES = 4
"""Up to so many devices each gets its own colour; beyond that the fleet is drawn as one."""
MAX_MEASURES = 8
MAX_CONTEXT = 60
CONTEXT_POINTS = 48
BINS = 48
OUTLIER_SPREADS = 6.0
"""A device whose median lies so many of the fleet's median deviations off is shown by name."""

Readings = dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing with its heading and legend (name, colour, kind)."""

    title: str
    svg: str
    legend: Sequence[tuple[str, str, str]] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A measure in numbers; for a bool only `count` and `true_share`."""

    name: str
    unit: str
    count: int
    low: float | None = None
    median: float | None = None
    p95: float | None = None
    high: float | None = None
    true_share: float | None = None


def charts(rows: pa.Table, schema: Schema) -> Iterator[Chart]:
    """Two charts for each numeric measure: over time, and how its values are distributed."""
    measures = [one for one in schema.measures if one.type in NUMBERS][:MAX_MEASURES]
    for one in measures:
        readings = by_device(rows, schema, one)
        if not readings:
            continue
        name = one.name.replace("_", " ")
        yield _over_time(name, one, readings)
        values = [value for _, values in readings.values() for value in values]
        title = _with_unit(f"Distribution of {name}", one)
        yield Chart(title=title, svg=histogram(title, values, unit=one.unit, color=PALETTE[0]))


def by_device(rows: pa.Table, schema: Schema, one: Field) -> Readings:
    """Times (ms) and values of the measure, by the values of the dimensions, in order of time."""
    columns = [rows[dimension.name].to_pylist() for dimension in schema.dimensions]
    names = (
        [
            " ".join("-" if part is None else str(part) for part in parts)
            for parts in zip(*columns, strict=True)
        ]
        if columns
        else [""] * len(rows)
    )
    times = rows[schema.time.name].cast(pa.int64()).to_pylist()
    readings: Readings = {}
    for at, name, value in sorted(zip(times, names, rows[one.name].to_pylist(), strict=True), key=_by_time):
        if value is not None:
            xs, ys = readings.setdefault(name, ([], []))
            xs.append(at)
            ys.append(value)
    return dict(sorted(readings.items()))


def _by_time(row: tuple[float, str, float]) -> float:
    return row[0]


def _over_time(name: str, one: Field, readings: Readings) -> Chart:
    title = _with_unit(f"{name.capitalize()} over time", one)
    note = _range(readings)
    if len(readings) <= MAX_LINES:
        lines = [
            Line(name=device, x=xs, y=ys, color=color)
            for (device, (xs, ys)), color in zip(readings.items(), PALETTE, strict=False)
        ]
        legend = [(line.name, line.color, "line") for line in lines]
        return Chart(title=title, svg=line_chart(title, lines, unit=one.unit), legend=legend, note=note)
    return replace(_fleet(title, one, readings), note=note)


def _with_unit(title: str, one: Field) -> str:
    return f"{title}, {one.unit}" if one.unit else title


def _range(readings: Readings) -> str:
    """From when to when, for an axis that shows the time of day alone."""
    times = [at for xs, _ in readings.values() for at in (xs[0], xs[-1])]
    return f"{full_time(min(times))} to {full_time(max(times))} UTC"


def _fleet(title: str, one: Field, readings: Readings) -> Chart:
    """The median of all devices with the band of the middle four fifths, and who strays from it."""
    xs, low, middle, high = _bins(readings)
    strays = _outliers(readings)
    context = [
        Line(name="", x=_every(x), y=_every(y))
        for x, y in list(readings.values())[:MAX_CONTEXT]
        if len(x) > 1
    ]
    named = [
        Line(name=device, x=readings[device][0], y=readings[device][1], color=color)
        for device, color in zip(strays, PALETTE[1:], strict=False)
    ]
    median = Line(name="median of all devices", x=xs, y=middle, color=PALETTE[0])
    band = Band(x=xs, low=low, high=high, color=PALETTE[0])
    svg = line_chart(title, [*context, median, *named], bands=[band], unit=one.unit)
    legend = [
        (median.name, median.color, "line"),
        ("middle 80 %", median.color, "band"),
        *((line.name, line.color, "line") for line in named),
        ("each device", "", "context"),
    ]
    return Chart(title=title, svg=svg, legend=legend)


def _bins(readings: Readings) -> tuple[list[float], list[float], list[float], list[float]]:
    times = [at for xs, _ in readings.values() for at in xs]
    first, last = min(times), max(times)
    width = (last - first) / BINS or 1.0
    buckets: dict[int, list[float]] = {}
    for xs, ys in readings.values():
        for at, value in zip(xs, ys, strict=True):
            buckets.setdefault(min(int((at - first) / width), BINS - 1), []).append(value)
    out: tuple[list[float], list[float], list[float], list[float]] = ([], [], [], [])
    for index in sorted(buckets):
        values = sorted(buckets[index])
        row = (first + (index + 0.5) * width, *(quantile(values, share) for share in (0.1, 0.5, 0.9)))
        for column, value in zip(out, row, strict=True):
            column.append(value)
    return out


def _outliers(readings: Readings) -> list[str]:
    """At most two devices, the farthest first."""
    medians = {device: quantile(sorted(values), 0.5) for device, (_, values) in readings.items()}
    center = quantile(sorted(medians.values()), 0.5)
    distances = {device: abs(value - center) for device, value in medians.items()}
    spread = quantile(sorted(distances.values()), 0.5)
    far = [device for device, away in distances.items() if spread and away > OUTLIER_SPREADS * spread]
    return sorted(far, key=lambda device: -distances[device])[:2]


def _every(values: Sequence[float]) -> Sequence[float]:
    return values[:: -(-len(values) // CONTEXT_POINTS)]


def summaries(rows: pa.Table, schema: Schema) -> list[Summary]:
    """Every measure that is a number or a bool, in numbers."""
    found = []
    for one in schema.measures:
        values = [value for value in rows[one.name].to_pylist() if value is not None]
        base = Summary(name=one.name, unit=one.unit, count=len(values))
        if one.type is Type.BOOL and values:
            found.append(replace(base, true_share=sum(values) / len(values)))
        elif one.type in NUMBERS and values:
            found.append(replace(base, **_quantiles(sorted(values))))
    return found


def _quantiles(values: Sequence[float]) -> dict[str, Any]:
    shares = {"low": 0.0, "median": 0.5, "p95": 0.95, "high": 1.0}
    return {name: quantile(values, share) for name, share in shares.items()}
