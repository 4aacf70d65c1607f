"""Event times: ISO 8601 texts and epoch numbers to whole milliseconds, one by one and by columns.

The scalar functions are the rule. The columnar ones give the same answers for the columns that they
take, and None for a column that they leave to the scalar ones.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.schema import Encoding

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
MIN_MS = -62_135_596_800_000
"""0001-01-01T00:00:00Z."""
MAX_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""

# What Arrow parses as the scalar function does; the 29th of February is left to the latter.
_SURE_ISO = (
    r"^[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
)
_FEW = 100
"""So many texts are quickly read one by one."""
_FRACTION = re.compile(r"\.(\d+)")
_TICKS_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
_SURE_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)$"

# Where AUTO draws the line between units: below 1e11 it is seconds (until the year 5138), and so on.
AUTO_BELOW = ((1e11, Encoding.S), (1e14, Encoding.MS), (1e17, Encoding.US))
_PER_MS = {Encoding.MS: 1, Encoding.US: 1_000, Encoding.NS: 1_000_000}

_NAIVE_BYTES = len("2024-12-19T10:30:00")
_ZONED_BYTES = len("2024-12-19T10:30:00Z")
_SURE_BYTES = len("2024-12-19T10:30+01:00") + 1
"""From here on a text that Arrow takes has seconds."""


def iso_to_ms(text: str) -> int | None:
    """Milliseconds since the epoch, digits beyond them cut; None if it is no time.

    `YYYY-MM-DD`, then `T`, `t` or a blank, `HH:MM:SS`, up to nine digits of fraction, and `Z`, `z`,
    `±HH`, `±HHMM`, `±HH:MM` or nothing, which means UTC. The years 1 to 9999.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    try:
        day = dt.date.fromisoformat(date).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    hours, minutes, seconds = int(hour), int(minute), int(second)
    zone_hours, zone_minutes = int(zone_hour or 0), int(zone_minute or 0)
    if hours > 23 or minutes > 59 or seconds > 59 or zone_hours > 23 or zone_minutes > 59:
        return None
    offset = zone_hours * 60 + zone_minutes
    minutes += hours * 60 + (offset if sign == "-" else -offset)
    ms = (day * 86_400 + minutes * 60 + seconds) * 1_000 + int(f"{fraction or '':0<3}"[:3])
    return ms if MIN_MS <= ms <= MAX_MS else None


def epoch_to_ms(value: float, encoding: Encoding) -> int | None:
    """Milliseconds since the epoch, rounded to the nearest, ties to even; None outside the years 1 to 9999.

    Args:
        value: a finite number: an int is taken exactly, a float as the double that it is.
        encoding: its unit; AUTO tells it by the size.
    """
    unit = epoch_unit(value) if encoding is Encoding.AUTO else encoding
    if unit is Encoding.S:
        ms = round(value * 1_000)
    elif isinstance(value, int):
        ms = _divide_half_even(value, _PER_MS[unit])
    else:
        ms = round(value / _PER_MS[unit])
    return ms if MIN_MS <= ms <= MAX_MS else None


def epoch_unit(value: float) -> Encoding:
    """The unit that AUTO gives a number of that size."""
    size = abs(value)
    return next((unit for below, unit in AUTO_BELOW if size < below), Encoding.NS)


def _divide_half_even(value: int, divisor: int) -> int:
    quotient, rest = divmod(value, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient & 1))


def iso_column_to_ms(texts: pa.StringArray) -> pa.Int64Array:
    """A column of ISO texts as int64 ms, null where a text is no time.

    Arrow's parser also takes times without seconds: texts of up to 19, of 21 and of 22 bytes with a
    zone can be such. So only texts of other lengths are left to it alone.
    """
    lengths = pc.binary_length(texts)
    shortest, longest = pc.min_max(lengths).as_py().values()
    naive = shortest == longest == _NAIVE_BYTES
    if naive or shortest == longest == _ZONED_BYTES or shortest >= _SURE_BYTES:
        unit = _unit(texts[0].as_py())
        ms = _cast(texts, unit, naive=naive)
        if ms is not None:
            return ms
        ms = _cast_all_but(texts, _on_real_days(texts), naive=naive)
        return _search(texts) if ms is None else ms
    sure = pc.equal(lengths, _NAIVE_BYTES)
    naive = 2 * pc.sum(sure).as_py() > len(texts)
    if not naive:
        sure = pc.or_(pc.equal(lengths, _ZONED_BYTES), pc.greater_equal(lengths, _SURE_BYTES))
    if 0 < len(texts) - pc.sum(sure).as_py() <= _FEW:
        ms = _cast_all_but(texts, sure, naive=naive)
        if ms is not None:
            return ms
    return _search(texts)


def _on_real_days(texts: pa.StringArray) -> pa.BooleanArray:
    """Which texts begin with a day of the calendar: a column has few days, however many rows."""
    days = pc.binary_slice(texts.cast(pa.binary()), 0, len("2024-12-19")).dictionary_encode()
    real = [
        iso_to_ms(f"{day.decode(errors='replace')}T00:00:00") is not None
        for day in days.dictionary.to_pylist()
    ]
    return pa.array(real, pa.bool_()).take(days.indices)


