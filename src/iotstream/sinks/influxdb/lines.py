"""Points become bodies of write calls: text made column by column, each body a slice of it. Pure.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.schema import INTEGERS, Field, Type
from iotstream.sinks.calls.bodies import Chunk, Slice
from iotstream.sinks.influxdb.mapping import Mapping
from iotstream.sinks.influxdb.points import Points
from iotstream.sinks.influxdb.settings import Version
from iotstream.sinks.text import holds_any, number_text

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Before compression. v3 takes 10 MB (https://docs.influxdata.com/influxdb3/core/reference/config-options/,
max-http-request-size), v1 25 MB."""
_END = 2**31 - 1
"""A place behind the end of every text."""


class Body(Slice[Chunk]):
    """The body of one call. Each line of its chunk has a line break before it."""

    @property
    def payload(self) -> memoryview:
        """The lines, with line breaks between them."""
        bounds = self.chunk.bounds
        return self.chunk.text[bounds[self.start] + 1 : bounds[self.stop]]


def bodies(points: Points, mapping: Mapping, version: Version, lines_per_call: int) -> Iterator[Body]:
    """The bodies of the calls that write these points, made as they are asked for."""
    for first in range(0, points.data.num_rows, lines_per_call):
        data = points.data.slice(first, lines_per_call)
        _, offsets, buffer = lines(data, mapping, version).buffers()
        chunk = Chunk(text=memoryview(buffer), bounds=memoryview(offsets).cast("i"), first=first)
        start = 0
        while start < data.num_rows:
            stop = _stop(chunk.bounds, start, data.num_rows)
            yield Body(chunk=chunk, start=start, stop=stop)
            start = stop


def _stop(bounds: memoryview, start: int, stop: int) -> int:
    while bounds[stop] - bounds[start] > MAX_BODY_BYTES and stop - start > 1:
        stop = start + (stop - start) // 2
    return stop


def lines(data: pa.RecordBatch, mapping: Mapping, version: Version) -> pa.StringArray:
    """The line of each point, with a line break before it, times in ms.

    Args:
        data: n points, as in `Points`: each has a measure, and no tag that can't be said.
        mapping: of the schema.
        version: of the write API.
    """
    # Text before a value is put there by a slice of length 0: half as dear as one more part to join.
    parts: list[str | pa.StringArray] = []
    head = f"\n{mapping.measurement}"
    for one in mapping.tags:
        tag = _tag_text(data.column(one.name), version)
        if tag.null_count and head:
            parts.append(head)
            head = ""
        parts.append(_before(tag, f"{head},{one.name}="))
        head = ""
    parts += [head] if head else []
    parts += _field_set(data, mapping.fields)
    parts.append(_before(number_text(data.column(mapping.time.name)), " "))
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def _before(column: pa.StringArray, text: str) -> pa.StringArray:
    """The text before each value; null stays null."""
    return pc.binary_replace_slice(column, 0, 0, text)


def _after(column: pa.StringArray, text: str) -> pa.StringArray:
    return pc.binary_replace_slice(column, _END, _END, text)


def _tag_text(column: pa.Array, version: Version) -> pa.StringArray:
    if not pa.types.is_string(column.type):
        return number_text(column)
    return _escaped(column, r"\,= " if version is Version.V3 else ",= ")


def _field_text(column: pa.Array, kind: Type) -> pa.StringArray:
    if kind is Type.STRING:
        return _after(_before(_escaped(column, '\\"'), '"'), '"')
    text = number_text(column)
    return _after(text, "i") if kind in INTEGERS or kind is Type.TIMESTAMP else text


def _escaped(column: pa.StringArray, special: str) -> pa.StringArray:
    """A backslash before each of these characters. If the backslash is among them, it comes first."""
    if holds_any(column, special.encode()):
        for character in special:
            column = pc.replace_substring(column, character, f"\\{character}")
    return column


def _field_set(data: pa.RecordBatch, fields: Sequence[Field]) -> Iterator[pa.StringArray]:
    """The fields, with a space before the first one that is there and commas before the others.

    Those that are there in every point come first, so that the others can bring a comma along.
    """
    columns = [(one.name, _field_text(data.column(one.name), one.type)) for one in fields]
    always = [one for one in columns if not one[1].null_count]
    for index, (name, text) in enumerate(always):
        yield _before(text, f"{',' if index else ' '}{name}=")
    seen: pa.BooleanArray | None = None
    for name, text in columns:
        if not text.null_count:
            continue
        if always or seen is None:
            yield _before(text, f"{',' if always else ' '}{name}=")
        else:
            yield pc.binary_join_element_wise(pc.if_else(seen, ",", " "), f"{name}=", text, "")
        valid = text.is_valid()
        seen = valid if seen is None else pc.or_(seen, valid)
