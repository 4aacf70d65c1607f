"""Doubles and builders for tests, of this project and of its users.

event = kinesis_event([b'{"deviceId": …}'], arrival_ms=1_734_604_200_000)
sink = MemorySink()
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from iotstream.batch import Batch
from iotstream.errors import SinkUnavailable
from iotstream.records import RawBatch
from iotstream.rejects import Reason, Reject, Rejects
from iotstream.unpack import KPL_MAGIC

FIRST_SEQUENCE_NUMBER = 49_545_115_243_490_985_018_280_067_714_973_144_582_180_062_593_244_200_961
"""Of the sample event in AWS's documentation."""
STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/kinesis-stream"
SHARD_ID = "shardId-000000000006"


def raw_batch(
    payloads: Sequence[bytes],
    *,
    arrival_ms: int | Sequence[int] | None = None,
    first: int = FIRST_SEQUENCE_NUMBER,
    shard_id: str = SHARD_ID,
) -> RawBatch:
    """Records of one shard with consecutive sequence numbers.

    Args:
        payloads: the records.
        arrival_ms: of all, or of each, ms since the epoch; None = unknown.
        first: the first sequence number.
        shard_id: the shard.
    """
    times = [arrival_ms] * len(payloads) if isinstance(arrival_ms, int) else arrival_ms
    return RawBatch(
        payloads=payloads,
        sequence_numbers=[str(first + index) for index in range(len(payloads))],
        arrival_ms=None if times is None else pa.array(times, pa.int64()),
        stream=STREAM_ARN.rpartition("/")[2],
        shard_id=shard_id,
    )


def kpl_aggregate(payloads: Sequence[bytes], *, partition_key: str = "1") -> bytes:
    """The record that the Kinesis Producer Library makes of several.

    https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    """
    # Record: index into the table of partition keys (field 1), data (field 3).
    records = [_protobuf_field(3, b"\x08\x00" + _protobuf_field(3, one)) for one in payloads]
    message = _protobuf_field(1, partition_key.encode()) + b"".join(records)
    return KPL_MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def _protobuf_field(number: int, value: bytes) -> bytes:
    length, prefix = len(value), bytearray([number << 3 | 2])
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(prefix) + bytes([length]) + value


def kinesis_event(
    payloads: Iterable[bytes],
    *,
    arrival_ms: int,
    first: int = FIRST_SEQUENCE_NUMBER,
    shard_id: str = SHARD_ID,
) -> dict[str, Any]:
    """The event that Lambda makes of a shard's records.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": str(first + index),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": arrival_ms / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard_id}:{first + index}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/transform-function",
                "awsRegion": "us-east-1",
                "eventSourceARN": STREAM_ARN,
            }
            for index, payload in enumerate(payloads)
        ]
    }


def firehose_event(payloads: Iterable[bytes], *, arrival_ms: int) -> dict[str, Any]:
    """The event of a Firehose transformation.

    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
    """
    return {
        "invocationId": "invocationIdExample",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/telemetry",
        "region": "us-east-1",
        "records": [
            {
                "recordId": f"{FIRST_SEQUENCE_NUMBER + index}",
                "approximateArrivalTimestamp": arrival_ms,
                "data": base64.b64encode(payload).decode(),
            }
            for index, payload in enumerate(payloads)
        ],
    }


@dataclass
class LambdaContext:
    """Lambda's context object, as far as the handlers use it."""

    function_name: str = "transform-function"
    remaining_ms: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        return self.remaining_ms


@dataclass
class MemorySink:
    """Keeps what it is given.

    Attributes:
        name: as which it appears.
        batches: what was written, in order.
        refuse: rows of a batch, by (record, item), that it refuses for good.
        down: how many writes fail from now on with `SinkUnavailable`.
        closed: whether `close` was called.
    """

    name: str = "memory"
    batches: list[Batch] = field(default_factory=list)
    refuse: set[tuple[int, int]] = field(default_factory=set)
    down: int = 0
    closed: bool = False

    def write(self, batch: Batch) -> Rejects:
        """Keep it, or fail as told."""
        if self.down:
            self.down -= 1
            raise SinkUnavailable(f"{self.name} is down")
        self.batches.append(batch)
        return Rejects(self._refusals(batch))

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def _refusals(self, batch: Batch) -> list[Reject]:
        if batch.origin is None:
            return []
        origin = batch.origin
        keys = zip(origin.record.to_pylist(), origin.item.to_pylist(), strict=True)
        return [
            Reject(record, item, Reason.SINK, "", "refused", origin.raw.payloads[record])
            for record, item in keys
            if (record, item) in self.refuse
        ]
