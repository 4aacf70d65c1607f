"""A Lambda event of a Kinesis event source mapping: event → `RawBatch`, `Progress` → the answer.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from iotstream._native import native
from iotstream.pipeline import Progress
from iotstream.records import RawBatch, arrivals_of

if TYPE_CHECKING:
    from iotstream_native import Records


def raw_batches(event: Mapping[str, Any] | bytes) -> list[RawBatch]:
    """The records of an event, a batch for each shard, in the event's order.

    Lambda's events hold one shard's records; hand-made ones may hold several.

    Args:
        event: as the managed runtime has parsed it; or its JSON, which costs a tenth of that.

    Raises:
        ValueError: it is not a Kinesis event; the message names what is missing.
    """
    if isinstance(event, bytes):
        columns = None if native is None else native.read_event(event)
        if columns is not None:
            return [_from_columns(columns)]
        event = orjson.loads(event)
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise ValueError('not an event of a Kinesis event source mapping: no list "Records"')  # noqa: TRY004
    if not records:
        return []
    columns = None if native is None else native.read_records(records)
    if columns is not None:
        return [_from_columns(columns)]
    return raw_batches_in_python(records)


def _from_columns(columns: Records) -> RawBatch:
    return RawBatch.of_columns(columns, stream=_stream(columns.stream_arn), shard_id=columns.shard_id)


def _stream(arn: str) -> str:
    """The name in a stream's ARN, or in that of one of its consumers with enhanced fan-out."""
    return arn.partition(":stream/")[2].partition("/")[0]


def raw_batches_in_python(records: Sequence[Mapping[str, Any]]) -> list[RawBatch]:
    """The same of the event's records, at least one, without the kernel.

    Raises:
        ValueError: they are not records of a Kinesis event.
    """
    try:
        # An event's id is its shard and its sequence number, with a colon between.
        shards = [record["eventID"].partition(":")[0] for record in records]
        if len(set(shards)) == 1:
            return [_raw_batch(records, shards[0])]
        groups = {shard: [r for r, s in zip(records, shards, strict=True) if s == shard] for shard in shards}
        return [_raw_batch(group, shard) for shard, group in groups.items()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an event of a Kinesis event source mapping: {error!r} in a record") from error


def _raw_batch(records: Sequence[Mapping[str, Any]], shard_id: str) -> RawBatch:
    kinesis = [record["kinesis"] for record in records]
    return RawBatch(
        payloads=[a2b_base64(one["data"]) for one in kinesis],
        sequence_numbers=[one["sequenceNumber"] for one in kinesis],
        arrival_ms=arrivals_of([one["approximateArrivalTimestamp"] for one in kinesis]),
        stream=_stream(records[0]["eventSourceARN"]),
        shard_id=shard_id,
    )


def failures(progress: Sequence[Progress]) -> dict[str, list[dict[str, str]]]:
    """The answer of a handler: for each shard that is not done, the first record that is not.

    Lambda checkpoints before the lowest sequence number reported, and sends everything from it on
    again. Of a KPL aggregate only the Kinesis record itself can be named.
    """
    return {
        "batchItemFailures": [
            {"itemIdentifier": str(one.pending.sequence_number)}
            for one in progress
            if one.pending is not None
        ]
    }
