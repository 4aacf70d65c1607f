"""Where reading starts, and the iterators that carry it."""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from iotstream.local.kinesis import limits
from iotstream.local.kinesis.errors import KinesisError, invalid
from iotstream.local.kinesis.shard import Shard
from iotstream.local.kinesis.stream import Stream

_CHECKSUM_BYTES: Final = 4
# A subscription's continuation lies just above the last record; continuing after it again and again on an
# idle shard moves it on by one each time.
_CONTINUED: Final = 2**20


class Iterator(msgspec.Struct, frozen=True, array_like=True):
    """What a shard iterator says; `position` is the lowest sequence number that it will read."""

    stream: str
    generation: int
    shard_id: str
    position: str
    issued_at: float

    def encode(self) -> str:
        """The opaque text; its checksum refuses what this service didn't make."""
        content = msgspec.json.encode(self)
        return base64.b64encode(zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") + content).decode()


def decode_iterator(token: str, now: float) -> Iterator:
    """Read a shard iterator.

    Raises:
        KinesisError: InvalidArgumentException, not an iterator; ExpiredIteratorException, it is older
            than 5 minutes.
    """
    try:
        raw = base64.b64decode(token, validate=True)
        content = raw[_CHECKSUM_BYTES:]
        if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") != raw[:_CHECKSUM_BYTES]:
            raise invalid("Invalid ShardIterator.")
        iterator = msgspec.json.decode(content, type=Iterator)
    except (binascii.Error, ValueError):
        raise invalid("Invalid ShardIterator.") from None
    if now - iterator.issued_at > limits.ITERATOR_LIFETIME_S:
        raise KinesisError("ExpiredIteratorException", _expired(iterator.issued_at, now))
    return iterator


class Start(NamedTuple):
    """The place that a shard iterator or subscription asks for, as the service describes it."""

    kind: str
    sequence_number: str | None
    timestamp: float | None


def starting_position(stream: Stream, shard: Shard, start: Start, now: float) -> int:
    """The lowest sequence number to read.

    Raises:
        KinesisError: InvalidArgumentException, the number isn't of this shard or the time lies ahead, or
            what the type needs is missing.
    """
    if start.kind == "LATEST":
        return shard.next_number
    if start.kind == "TRIM_HORIZON":
        return shard.starting_number
    if start.kind == "AT_TIMESTAMP":
        return _position_at(shard, start.timestamp, now)
    if start.sequence_number is None:
        raise invalid(f"Must specify a sequence number when using {start.kind}.")
    position = int(start.sequence_number)
    _check_number(stream, shard, position, start.kind)
    return position if start.kind == "AT_SEQUENCE_NUMBER" else position + 1


def _position_at(shard: Shard, timestamp: float | None, now: float) -> int:
    if timestamp is None:
        raise invalid("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.")
    if timestamp > now:
        raise invalid(
            f"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {int(timestamp * 1000)}, currentTimestampInMillis: {int(now * 1000)}"
        )
    found = shard.log.number_from(timestamp)
    return shard.next_number if found is None else found


def _check_number(stream: Stream, shard: Shard, position: int, kind: str) -> None:
    end = shard.ending_number
    above = position > (shard.next_number + _CONTINUED if end is None else end)
    if shard.is_before_start(position) or above:
        raise invalid(
            f"StartingSequenceNumber {position} used with {kind} on shard {shard.shard_id} in stream "
            f"{stream} is invalid because it did not come from this shard."
        )


def _expired(issued_at: float, now: float) -> str:
    issued, right_now = (
        datetime.fromtimestamp(at, UTC).strftime("%a %b %d %H:%M:%S UTC %Y") for at in (issued_at, now)
    )
    return (
        f"Iterator expired. The iterator was created at time {issued} while right now it is {right_now} "
        f"which is further in the future than the tolerated delay of {limits.ITERATOR_LIFETIME_S * 1000} "
        f"milliseconds."
    )
