"""The data plane: PutRecord, PutRecords, GetShardIterator, GetRecords."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account, NamesStream
from iotstream.local.kinesis.errors import KinesisError, invalid, not_found, throttled, validation
from iotstream.local.kinesis.log import Record
from iotstream.local.kinesis.positions import Iterator, Start, decode_iterator, starting_position
from iotstream.local.kinesis.registry import operation
from iotstream.local.kinesis.shard import Shard
from iotstream.local.kinesis.stream import Stream, hash_key

THROUGHPUT_EXCEEDED: Final = "ProvisionedThroughputExceededException"


class Written(msgspec.Struct, gc=False, omit_defaults=True):
    """The outcome of one record: where it is, or why it was refused."""

    SequenceNumber: str | None = None
    ShardId: str | None = None
    ErrorCode: str | None = None
    ErrorMessage: str | None = None


class PutRecordsResult(msgspec.Struct, omit_defaults=True):
    """The answer of PutRecords; one outcome for each record, in order."""

    FailedRecordCount: int
    Records: list[Written]
    EncryptionType: str | None = None


class GetRecordsResult(msgspec.Struct, omit_defaults=True):
    """The answer of GetRecords; no next iterator: the shard is closed and read to its end."""

    Records: list[Record]
    MillisBehindLatest: int
    NextShardIterator: str | None = None
    ChildShards: list[dict[str, Any]] | None = None


@operation
def put_record(account: Account, request: requests.PutRecord, now: float) -> dict[str, str]:
    """Write one record."""
    stream = _usable(account, request, now)
    written = _write(account, stream, _place(stream, request, "data"), now)
    if written.ErrorCode is not None:
        raise KinesisError(written.ErrorCode, written.ErrorMessage or "")
    assert written.ShardId is not None
    assert written.SequenceNumber is not None
    answer = {"ShardId": written.ShardId, "SequenceNumber": written.SequenceNumber}
    return answer | ({"EncryptionType": "KMS"} if stream.key_id else {})


@operation
def put_records(account: Account, request: requests.PutRecords, now: float) -> PutRecordsResult:
    """Write records; each succeeds or fails by itself."""
    stream = _usable(account, request, now)
    # All are looked at before the first is written: a wrong one refuses the whole call.
    placed = [
        _place(stream, entry, f"records.{number}.member.data")
        for number, entry in enumerate(request.Records, 1)
    ]
    if sum(record.size for record in placed) > limits.PUT_RECORDS_MAX_BYTES:
        raise invalid(f"Records size exceeds {limits.PUT_RECORDS_MAX_BYTES // limits.MIB} MB limit")
    write = _write_or_fail if account.faults.strike_records else _write
    written = [write(account, stream, record, now) for record in placed]
    failed = sum(outcome.ErrorCode is not None for outcome in written)
    return PutRecordsResult(failed, written, "KMS" if stream.key_id else None)


@operation
def get_shard_iterator(account: Account, request: requests.GetShardIterator, now: float) -> dict[str, str]:
    """Where to start reading a shard."""
    stream = _usable(account, request, now)
    shard = stream.shard(request.ShardId)
    if account.settings.limits and not shard.iterator_calls.take(1, now):
        raise throttled(_rate_exceeded(stream, shard))
    shard.log.trim(stream.trim_horizon(now))
    start = Start(request.ShardIteratorType, request.StartingSequenceNumber, request.Timestamp)
    position = starting_position(stream, shard, start, now)
    return {"ShardIterator": _iterator(stream, shard, position, now)}


@operation
def get_records(account: Account, request: requests.GetRecords, now: float) -> GetRecordsResult:
    """Read a shard from an iterator on."""
    iterator = decode_iterator(request.ShardIterator, now)
    stream = account.named(iterator.stream, now)
    if stream.generation != iterator.generation:
        raise not_found(f"Stream {stream} not found: the iterator belongs to a deleted one of that name.")
    if request.StreamARN not in (None, stream.arn):
        raise invalid(f"StreamARN {request.StreamARN} does not match the stream of the iterator.")
    stream.expire(now)
    shard = stream.shard(iterator.shard_id)
    if account.settings.limits:
        _count_read(stream, shard, now)
    records, position, size = read(
        stream,
        shard,
        int(iterator.position),
        max_records=request.Limit or limits.GET_RECORDS_MAX_RECORDS,
        max_bytes=limits.GET_RECORDS_MAX_BYTES,
        now=now,
    )
    if account.settings.limits:
        shard.read_bytes.spend(size, now)
    behind = millis_behind(shard, position, records, now)
    if is_read_out(shard, position):
        children = [child.describe_as_child() for child in shard.children]
        return GetRecordsResult(records, behind, None, children)
    return GetRecordsResult(records, behind, _iterator(stream, shard, position, now))


def read(
    stream: Stream, shard: Shard, position: int, *, max_records: int, max_bytes: int, now: float
) -> tuple[list[Record], int, int]:
    """Records at or after a position, the position after them, and their bytes."""
    log = shard.log
    log.trim(stream.trim_horizon(now))
    index = log.index_of(position)
    records, size = log.read(index, max_records, max_bytes)
    if records:
        position = log.number_at(index + len(records) - 1) + 1
    return records, position, size


def is_read_out(shard: Shard, position: int) -> bool:
    """Whether a shard is closed and holds nothing at or after a position."""
    return shard.closed_at is not None and shard.log.index_of(position) == len(shard.log)


def millis_behind(shard: Shard, position: int, records: list[Record], now: float) -> int:
    """The service's MillisBehindLatest: 0 at the tip, else the age of the last record read."""
    if shard.log.index_of(position) == len(shard.log):
        return 0
    since = records[-1].ApproximateArrivalTimestamp if records else now
    return max(1, int((now - since) * 1000))


