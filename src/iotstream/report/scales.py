"""Axes: round ticks for numbers and for times, and how they are written."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS_MS = (
    *(step * _SECOND for step in (1, 2, 5, 10, 15, 30)),
    *(step * _MINUTE for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR for step in (1, 2, 3, 6, 12)),
    *(step * _DAY for step in (1, 2, 7, 14, 30, 90, 365)),
)


def number_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that reach from at most `low` to at least `high`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return [0.0, 1.0]
    if high <= low:
        margin = abs(low) * 0.05 or 1.0
        low, high = low - margin, high + margin
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(magnitude * one for one in (1, 2, 2.5, 5, 10) if magnitude * one >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def time_ticks(low_ms: float, high_ms: float, count: int = 6) -> list[float]:
    """At most about `count` round times (ms since the epoch, UTC) within the range."""
    wanted = max(high_ms - low_ms, 1) / count
    step = next((one for one in _STEPS_MS if one >= wanted), _STEPS_MS[-1])
    first = math.ceil(low_ms / step)
    return [float(index * step) for index in range(first, math.floor(high_ms / step) + 1)]


def time_labels(ticks: Sequence[float]) -> list[str]:
    """How times are written: as long as their distance needs."""
    step = min((b - a for a, b in pairwise(ticks)), default=_SECOND)
    form = "%d %b" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    return [_utc(tick).strftime(form) for tick in ticks]


def full_time(ms: float) -> str:
    """A time for a tooltip."""
    return _utc(ms).strftime("%Y-%m-%d %H:%M:%S")


def _utc(ms: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


def number(value: float) -> str:
    """A number as short as it stays true to about three digits: 1,234 or 12.3 or 0.0123."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 1e-3:
        digits = max(0, 2 - math.floor(math.log10(size)))
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.2g}"
