"""The table of measurements as text and as Markdown, and that of two runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from figures.results import Line, Measurement, lines
from figures.rows import ROWS

SYSTEM_SHARE = 0.15
"""From here on it is said how much of the CPU was the system's."""
HEADS = ("work", "way", "CPU", "x ours", "goal", "")


def number(value: float) -> str:
    """Three digits, or whole."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.1 else f"{value:.3f}"


def as_text(measurements: Sequence[Measurement], notes: Iterable[str] = ()) -> list[str]:
    """Lines for a terminal."""
    cells = [_cells(line) for line in lines(measurements)]
    widths = [max(len(row[column]) for row in [HEADS, *cells]) for column in range(1, len(HEADS))]
    out = [f"{'':2}{_aligned(HEADS[1:], widths)}"]
    shown = ""
    for work, *rest in cells:
        if work != shown:
            out += ["", work]
            shown = work
        out.append(f"  {_aligned(rest, widths)}".rstrip())
    return [*out, "", *notes]


def as_markdown(measurements: Sequence[Measurement]) -> list[str]:
    """Lines of a Markdown table."""
    out = ["| work | way | CPU | x ours | goal | |", "|---|---|--:|--:|---|---|"]
    shown = ""
    for line in lines(measurements):
        work, *rest = _cells(line)
        first = work if work != shown else ""
        shown = work
        if line.measured.kind == "ours":
            rest[:2] = [f"**{cell}**" for cell in rest[:2]]
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in [first, *rest]) + " |")
    return out


def goals(measurements: Sequence[Measurement]) -> list[str]:
    """How many goals are met, and a line for each that is not, or that was not measured."""
    judged = [(line, limit, met) for line in lines(measurements) for limit, met in line.limits]
    missed = [
        f"- missed: {line.row.work}: {line.measured.way} {limit}" for line, limit, met in judged if not met
    ]
    keys = {one.row for one in measurements}
    unmeasured = [f"- not measured: {row.work}" for row in ROWS if row.limits and row.key not in keys]
    summary = f"{len(judged) - len(missed)} of {len(judged)} goals met."
    return [summary, *([""] if missed or unmeasured else []), *missed, *unmeasured]


def compared(before: Sequence[Measurement], after: Sequence[Measurement]) -> list[str]:
    """Two runs side by side: a line for each way that is in both, then what is in one of them only."""
    old = {(one.row, one.way): one for one in before}
    out = [f"{'':60} {'before':>10} {'after':>10} {'after/before':>12}"]
    shown = ""
    for line in lines(after):
        one = line.measured
        earlier = old.pop((one.row, one.way), None)
        if line.row.work != shown:
            shown = line.row.work
            out += ["", f"{shown}, {line.row.unit}"]
        if earlier is None:
            out.append(f"  {one.way:58} {'':>10} {number(one.value):>10} {'new':>12}")
            continue
        change = f"{one.value / earlier.value:.2f}" if earlier.value else ""
        out.append(f"  {one.way:58} {number(earlier.value):>10} {number(one.value):>10} {change:>12}")
    if old:
        out += ["", "only before:", *(f"  {row}: {way}" for row, way in old)]
    return out


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    way, *rest = cells
    first, *others = widths
    return way.ljust(first) + "".join(
        f"  {cell.ljust(width) if index > 1 else cell.rjust(width)}"
        for index, (cell, width) in enumerate(zip(rest, others, strict=True))
    )


def _cells(line: Line) -> tuple[str, ...]:
    """What stands in the columns."""
    one = line.measured
    value = f"{number(one.value)} {line.row.unit}"
    if one.system is not None and one.value and one.system / one.value >= SYSTEM_SHARE:
        value += f" (user {number(one.value - one.system)})"
    ratio = (
        ""
        if line.ratio is None
        else f"{line.ratio:.{0 if line.ratio >= 10 else 2 if line.ratio < 2 else 1}f}"
    )
    way = f"{one.way} ({one.note})" if one.note else one.way
    limits = " and ".join(str(limit) for limit, _ in line.limits)
    return line.row.work, way, value, ratio, limits, line.verdict