def _cast_all_but(texts: pa.StringArray, sure: pa.BooleanArray, *, naive: bool) -> pa.Int64Array | None:
    """By Arrow what is sure to mean the same to it, and one by one the others; None if Arrow refuses."""
    harmless = texts.filter(sure)[:1].to_pylist() or [""]
    ms = _cast(pc.if_else(sure, texts, harmless[0]), _unit(harmless[0]), naive=naive)
    return None if ms is None else _with_scalars(ms, texts, sure)


def _with_scalars(ms: pa.Int64Array, texts: pa.StringArray, sure: pa.BooleanArray) -> pa.Int64Array:
    """The column with the rows that are not sure read one by one."""
    rest = pc.invert(sure)
    scalars = [iso_to_ms(text) for text in texts.filter(rest).to_pylist()]
    return pc.replace_with_mask(ms, rest, pa.array(scalars, pa.int64()))


def _unit(text: str) -> str:
    """The coarsest unit that holds the text's fraction."""
    match = _FRACTION.search(text)
    digits = len(match[1]) if match else 0
    return "ms" if digits <= 3 else "us" if digits <= 6 else "ns"


def _search(texts: pa.StringArray) -> pa.Int64Array:
    """By a cast of the rows that a strict expression takes, and one by one the others."""
    naive = False
    sure = pc.match_substring_regex(texts, _SURE_ISO + _SURE_ZONE)
    if 2 * pc.sum(sure).as_py() < len(texts):
        naive = True
        sure = pc.match_substring_regex(texts, _SURE_ISO + "$")
    harmless = "1970-01-01T00:00:00" + ("" if naive else "Z")
    candidates = pc.if_else(sure, texts, harmless)
    for unit in _TICKS_PER_MS:
        ms = _cast(candidates, unit, naive=naive)
        if ms is not None:
            break
    else:
        return pa.array([iso_to_ms(text) for text in texts.to_pylist()], pa.int64())
    return _with_scalars(ms, texts, sure)


def _cast(texts: pa.StringArray, unit: str, *, naive: bool) -> pa.Int64Array | None:
    """By Arrow's parser, whole or not at all: all with a zone, or none."""
    try:
        parsed = pc.cast(texts, pa.timestamp(unit, None if naive else "UTC"))
    except pa.ArrowInvalid:
        return None
    return _whole_ms(pc.cast(parsed, pa.int64()), _TICKS_PER_MS[unit])


def _whole_ms(ticks: pa.Int64Array, per_ms: int) -> pa.Int64Array:
    """Cut to ms, which is towards the past; null outside the years 1 to 9999."""
    ms = ticks
    if per_ms > 1:
        ms = pc.divide(ticks, per_ms)  # cuts towards the epoch
        ms = pc.subtract(ms, pc.cast(pc.less(ticks, pc.multiply(ms, per_ms)), pa.int64()))
    least, most = pc.min_max(ms).as_py().values()
    if least is None or (least >= MIN_MS and most <= MAX_MS):
        return ms
    within = pc.and_(pc.greater_equal(ms, MIN_MS), pc.less_equal(ms, MAX_MS))
    return pc.if_else(within, ms, pa.scalar(None, pa.int64()))


def epoch_column_to_ms(values: Sequence[object], encoding: Encoding) -> pa.Int64Array | None:
    """A column of finite numbers as int64 ms; None if it must be taken value by value.

    Args:
        values: ints and floats.
        encoding: their unit; with AUTO the column must be of one unit.
    """
    try:
        column = pa.array(values)  # refuses an int beside a float if it would lose digits as one
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None
    if not (pa.types.is_int64(column.type) or pa.types.is_float64(column.type)):
        return None
    low, high = pc.min_max(column).as_py().values()
    unit = encoding
    if encoding is Encoding.AUTO:
        unit = epoch_unit(low)
        if low < 0 or epoch_unit(high) is not unit:
            return None
    integers = pa.types.is_int64(column.type)
    ms = _integers_to_ms(column, unit, low, high) if integers else _floats_to_ms(column, unit)
    if ms is None:
        return None
    low, high = pc.min_max(ms).as_py().values()
    return ms if low >= MIN_MS and high <= MAX_MS else None


def _floats_to_ms(column: pa.DoubleArray, unit: Encoding) -> pa.Int64Array | None:
    scaled = pc.multiply(column, 1_000.0) if unit is Encoding.S else pc.divide(column, float(_PER_MS[unit]))
    try:
        return pc.cast(pc.round(scaled, round_mode="half_to_even"), pa.int64())
    except pa.ArrowInvalid:
        return None


def _integers_to_ms(column: pa.Int64Array, unit: Encoding, low: int, high: int) -> pa.Int64Array | None:
    if unit is Encoding.MS:
        return column
    if unit is Encoding.S:
        return pc.multiply(column, 1_000) if low >= MIN_MS // 1_000 and high <= MAX_MS // 1_000 else None
    if low < 0:
        return None
    divisor = _PER_MS[unit]
    quotient = pc.divide(column, divisor)
    doubled = pc.multiply(pc.subtract(column, pc.multiply(quotient, divisor)), 2)
    odd = pc.equal(pc.bit_wise_and(quotient, 1), 1)
    up = pc.or_(pc.greater(doubled, divisor), pc.and_(pc.equal(doubled, divisor), odd))
    return pc.add(quotient, pc.cast(up, pa.int64()))
