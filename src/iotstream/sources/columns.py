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
        payloads=Column.of_bytes(records.payload_offsets, records.payload_data),
        sequence_numbers=Column.of_texts(records.sequence_offsets, records.sequence_data),
        sub_sequence_numbers=None if subs is None else memoryview(subs).cast("q"),
        arrival_ms=pa.Array.from_buffers(pa.int64(), records.count, [None, pa.py_buffer(records.arrival_ms)]),
        stream=stream,
        shard_id=shard_id,
        deaggregated=deaggregated,
    )
