"""Records to events: Lambda's shape, and where a batch is cut."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from iotstream.local.lambda_runtime import MAX_PAYLOAD_BYTES


class Record(NamedTuple):
    """A record as GetRecords gives it; its data stays base64.

    Attributes:
        sequence_number: text.
        partition_key: text.
        data: base64.
        arrival_s: `ApproximateArrivalTimestamp`, seconds since the epoch.
    """

    sequence_number: str
    partition_key: str
    data: str
    arrival_s: float


class Source(NamedTuple):
    """What every record of a shard's events says of its source."""

    stream_arn: str
    shard_id: str
    region: str
    role_arn: str = "arn:aws:iam::123456789012:role/transform-function"


_FRAME_BYTES = len('{"Records":[]}')


def encode(record: Record, source: Source) -> bytes:
    """A record of an event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    return orjson.dumps(
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence_number,
                "data": record.data,
                "approximateArrivalTimestamp": record.arrival_s,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{source.shard_id}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": source.role_arn,
            "awsRegion": source.region,
            "eventSourceARN": source.stream_arn,
        }
    )


def event(records: Sequence[Record], source: Source) -> bytes:
    """The event of a batch."""
    return b'{"Records":[' + b",".join(encode(record, source) for record in records) + b"]}"


def fitting(records: Sequence[Record], source: Source, batch_size: int) -> int:
    """How many of the first records make a batch: by `batch_size`, and by the invocation's payload.

    The first record always goes.
    """
    size = _FRAME_BYTES
    for count, record in enumerate(records[:batch_size]):
        size += len(encode(record, source)) + 1
        if count and size > MAX_PAYLOAD_BYTES:
            return count
    return min(len(records), batch_size)


def lane(partition_key: str, lanes: int) -> int:
    """Which of a shard's parallel batches the records of a partition key are in: always the same."""
    if lanes == 1:
        return 0
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4]) % lanes
