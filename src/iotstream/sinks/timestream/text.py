"""Rows as JSON text, a whole column at a time: by the compiled kernel, or by Arrow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from iotstream._native import memory_of, native
from iotstream.sinks.text import holds_any, number_text, text_bytes

_SPECIAL = b'\\"' + bytes(range(0x20))
"""What RFC 8259 wants escaped in a string. The backslash comes first: escapes are made of it."""
Part: TypeAlias = str | pa.Array


class Element(NamedTuple):
    """A value in each row's text, with what stands around it; nothing where it is null.

    Attributes:
        before, after: the text around it.
        column: of any of a schema's Arrow types.
    """

    before: str
    column: pa.Array
    after: str


class Group(NamedTuple):
    """Elements with commas between those that are there.

    Attributes:
        open, close: the text around them.
        elements: in any order, as those of a JSON list whose order means nothing.
    """

    open: str
    elements: Sequence[Element]
    close: str


def rows_text(groups: Sequence[Group], rows: int) -> tuple[memoryview, memoryview]:
    """The text of n rows, each of which is made of the groups.

    Returns:
        The text of all, and n + 1 integers: where each row's begins in there, and where the last one's ends.
    """
    return _by_arrow(groups) if native is None else _by_kernel(groups, rows)


def _by_kernel(groups: Sequence[Group], rows: int) -> tuple[memoryview, memoryview]:
    assert native is not None
    given = [
        (one.open, [(before, memory_of(column), after) for before, column, after in one.elements], one.close)
        for one in groups
    ]
    text, bounds = native.write_rows(rows, given)
    return memoryview(text), memoryview(bounds).cast("q")


def _by_arrow(groups: Sequence[Group]) -> tuple[memoryview, memoryview]:
    parts = [part for one in groups for part in (one.open, *_list(one.elements), one.close)]
    _, offsets, text = _join(parts).buffers()
    return memoryview(text), memoryview(offsets).cast("i")


def _list(elements: Sequence[Element]) -> Iterator[Part]:
    """Those that are there in every row come first, so that the others can bring a comma along."""
    always = [one for one in elements if not one.column.null_count]
    for index, one in enumerate(always):
        yield from ("," * (index > 0) + one.before, json_text(one.column), one.after)
    comma: Part = "," if always else ""
    seen: pa.BooleanArray | None = None
    for one in elements:
        if one.column.null_count:
            yield pc.binary_join_element_wise(comma, one.before, json_text(one.column), one.after, "")
            if not always:
                valid = one.column.is_valid()
                seen = valid if seen is None else pc.or_(seen, valid)
                comma = pc.if_else(seen, ",", "")


def _join(parts: Sequence[Part]) -> pa.StringArray:
    merged: list[Part] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return pc.binary_join_element_wise(*merged, "", null_handling="replace", null_replacement="")


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
