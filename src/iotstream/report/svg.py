"""Charts as inline SVG: lines, bands, bars, histograms. Pure: numbers in, text out.

Colours are CSS variables of the page, so that one drawing serves light and dark. Every chart has a
title and a description for screen readers; the page's script adds a crosshair from `data-chart`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from iotstream.report.scales import full_time, number, number_ticks, time_labels, time_ticks

WIDTH, HEIGHT = 640.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 12.0, 30.0
MAX_POINTS = 240
"""Of one line: more than that is not seen at this width."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series of a line chart.

    Attributes:
        name: for legend and tooltip; empty: context, drawn in grey without either.
        x, y: as many of each, x ascending.
        color: a CSS colour; empty for context lines.
        dashed: for a reference.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str = ""
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Band:
    """An area between two lines over the same x."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    color: str


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """The plot's rectangle and what it maps."""

    x0: float
    x1: float
    y0: float
    y1: float

    def px(self, x: float) -> float:
        return round(_LEFT + (x - self.x0) / ((self.x1 - self.x0) or 1) * (WIDTH - _LEFT - _RIGHT), 1)

    def py(self, y: float) -> float:
        return round(HEIGHT - _BOTTOM - (y - self.y0) / ((self.y1 - self.y0) or 1) * _plot_height(), 1)


def _plot_height() -> float:
    return HEIGHT - _TOP - _BOTTOM


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    bands: Sequence[Band] = (),
    unit: str = "",
    times: bool = True,
    from_zero: bool = False,
) -> str:
    """Lines over time (ms since the epoch) or over seconds since a start."""
    xs = [x for line in lines for x in line.x]
    ys = [y for line in lines for y in line.y] + [y for band in bands for y in (*band.low, *band.high)]
    if not xs:
        return empty_chart(title)
    y_ticks = number_ticks(min([*ys, 0.0] if from_zero else ys), max([*ys, 1.0] if from_zero else ys))
    frame = _Frame(x0=min(xs), x1=max(xs), y0=y_ticks[0], y1=y_ticks[-1])
    x_ticks = time_ticks(frame.x0, frame.x1) if times else _inner_ticks(frame)
    labels = time_labels(x_ticks) if times else [f"{number(tick)} s" for tick in x_ticks]
    named = [line for line in lines if line.name]
    body = [
        *_grid(frame, y_ticks),
        *_x_axis(frame, x_ticks, labels),
        *(_area(frame, band) for band in bands),
        *(_path(frame, line) for line in lines),
        *_end_dots(frame, named),
        '<g class="hover"></g>',
    ]
    data = _hover_data(frame, named, times, unit)
    what = ", ".join(line.name for line in named)
    return _svg(title, f"{title}: {what}", body, data)


def _inner_ticks(frame: _Frame) -> list[float]:
    return [tick for tick in number_ticks(frame.x0, frame.x1, 6) if frame.x0 <= tick <= frame.x1]


def _grid(frame: _Frame, ticks: Sequence[float]) -> Iterator[str]:
    for tick in ticks:
        y = frame.py(tick)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{number(tick)}</text>'


def _x_axis(frame: _Frame, ticks: Sequence[float], labels: Sequence[str]) -> Iterator[str]:
    y = HEIGHT - _BOTTOM
    yield f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
    for tick, label in zip(ticks, labels, strict=True):
        # A label at the very edge would be cut off.
        x = min(max(frame.px(tick), _LEFT + 8), WIDTH - _RIGHT - 18)
        yield f'<text class="tick" x="{x}" y="{y + 18}" text-anchor="middle">{escape(label)}</text>'


