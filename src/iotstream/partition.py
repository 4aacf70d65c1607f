"""Rows to output partitions by event time, UTC: `dt=YYYY-MM-DD/hour=HH`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.position import Span

HOUR_MS = 3_600_000
SHORT_RUN_ROWS = 512
"""Of runs that are shorter on average, a chunk for each costs more than to sort or copy the rows."""
CHUNK_ROWS = 65_536
"""Of a table in fewer pieces, so many rows are looked at together."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Partition(NamedTuple):
    """One hour's rows.

    Attributes:
        path: `dt=YYYY-MM-DD/hour=HH`.
        data: its rows, in input order.
    """

    path: str
    data: pa.Table


def split(data: pa.Table, time_column: str) -> Iterator[Partition]:
    """The partitions of a table, in the order of time; the rows of each keep their order.

    Rows come about in the order of time: a partition is made of slices of the table, without a copy. Only
    where the hours change every few rows are rows sorted by hour, chunk by chunk, so that what is copied
    is still in the processor's cache, and little beside the table.

    Args:
        data: the rows; `time_column` is `timestamp[ms, UTC]`.
        time_column: the column of the event time.
    """
    slices: dict[int, list[pa.RecordBatch]] = {}
    for chunk in _unless_short(data).to_batches(max_chunksize=CHUNK_ROWS):
        for run in _runs(chunk, time_column):
            slices.setdefault(run.hour, []).append(run.rows)
    for hour in sorted(slices):
        yield Partition(partition_path(hour), _unless_short(pa.Table.from_batches(slices[hour])))


def partition_path(hour: int) -> str:
    """`dt=YYYY-MM-DD/hour=HH` of an hour since the epoch."""
    time = _EPOCH + dt.timedelta(hours=hour)
    return f"dt={time.date().isoformat()}/hour={time.hour:02}"


def object_key(path: str, span: Span) -> str:
    """The key of a partition's object, from the span's position: a replay finds it there already."""
    return f"data/{path}/{span}.parquet"


class _Run(NamedTuple):
    hour: int
    rows: pa.RecordBatch


def _unless_short(data: pa.Table) -> pa.Table:
    """The table in one piece, if its chunks are short."""
    chunks = data.column(0).num_chunks
    return data.combine_chunks() if chunks > 1 and chunks * SHORT_RUN_ROWS > data.num_rows else data


def _runs(chunk: pa.RecordBatch, time_column: str) -> list[_Run]:
    """Rows that follow one another and are of the same hour."""
    if not chunk.num_rows:
        return []
    ms = chunk[time_column].cast(pa.int64())
    ends = pc.min_max(ms)
    first, last = ends["min"].as_py() // HOUR_MS, ends["max"].as_py() // HOUR_MS
    if first == last:
        return [_Run(first, chunk)]
    # Counted from the first, since dividing is not flooring before 1970.
    hours = pc.divide(pc.subtract(ms, first * HOUR_MS), HOUR_MS)
    runs = pc.run_end_encode(hours)
    if len(runs.values) * SHORT_RUN_ROWS > chunk.num_rows and not _rise(runs.values):
        order = pc.sort_indices(hours)  # it is stable
        chunk, runs = chunk.take(order), pc.run_end_encode(hours.take(order))
    stops = runs.run_ends.to_pylist()
    return [
        _Run(first + hour, chunk.slice(start, stop - start))
        for hour, start, stop in zip(runs.values.to_pylist(), [0, *stops[:-1]], stops, strict=True)
    ]


def _rise(hours: pa.Int64Array) -> bool:
    return bool(pc.min(pc.pairwise_diff(hours)).as_py() > 0)
