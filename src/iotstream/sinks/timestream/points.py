"""Rows become points: what Timestream takes, once for each series and time, with a version. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.batch import Origin
from iotstream.schema import Field, Type
from iotstream.sinks.points import Refused, indices, last_of_equals, rows_but, rows_without
from iotstream.sinks.timestream.mapping import Mapping

MAX_VALUE_CHARS = 2048
"""https://docs.aws.amazon.com/timestream/latest/developerguide/API_MeasureValue.html"""
MIN_VERSION = 1
"""https://docs.aws.amazon.com/timestream/latest/developerguide/API_Record.html"""


@dataclass(frozen=True, kw_only=True)
class Points:
    """What is to be sent.

    Attributes:
        data: n points, the schema's columns; an empty text is null.
        versions: n.
        rows: int32, n: the index of each point's row in the batch.
        refused: rows that are no points.
        superseded: rows that another row of the same series and time stands for.
    """

    data: pa.RecordBatch
    versions: pa.Int64Array
    rows: pa.Int32Array
    refused: list[Refused]
    superseded: int


def versions_of(origin: Origin | None, rows: int, otherwise: int) -> pa.Int64Array:
    """The `Version` of each row: the arrival time of its record in ms.

    So a retry or a replay writes the same again, and of two readings the one that arrived later wins.

    Args:
        origin: where the rows come from.
        rows: how many there are.
        otherwise: the version where the arrival time is unknown.
    """
    if origin is None or origin.raw.arrival_ms is None:
        return pa.repeat(pa.scalar(otherwise, pa.int64()), rows)
    arrival = origin.raw.arrival_ms.take(origin.record).fill_null(otherwise)
    return pc.max_element_wise(arrival, MIN_VERSION)


def points_of(table: pa.Table, versions: pa.Int64Array, mapping: Mapping) -> Points:
    """What Timestream is to hold of these rows.

    - A null dimension or measure is left out, and so is an empty text: Timestream takes none.
    - A row without any dimension, or without any measure, or with a text above the limit, is refused:
      one such record would fail the call for its neighbours too.
    - Of equal (dimensions, time) the row with the highest version stays, of equal versions the last:
      within a call Timestream would refuse them, and over several it would be chance.

    Args:
        table: n rows, with the schema's columns.
        versions: n.
        mapping: of the schema.
    """
    columns = {one.name: _column(table, one) for one in _fields(mapping)}
    data = pa.RecordBatch.from_pydict(columns)
    refused = _refused(data, mapping)
    rows = rows_but(data.num_rows, refused)
    if refused:
        data, versions = data.take(rows), versions.take(rows)
    keys = [data.column(one.name) for one in (*mapping.dimensions, mapping.time)]
    last = last_of_equals(keys, _by_version(versions))
    superseded = 0
    if last is not None:
        superseded = data.num_rows - len(last)
        data, versions, rows = data.take(last), versions.take(last), rows.take(last)
    return Points(data=data, versions=versions, rows=rows, refused=refused, superseded=superseded)


def _fields(mapping: Mapping) -> tuple[Field, ...]:
    return (mapping.time, *mapping.dimensions, *mapping.measures)


def _column(table: pa.Table, one: Field) -> pa.Array:
    column = table.column(one.name).combine_chunks()
    if column.type != one.arrow_type:
        column = column.cast(one.arrow_type)
    if one.type is Type.STRING and pc.min(pc.binary_length(column)).as_py() == 0:
        column = pc.if_else(pc.equal(pc.binary_length(column), 0), None, column)
    return column


def _refused(data: pa.RecordBatch, mapping: Mapping) -> list[Refused]:
    found: dict[int, Refused] = {}
    for role, fields in (("dimension", mapping.dimensions), ("measure", mapping.measures)):
        for row in rows_without([data.column(one.name) for one in fields]):
            names = ", ".join(one.name for one in fields)
            detail = f"no {role} has a value ({names}): Timestream takes no record without one"
            found.setdefault(row, Refused(row, "", detail))
    for one in mapping.measures:
        if one.type is Type.STRING:
            for row in _too_long(data.column(one.name)):
                detail = f"a text of more than {MAX_VALUE_CHARS} characters, which Timestream does not take"
                found.setdefault(row, Refused(row, one.name, detail))
    return [found[row] for row in sorted(found)]


def _too_long(column: pa.StringArray) -> list[int]:
    # A text has at least as many bytes as characters: the cheap test first.
    if (pc.max(pc.binary_length(column)).as_py() or 0) <= MAX_VALUE_CHARS:
        return []
    return indices(pc.greater(pc.utf8_length(column), MAX_VALUE_CHARS))


def _by_version(versions: pa.Int64Array) -> pa.Array | None:
    """The order of rising version; None = the rows are in that order."""
    if len(versions) < 2 or pc.min(pc.pairwise_diff(versions)).as_py() >= 0:
        return None
    # `sort_indices` is stable: of equal versions the later row comes later.
    return pc.sort_indices(versions)