def _thin(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """At most about MAX_POINTS points: each bucket's lowest and highest, so that peaks stay."""
    points = list(zip(x, y, strict=True))
    if len(points) <= MAX_POINTS:
        return points
    size = -(-len(points) * 2 // MAX_POINTS)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        ends = (min(bucket, key=lambda point: point[1]), max(bucket, key=lambda point: point[1]))
        kept.extend(sorted(set(ends)))
    return kept


def _path(frame: _Frame, line: Line) -> str:
    points = " ".join(f"{frame.px(x)},{frame.py(y)}" for x, y in _thin(line.x, line.y))
    style = f' style="stroke:{line.color}"' if line.color else ""
    kind = "line" if line.name else "line context"
    dashes = ' stroke-dasharray="4 4"' if line.dashed else ""
    title = f"<title>{escape(line.name)}</title>" if line.name else ""
    return f'<polyline class="{kind}" points="{points}"{style}{dashes}>{title}</polyline>'


def _end_dots(frame: _Frame, lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        if line.x and not line.dashed:
            x, y = frame.px(line.x[-1]), frame.py(line.y[-1])
            yield f'<circle class="dot" cx="{x}" cy="{y}" r="3.5" style="fill:{line.color}"/>'


def _area(frame: _Frame, band: Band) -> str:
    up = [f"{frame.px(x)},{frame.py(y)}" for x, y in zip(band.x, band.high, strict=True)]
    down = [f"{frame.px(x)},{frame.py(y)}" for x, y in zip(band.x, band.low, strict=True)]
    return f'<polygon class="band" points="{" ".join(up + down[::-1])}" style="fill:{band.color}"/>'


def _hover_data(frame: _Frame, lines: Sequence[Line], times: bool, unit: str) -> str:
    """What the crosshair shows: for each line its points in pixels, and their labels."""
    series = []
    for line in lines:
        points = _thin(line.x, line.y)
        series.append(
            {
                "name": line.name,
                "color": line.color,
                "x": [frame.px(x) for x, _ in points],
                "y": [frame.py(y) for _, y in points],
                "label": [f"{number(y)} {unit}".strip() for _, y in points],
                "at": [full_time(x) if times else f"{x:.1f} s" for x, _ in points],
            }
        )
    return json.dumps({"top": _TOP, "bottom": HEIGHT - _BOTTOM, "series": series}, separators=(",", ":"))


def histogram(title: str, values: Sequence[float], *, unit: str = "", bins: int = 24, color: str) -> str:
    """How values are distributed; each bar has its range and count as a title."""
    if not values:
        return empty_chart(title)
    ticks = number_ticks(min(values), max(values), 6)
    low, high = ticks[0], ticks[-1]
    counts = [0] * bins
    for value in values:
        counts[min(int((value - low) / (high - low) * bins), bins - 1)] += 1
    y_ticks = number_ticks(0, max(counts), 4)
    frame = _Frame(x0=low, x1=high, y0=0, y1=y_ticks[-1])
    labels = [number(tick) for tick in ticks]
    body = [*_grid(frame, y_ticks), *_x_axis(frame, ticks, labels)]
    width = (high - low) / bins
    for index, count in enumerate(counts):
        start = low + index * width
        said = f"{number(start)} to {number(start + width)} {unit}: {count:,}"
        body.append(_column(frame, (start, start + width), count, said, color))
    described = f"{title}: {len(values):,} values from {number(min(values))} to {number(max(values))} {unit}"
    return _svg(title, described, body, "")


def _column(frame: _Frame, span: tuple[float, float], count: int, said: str, color: str) -> str:
    if not count:
        return ""
    x, y = frame.px(span[0]) + 1, frame.py(count)
    across = frame.px(span[1]) - x - 1
    return (
        f'<rect class="mark" x="{x}" y="{y}" width="{across:.1f}" height="{HEIGHT - _BOTTOM - y:.1f}" '
        f'rx="2" style="fill:{color}"><title>{escape(said)}</title></rect>'
    )


def bar_chart(title: str, values: Mapping[str, float], *, color: str) -> str:
    """Horizontal bars, in the order given, each with its name and number."""
    if not values:
        return empty_chart(title)
    row, name_width = 26.0, 150.0
    height = row * len(values) + 8
    most = max(values.values()) or 1
    room = WIDTH - name_width - 70
    body = []
    for index, (name, value) in enumerate(values.items()):
        y, length = 4 + index * row, max(value / most * room, 2)
        middle = y + row / 2 + 4
        bar = (
            f'<rect class="mark" x="{name_width}" y="{y + 4}" width="{length:.1f}" height="{row - 8}" rx="3" '
            f'style="fill:{color}"><title>{escape(name)}: {value:,.0f}</title></rect>'
        )
        body += [
            bar,
            f'<text class="label" x="{name_width - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<text class="value" x="{name_width + length + 8:.1f}" y="{middle}">{value:,.0f}</text>',
        ]
    described = "; ".join(f"{name} {value:,.0f}" for name, value in values.items())
    return _svg(title, f"{title}: {described}", body, "", height)


def empty_chart(title: str) -> str:
    """Says that there is nothing to draw."""
    text = f'<text class="label" x="{WIDTH / 2}" y="40" text-anchor="middle">nothing to show</text>'
    return _svg(title, f"{title}: nothing to show", [text], "", 80)


def _svg(title: str, description: str, body: Sequence[str], data: str, height: float = HEIGHT) -> str:
    attribute = f' data-chart="{escape(data, quote=True)}"' if data else ""
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}"'
        f"{attribute}><desc>{escape(description)}</desc>{''.join(body)}</svg>"
    )
