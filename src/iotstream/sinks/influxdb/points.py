"""Rows become points: what line protocol can say, once for each series and time. Pure.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.schema import Field, Type
from iotstream.sinks.influxdb.mapping import Mapping
from iotstream.sinks.influxdb.settings import Version
from iotstream.sinks.points import Refused, indices, last_of_equals, rows_but, rows_without
from iotstream.sinks.text import holds_any

# v1 and v2 take a backslash for itself unless it stands before one of these, and then can't have meant
# itself; v3 has `\\`, but ends a tag at a tab. https://github.com/influxdata/influxdb: models/points.go
# (branches 1.x and 2.x), core/influxdb_line_protocol/src/lib.rs (3.x).
_UNSAYABLE = {
    Version.V1: (
        b"\n\\",
        r"\n|\\[,= ]|\\\z",
        "a line break, or a backslash before a comma, =, a space or its end",
    ),
    Version.V3: (b"\n\t\\", r"\n|\t|\\\z", "a line break, a tab, or a backslash at its end"),
}
_UNSAYABLE[Version.V2] = _UNSAYABLE[Version.V1]


@dataclass(frozen=True, kw_only=True)
class Points:
    """What is to be sent.

    Attributes:
        data: n points, the schema's columns; an empty tag is null.
        rows: int32, n: the index of each point's row in the batch.
        refused: rows that are no points.
        superseded: rows that a later row of the same series and time stands for.
    """

    data: pa.RecordBatch
    rows: pa.Int32Array
    refused: list[Refused]
    superseded: int


def points_of(table: pa.Table, mapping: Mapping, version: Version) -> Points:
    """What InfluxDB is to hold of these rows.

    - A null is left out, and so is an empty tag: line protocol knows neither.
    - A row without any measure is refused, and so is one with a tag that line protocol can't say: the line
      would be taken for something else, or for two.
    - Of equal (tags, time) the last row stays: InfluxDB would make one point of them, field by field.

    Args:
        table: n rows, with the schema's columns.
        mapping: of the schema.
        version: of the write API.
    """
    columns = {one.name: _column(table, one) for one in (mapping.time, *mapping.fields)}
    columns |= {one.name: _tag(_column(table, one)) for one in mapping.tags}
    data = pa.RecordBatch.from_pydict(columns)
    refused = _refused(data, mapping, version)
    rows = rows_but(data.num_rows, refused)
    if refused:
        data = data.take(rows)
    last = last_of_equals([data.column(one.name) for one in (*mapping.tags, mapping.time)])
    superseded = 0
    if last is not None:
        superseded = data.num_rows - len(last)
        data, rows = data.take(last), rows.take(last)
    return Points(data=data, rows=rows, refused=refused, superseded=superseded)


def _column(table: pa.Table, one: Field) -> pa.Array:
    column = table.column(one.name).combine_chunks()
    return column if column.type == one.arrow_type else column.cast(one.arrow_type)


def _tag(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type) and pc.min(pc.binary_length(column)).as_py() == 0:
        return pc.if_else(pc.equal(pc.binary_length(column), 0), None, column)
    return column


def _refused(data: pa.RecordBatch, mapping: Mapping, version: Version) -> list[Refused]:
    found: dict[int, Refused] = {}
    names = ", ".join(one.name for one in mapping.fields)
    for row in rows_without([data.column(one.name) for one in mapping.fields]):
        found[row] = Refused(
            row, "", f"no measure has a value ({names}): InfluxDB takes no point without one"
        )
    special, pattern, words = _UNSAYABLE[version]
    for one in mapping.tags:
        column = data.column(one.name)
        if one.type is Type.STRING and holds_any(column, special):
            for row in indices(pc.match_substring_regex(column, pattern)):
                detail = f"a tag with {words}, which line protocol ({version}) can't say"
                found.setdefault(row, Refused(row, one.name, detail))
    return [found[row] for row in sorted(found)]
