"""Messages of a source as columns, by the compiled kernel: no Python object for each record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from iotstream.records import Column, RawBatch

if TYPE_CHECKING:
    from iotstream_native import Records


def raw_batch(records: Records, *, stream: str, shard_id: str, deaggregated: bool = False) -> RawBatch:
    """The kernel's records, in their order, with the names that the source knows."""
    subs = records.sub_sequence_numbers
    return RawBatch(
        payloads=Column(_strings(pa.binary(), records.count, records.payload_offsets, records.payload_data)),
        sequence_numbers=Column(
            _strings(pa.string(), records.count, records.sequence_offsets, records.sequence_data)
        ),
        sub_sequence_numbers=None if subs is None else memoryview(subs).cast("q"),
        arrival_ms=pa.Array.from_buffers(pa.int64(), records.count, [None, pa.py_buffer(records.arrival_ms)]),
        stream=stream,
        shard_id=shard_id,
        deaggregated=deaggregated,
    )


def _strings(kind: pa.DataType, count: int, offsets: object, data: object) -> pa.Array:
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