def _usable(account: Account, request: NamesStream, now: float) -> Stream:
    stream = account.stream_of(request, now)
    if stream.status(now) == "CREATING":
        raise not_found(f"Stream {stream} not found.")
    return stream


class _Placed(NamedTuple):
    """A record with its size against throughput and the shard that its key leads to."""

    data: bytes
    partition_key: str
    size: int
    shard: Shard


def _place(stream: Stream, entry: requests.PutRecord | requests.PutRecordsEntry, member: str) -> _Placed:
    data, partition_key, explicit = entry.Data, entry.PartitionKey, entry.ExplicitHashKey
    size = len(data) + len(partition_key.encode())
    if size > stream.max_record_bytes:
        raise validation(
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {stream.max_record_bytes}"
        )
    key = hash_key(partition_key) if explicit is None else _explicit(explicit)
    return _Placed(data, partition_key, size, stream.route(key))


def _write(account: Account, stream: Stream, record: _Placed, now: float) -> Written:
    shard = record.shard
    if account.settings.limits and not shard.admit(record.size, now):
        return Written(ErrorCode=THROUGHPUT_EXCEEDED, ErrorMessage=_rate_exceeded(stream, shard))
    encryption = "KMS" if stream.key_id else None
    number = shard.append(record.data, record.partition_key, record.size, now, encryption)
    return Written(number, shard.shard_id)


def _write_or_fail(account: Account, stream: Stream, record: _Placed, now: float) -> Written:
    fault = account.faults.strike_record()
    if fault is None:
        return _write(account, stream, record, now)
    if fault.after:
        _write(account, stream, record, now)
    code = fault.error.replace("InternalFailureException", "InternalFailure")
    return Written(ErrorCode=code, ErrorMessage=fault.text)


def _explicit(explicit_hash_key: str) -> int:
    key = int(explicit_hash_key)
    if key >= limits.HASH_KEYS:
        raise invalid(
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {key}"
        )
    return key


def _count_read(stream: Stream, shard: Shard, now: float) -> None:
    if shard.read_bytes.is_blocked(now) or not shard.read_calls.take(1, now):
        raise throttled(_rate_exceeded(stream, shard))


def _rate_exceeded(stream: Stream, shard: Shard) -> str:
    return f"Rate exceeded for shard {shard.shard_id} in stream {stream}."


def _iterator(stream: Stream, shard: Shard, position: int, now: float) -> str:
    return Iterator(stream.name, stream.generation, shard.shard_id, str(position), now).encode()
