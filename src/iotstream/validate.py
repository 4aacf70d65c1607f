"""The rules of the schema over whole columns: which rows may break one.

Pure Arrow. It answers with rows under suspicion only; what is wrong with such a row, and whether
anything is, the reference decoder says (`iotstream._reference`), so that both agree by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.schema import NUMBERS, Field, Limits, Role, Schema, Type


def suspects(columns: Sequence[pa.Array], schema: Schema, arrival_ms: pa.Int64Array | None) -> set[int]:
    """The rows that may break a rule.

    Args:
        columns: an array for each field, all of n rows.
        schema: the telemetry.
        arrival_ms: int64, n: when the record of each row arrived; None where it is unknown.
    """
    rows: set[int] = set()
    for one, column in zip(schema.fields, columns, strict=True):
        for broken in _broken(one, column, schema.limits, arrival_ms):
            rows.update(pc.indices_nonzero(broken.fill_null(False)).to_pylist())
    return rows


def _broken(
    one: Field, column: pa.Array, limits: Limits, arrival_ms: pa.Int64Array | None
) -> Iterator[pa.BooleanArray]:
    """A mask for each rule that some row breaks; what holds for all is seen from the extremes."""
    if one.type in NUMBERS and (one.min is not None or one.max is not None):
        yield from _outside(column, *one.bounds)
    elif one.type is Type.STRING:
        yield from _unfit(one, column)
    elif one.role is Role.TIME and arrival_ms is not None:
        age = pc.subtract(arrival_ms, pc.cast(column, pa.int64()))
        ahead = None if limits.max_ahead_ms is None else -limits.max_ahead_ms
        yield from _outside(age, ahead, limits.max_age_ms)


def _outside(column: pa.Array, low: float | None, high: float | None) -> Iterator[pa.BooleanArray]:
    least, most = pc.min_max(column).as_py().values()
    if least is None:
        return
    # A scalar of another type would have the whole column cast.
    if low is not None and least < low:
        yield pc.less(column, pa.scalar(low, column.type))
    if high is not None and most > high:
        yield pc.greater(column, pa.scalar(high, column.type))


def _unfit(one: Field, column: pa.StringArray) -> Iterator[pa.BooleanArray]:
    if one.max_length is not None:
        # Bytes are at least as many as code points, and need no look at the text.
        longest = pc.max(pc.binary_length(column)).as_py()
        if longest is not None and longest > one.max_length:
            yield pc.greater(pc.utf8_length(column), one.max_length)
    if one.pattern is not None:
        yield pc.invert(pc.match_substring_regex(column, one.pattern))
