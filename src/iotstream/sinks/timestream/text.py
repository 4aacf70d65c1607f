"""Columns as the insides of JSON strings, a whole column at a time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_SPECIAL = b'\\"' + bytes(range(0x20))
"""What RFC 8259 wants escaped in a string. The backslash comes first: escapes are made of it."""


def json_text(column: pa.Array) -> pa.StringArray:
    r"""The column's values as text that may stand between quotes in a JSON document.

    Args:
        column: n of any of a schema's Arrow types.

    Returns:
        n texts, null where the column is. Numbers are in their shortest form that reads back as the
        same 64-bit number, bools `true` and `false`, timestamps ms since the epoch.
    """
    if pa.types.is_string(column.type):
        return _escaped(column)
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64()).cast(pa.string())
    if pa.types.is_float32(column.type):
        # Timestream's DOUBLE has 64 bits: the text must name the number that the lake holds.
        return column.cast(pa.float64()).cast(pa.string())
    return column.cast(pa.string())


def _escaped(column: pa.StringArray) -> pa.StringArray:
    data = _data(column)
    if len(data) == len(data.translate(None, _SPECIAL)):
        return column
    for code in _SPECIAL:
        if code in data:
            escape = f"\\{chr(code)}" if code >= 0x20 else f"\\u{code:04x}"
            column = pc.replace_substring(column, chr(code), escape)
    return column


def _data(column: pa.StringArray) -> bytes:
    """The bytes of all values, one after the other; of nulls perhaps too."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return b""
    bounds = memoryview(offsets).cast("i")
    start, stop = bounds[column.offset], bounds[column.offset + len(column)]
    return bytes(memoryview(data)[start:stop])
