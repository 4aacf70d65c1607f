"""Charts of the figures: bars side by side, and curves over what grows. Numbers in, SVG out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from figures.results import Kind, Line, Measurement, lines
from figures.svg import document, text
from figures.tables import number

WIDTH = 860.0
NAMES = 320.0
"""Width of the bars' names."""
BAR, GAP, HEAD = 18.0, 16.0, 24.0
NUMBERS = 190.0
"""Room for the number after the longest bar."""


def bars(measurements: Sequence[Measurement]) -> str:
    """For each row with something to compare, a bar for each way: as long as what it takes.

    The red line is the goal, where the row has one.
    """
    rows: dict[str, list[Line]] = {}
    for line in lines(measurements):
        rows.setdefault(line.row.key, []).append(line)
    body: list[str] = []
    y = 34.0
    body.append(text(16, 22, "Shorter is better; x = times ours; red = the goal", "soft"))
    for of_row in rows.values():
        if len(of_row) > 1 and of_row[0].measured.kind == Kind.OURS:
            body += _group(of_row, y)
            y += HEAD + BAR * len(of_row) + GAP
    return document("iotstream side by side with its alternatives", WIDTH, y, body)


def _group(of_row: Sequence[Line], y: float) -> Iterator[str]:
    row = of_row[0].row
    yield text(16, y + 14, f"{row.work}, {row.unit}", bold=True)
    longest = max(line.measured.value for line in of_row) or 1
    room = WIDTH - NAMES - NUMBERS
    for index, line in enumerate(of_row):
        one, top = line.measured, y + HEAD + index * BAR
        length = max(one.value / longest * room, 1.5)
        label = number(one.value) if line.ratio is None else f"{number(one.value)}  ({line.ratio:.3g} x)"
        kind = "ours" if one.kind == Kind.OURS else "other"
        yield text(NAMES - 10, top + 12, _short(one.way), "soft", anchor="end")
        yield (
            f'<rect class="{kind}" x="{NAMES:g}" y="{top + 2:g}" width="{length:.1f}" height="{BAR - 5:g}" '
            f'rx="2"><title>{escape(one.way)}: {number(one.value)} {escape(row.unit)}</title></rect>'
        )
        yield text(NAMES + length + 8, top + 12, label)
    goal = next((limit.at_most for limit in row.limits if limit.at_most is not None), None)
    if goal is not None and goal <= longest:
        x, top = NAMES + goal / longest * room, y + HEAD
        yield f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{top + BAR - 1:g}"/>'


def _short(way: str) -> str:
    return way if len(way) <= 46 else way[:45] + "…"


@dataclass(frozen=True)
class Panel:
    """One curve over what grows; both axes are logarithmic, or neither is where x begins at 0.

    Attributes:
        title: what is drawn, with its unit.
        y: a number for each x.
        level: draw how it would run if it stayed as it is at the first x.
    """

    title: str
    y: Sequence[float]
    level: bool = True


PANEL_WIDTH, PANEL_HEIGHT = 285.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 12.0, 30.0, 44.0


def panels(title: str, x_title: str, x: Sequence[float], drawn: Sequence[Panel]) -> str:
    """The panels beside each other, over the same x."""
    body = [
        part for place, panel in enumerate(drawn) for part in _panel(place * PANEL_WIDTH, x_title, x, panel)
    ]
    return document(title, PANEL_WIDTH * len(drawn), PANEL_HEIGHT, body)


class _Axis:
    """Numbers to pixels."""

    def __init__(self, low: float, high: float, start: float, stop: float, *, logarithmic: bool) -> None:
        self._log = logarithmic
        self._start, self._stop = start, stop
        if logarithmic:
            # At least a decade: noise is not to look like growth.
            self.low, self.high = math.log10(low), math.log10(high)
            missing = max(1 - (self.high - self.low), 0) / 2
            self.low, self.high = self.low - missing, self.high + missing
        else:
            self.low, self.high = low, high if high > low else low + 1

    def __call__(self, value: float) -> float:
        scaled = math.log10(value) if self._log else value
        return self._start + (scaled - self.low) / (self.high - self.low) * (self._stop - self._start)

    def ticks(self) -> list[float]:
        if not self._log:
            return [self.low + (self.high - self.low) * step / 4 for step in range(5)]
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        steps = (1,) if self.high - self.low > 2 else (1, 2, 5)
        return [
            factor * 10.0**decade
            for decade in decades
            for factor in steps
            if self.low - 1e-9 <= math.log10(factor * 10.0**decade) <= self.high + 1e-9
        ]


def _panel(left: float, x_title: str, x: Sequence[float], panel: Panel) -> Iterator[str]:
    bottom, right = PANEL_HEIGHT - BOTTOM, left + PANEL_WIDTH - RIGHT
    across = _Axis(min(x), max(x), left + LEFT, right, logarithmic=min(x) > 0)
    positive = min(panel.y) > 0 and min(x) > 0  # straight lines shall look straight
    up = _Axis(min(panel.y) if positive else 0, max(panel.y), bottom, TOP, logarithmic=positive)
    yield text(left + LEFT, 18, panel.title, bold=True)
    yield text((left + LEFT + right) / 2, PANEL_HEIGHT - 8, x_title, "soft", anchor="middle")
    for tick in up.ticks():
        y = up(tick)
        yield f'<line class="grid" x1="{left + LEFT:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text(left + LEFT - 6, y + 4, compact(tick), "soft", anchor="end")
    yield f'<line class="axis" x1="{left + LEFT:g}" x2="{right:g}" y1="{bottom:g}" y2="{bottom:g}"/>'
    for tick in across.ticks():
        yield text(across(tick), bottom + 17, compact(tick), "soft", anchor="middle")
    if panel.level:
        y = up(panel.y[0])
        yield f'<line class="expected" x1="{left + LEFT:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
    points = [(across(one), up(value)) for one, value in zip(x, panel.y, strict=True)]
    yield f'<polyline class="line" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>'
    for (a, b), one, value in zip(points, x, panel.y, strict=True):
        said = f"{compact(one)}: {number(value)}"
        yield f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="3"><title>{said}</title></circle>'


def compact(value: float) -> str:
    """A number for an axis: 10k, 1M, 0.5."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
