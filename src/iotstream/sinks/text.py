"""Columns as text, a whole column at a time."""

from __future__ import annotations

import pyarrow as pa


def number_text(column: pa.Array) -> pa.StringArray:
    """The values of a column that holds no strings, as text.

    Args:
        column: n of any of a schema's Arrow types but string.

    Returns:
        n texts, null where the column is. Numbers are in their shortest form that reads back as the
        same 64-bit number, bools `true` and `false`, timestamps ms since the epoch.
    """
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64()).cast(pa.string())
    if pa.types.is_float32(column.type):
        # Time-series stores have 64 bits: the text must name the number that the lake holds.
        return column.cast(pa.float64()).cast(pa.string())
    return column.cast(pa.string())


def text_bytes(column: pa.StringArray) -> bytes:
    """The bytes of all values, one after the other; of nulls perhaps too."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return b""
    bounds = memoryview(offsets).cast("i")
    start, stop = bounds[column.offset], bounds[column.offset + len(column)]
    return bytes(memoryview(data)[start:stop])


def holds_any(column: pa.StringArray, special: bytes) -> bool:
    """Whether one of these bytes is in it; of nulls perhaps too."""
    data = text_bytes(column)
    return len(data) != len(data.translate(None, special))
