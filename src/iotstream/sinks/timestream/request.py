"""Points become bodies of WriteRecords calls: text made column by column, each body a slice of it. Pure.

https://docs.aws.amazon.com/timestream/latest/developerguide/API_WriteRecords.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from iotstream.sinks.calls.bodies import Chunk, Slice
from iotstream.sinks.timestream.mapping import MEASURE_TYPES, Mapping
from iotstream.sinks.timestream.points import Points
from iotstream.sinks.timestream.text import Element, Group, rows_text

MAX_RECORDS = 100
"""In one call: https://docs.aws.amazon.com/timestream/latest/developerguide/ts-limits.html"""
MAX_BODY_BYTES = 1024 * 1024
"""Not the service's: keeps many calls in flight from taking much memory where records are large."""
CHUNK_RECORDS = 80 * MAX_RECORDS
"""What is made into text at once: few enough to stay in the processor's cache."""


class Target(NamedTuple):
    """Where points go."""

    database: str
    table: str


@dataclass(frozen=True, kw_only=True)
class Records(Chunk):
    """The text of some records, each ending in a comma.

    Attributes:
        head: the body up to its first record.
    """

    head: bytes


class Body(Slice[Records]):
    """The body of one call."""

    @property
    def payload(self) -> bytes:
        """The JSON document."""
        bounds = self.chunk.bounds
        records = self.chunk.text[bounds[self.start] : bounds[self.stop] - 1]
        return b"".join((self.chunk.head, records, b"]}"))


def bodies(points: Points, mapping: Mapping, target: Target) -> Iterator[Body]:
    """The bodies of the calls that write these points, made as they are asked for."""
    for first in range(0, points.data.num_rows, CHUNK_RECORDS):
        data = points.data.slice(first, CHUNK_RECORDS)
        versions = points.versions.slice(first, CHUNK_RECORDS)
        chunk = _chunk(data, versions, mapping, target, first)
        start = 0
        while start < data.num_rows:
            stop = _stop(chunk.bounds, start, data.num_rows)
            yield Body(chunk=chunk, start=start, stop=stop)
            start = stop


def _stop(bounds: memoryview, start: int, end: int) -> int:
    stop = min(start + MAX_RECORDS, end)
    while bounds[stop] - bounds[start] > MAX_BODY_BYTES and stop - start > 1:
        stop = start + (stop - start) // 2
    return stop


def _chunk(
    data: pa.RecordBatch, versions: pa.Int64Array, mapping: Mapping, target: Target, first: int
) -> Records:
    shared = _shared_dimensions(data, mapping)
    version = versions[0].as_py() if _is_constant(versions) else None
    head = _head(data, mapping, target, shared, version)
    record = _record(data, versions if version is None else None, mapping, shared)
    text, bounds = rows_text(record, data.num_rows)
    return Records(head=head, text=text, bounds=bounds, first=first)


def _is_constant(column: pa.Array) -> bool:
    if column.null_count or column[0] != column[-1]:
        return False
    return bool(pc.all(pc.equal(column, column[0])).as_py())


def _shared_dimensions(data: pa.RecordBatch, mapping: Mapping) -> frozenset[str]:
    """The dimensions that are the same in all records, and so need be said only once.

    None where what is left could make a record with an empty list.
    """
    names = [one.name for one in mapping.dimensions]
    shared = frozenset(name for name in names if _is_constant(data.column(name)))
    left = [data.column(name) for name in names if name not in shared]
    return shared if not left or any(not column.null_count for column in left) else frozenset()


def _head(
    data: pa.RecordBatch, mapping: Mapping, target: Target, shared: frozenset[str], version: int | None
) -> bytes:
    dimensions = [
        {"Name": one.name, "Value": data.column(one.name)[:1].cast(pa.string())[0].as_py()}
        for one in mapping.dimensions
        if one.name in shared
    ]
    common: dict[str, Any] = {
        "MeasureName": mapping.measure_name,
        "MeasureValueType": "MULTI",
        "TimeUnit": "MILLISECONDS",
    }
    common |= {"Version": version} if version is not None else {}
    common |= {"Dimensions": dimensions} if dimensions else {}
    document = {"DatabaseName": target.database, "TableName": target.table, "CommonAttributes": common}
    return orjson.dumps(document)[:-1] + b',"Records":['


def _record(
    data: pa.RecordBatch, versions: pa.Int64Array | None, mapping: Mapping, shared: frozenset[str]
) -> list[Group]:
    """What a record's text is made of, with a comma at the end."""
    head = [Element('"Time":"', data.column(mapping.time.name), '"')]
    if versions is not None:
        head.append(Element('"Version":', versions, ""))
    dimensions = [
        Element(f'{{"Name":"{one.name}","Value":"', data.column(one.name), '"}')
        for one in mapping.dimensions
        if one.name not in shared
    ]
    measures = [
        Element(
            f'{{"Name":"{one.name}","Value":"',
            data.column(one.name),
            f'","Type":"{MEASURE_TYPES[one.type]}"}}',
        )
        for one in mapping.measures
    ]
    groups = [Group("{", head, ""), Group(',"MeasureValues":[', measures, "]},")]
    if dimensions:
        groups.insert(1, Group(',"Dimensions":[', dimensions, "]"))
    return groups
