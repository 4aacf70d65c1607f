"""Columns as the insides of JSON strings, a whole column at a time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.sinks.text import holds_any, number_text, text_bytes

_SPECIAL = b'\\"' + bytes(range(0x20))
"""What RFC 8259 wants escaped in a string. The backslash comes first: escapes are made of it."""


def json_text(column: pa.Array) -> pa.StringArray:
    """The column's values as text that may stand between quotes in a JSON document.

    Args:
        column: n of any of a schema's Arrow types.

    Returns:
        n texts, null where the column is; of what is no string, see `number_text`.
    """
    return _escaped(column) if pa.types.is_string(column.type) else number_text(column)


def _escaped(column: pa.StringArray) -> pa.StringArray:
    if not holds_any(column, _SPECIAL):
        return column
    data = text_bytes(column)
    for code in _SPECIAL:
        if code in data:
            escape = f"\\{chr(code)}" if code >= 0x20 else f"\\u{code:04x}"
            column = pc.replace_substring(column, chr(code), escape)
    return column
