"""Payloads to validated rows and rejects: `decode`.

Items = rows + rejects, always. Two decoders give the same answers, chunk by chunk: the compiled kernel
where it is installed, pure Python else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from iotstream._kernel_decoder import KernelDecoder
from iotstream._native import native
from iotstream._python_decoder import CHUNK_BYTES, CHUNK_RECORDS, PythonDecoder
from iotstream.decoded import Decoded
from iotstream.records import RawBatch, about_size
from iotstream.rejects import Reject, Rejects
from iotstream.schema import Schema
from iotstream.unpack import deaggregate, may_hold_aggregates, split_aggregates


def decode(payloads: Sequence[bytes] | RawBatch, schema: Schema) -> Decoded:
    """Decode and validate payloads of any form.

    A payload is an object, an array of objects, NDJSON or concatenated objects, each also gzip-,
    zlib- or zstd-compressed, or a KPL aggregate of such records. Bad data never raises: it becomes a
    reject with its reason.

    Args:
        payloads: n payloads; or a `RawBatch`, whose arrival times then bound the event times.
        schema: the telemetry.

    Returns:
        Rows and rejects. `record` counts the payloads given, and `item` the items of each; for a
        `RawBatch` it counts the records of `.raw`, where each user record of a KPL aggregate is one.

    Raises:
        TypeError: a payload is not bytes.
    """
    if isinstance(payloads, RawBatch):
        raw = deaggregate(payloads)
        return replace(_decode_records(raw.payloads, schema, raw.arrival_ms), raw=raw)
    if may_hold_aggregates(payloads):
        return _decode_aggregates(payloads, schema)
    return _decode_records(payloads, schema, None)


def decoder() -> str:
    """Which decoder is at work, in words, for logs and reports."""
    if native is None:
        return "pure Python (pip install iotstream-native: several times as fast)"
    return f"compiled kernel {native.__version__}"


@lru_cache(maxsize=64)
def _decoder(schema: Schema) -> PythonDecoder | KernelDecoder:
    return PythonDecoder(schema) if native is None else KernelDecoder(schema)


def _decode_records(payloads: Sequence[bytes], schema: Schema, arrival_ms: pa.Int64Array | None) -> Decoded:
    step = min(max(len(payloads) * CHUNK_BYTES // max(about_size(payloads), 1), 1), CHUNK_RECORDS)
    parts = [
        _decoder(schema).decode(
            payloads[start : start + step],
            None if arrival_ms is None else arrival_ms.slice(start, step),
            offset=start,
        )
        for start in range(0, max(len(payloads), 1), step)
    ]
    if len(parts) == 1:
        return parts[0]
    return Decoded(
        data=pa.concat_batches([part.data for part in parts]),
        rejects=Rejects.joined([part.rejects for part in parts]),
        record=pa.concat_arrays([part.record for part in parts]),
        item=pa.concat_arrays([part.item for part in parts]),
        extra_fields=sum((part.extra_fields for part in parts), Counter()),
    )


def _decode_aggregates(payloads: Sequence[bytes], schema: Schema) -> Decoded:
    """Decode the user records, and number their items through the payload that they came in."""
    users, parents, numbers = split_aggregates(payloads)
    decoded = _decode_records(users, schema, None)
    if decoded.data.num_rows + len(decoded.rejects) > len(users):
        numbers = _first_items(decoded, parents.to_pylist())

    def rejects() -> Iterator[Reject]:
        for one in decoded.rejects:
            record, first = parents[one.record].as_py(), numbers[one.record].as_py()
            yield one._replace(record=record, item=first + one.item)

    return replace(
        decoded,
        record=parents.take(decoded.record).cast(pa.int32()),
        item=pc.add(numbers.take(decoded.record).cast(pa.int32()), decoded.item),
        rejects=Rejects.later(decoded.rejects.reasons, rejects),
    )


def _first_items(decoded: Decoded, parents: list[int]) -> pa.Int64Array:
    """The number that each user record's first item has in the payload that it came in."""
    items = Counter(decoded.record.to_pylist())
    items.update(reject.record for reject in decoded.rejects)
    first = [0]
    for user in range(1, len(parents)):
        follows = parents[user - 1] == parents[user]
        first.append(first[-1] + items[user - 1] if follows else 0)
    return pa.array(first, pa.int64())
