"""What lies between the stream and the text: KPL aggregates taken apart, payloads decompressed.

Pure: bytes in, bytes out. Bombs are stopped at the schema's limits before they are held in memory.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from iotstream._native import native
from iotstream.records import Column, RawBatch
from iotstream.rejects import Fault, Reason
from iotstream.schema import Limits

# The KPL's aggregated record: magic, protobuf message, MD5 of the message.
# https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
KPL_MAGIC = b"\xf3\x89\x9a\xc2"
KPL_DIGEST_BYTES = 16
_KPL_RECORDS_FIELD = 3
_KPL_DATA_FIELD = 3

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZLIB_METHOD = 8
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
"""zlib tells the two by their headers."""
_INFLATE_STEP = 1 << 20
_MEMBER_STEP = 1 << 13
"""Compressed bytes given to zlib at once: what it leaves over is copied, once for each gzip member."""


def deaggregate(raw: RawBatch) -> RawBatch:
    """Take KPL aggregates apart: a record for each user record, numbered from 0 in its aggregate.

    Nothing is ever dropped: an aggregate whose checksum or structure is wrong stays as it is (and is
    rejected as not JSON later), and one that holds no user record stays as one empty record. User
    records keep their order, also those whose hash key lies outside the shard.
    """
    if raw.deaggregated:
        return raw
    if not may_hold_aggregates(raw.payloads):
        return replace(raw, deaggregated=True)
    payloads, parents, numbers = split_aggregates(raw.payloads)
    sequences, arrival = raw.sequence_numbers, raw.arrival_ms
    texts = sequences.array if isinstance(sequences, Column) else pa.array(sequences, pa.string())
    return RawBatch(
        payloads=payloads,
        sequence_numbers=Column(texts.take(parents)),
        sub_sequence_numbers=memoryview(numbers.buffers()[1]).cast("q"),
        arrival_ms=None if arrival is None else arrival.take(parents),
        stream=raw.stream,
        shard_id=raw.shard_id,
        deaggregated=True,
    )


def may_hold_aggregates(payloads: Sequence[bytes]) -> bool:
    """Whether a payload begins as a KPL aggregate does.

    Raises:
        TypeError: a payload is not bytes.
    """
    if native is not None:
        if isinstance(payloads, Column):
            return bool(native.may_hold_aggregates_column(*payloads.buffers))
        return bool(native.may_hold_aggregates(payloads))
    try:
        if max(payloads, default=b"") < KPL_MAGIC:
            return False  # the greatest has the greatest first bytes
        return any(one.startswith(KPL_MAGIC) for one in payloads if one >= KPL_MAGIC)
    except TypeError:
        index, kind = next((i, type(one)) for i, one in enumerate(payloads) if type(one) is not bytes)
        raise TypeError(f"payloads[{index}] is of type {kind.__name__}: bytes expected") from None


def split_aggregates(payloads: Sequence[bytes]) -> tuple[Sequence[bytes], pa.Int64Array, pa.Int64Array]:
    """User records' payloads, the index of the payload each came in, and its number in there."""
    if native is None or (column := _column(payloads)) is None:
        return split_aggregates_in_python(payloads)
    offsets, data, *indexes = native.split_aggregates(*column.buffers)
    users = Column.of_bytes(offsets, data)
    parents, numbers = (
        pa.Array.from_buffers(pa.int64(), len(users), [None, pa.py_buffer(index)]) for index in indexes
    )
    return users, parents, numbers


def _column(payloads: Sequence[bytes]) -> Column[bytes] | None:
    """The payloads as a column; None if they are more than its offsets can count."""
    if isinstance(payloads, Column):
        return payloads
    array = pa.array(payloads, pa.binary())
    return Column(array) if isinstance(array, pa.BinaryArray) else None


def split_aggregates_in_python(
    payloads: Sequence[bytes],
) -> tuple[list[bytes], pa.Int64Array, pa.Int64Array]:
    """The same, without the kernel."""
    out: list[bytes] = []
    parents: list[int] = []
    numbers: list[int] = []
    for index, payload in enumerate(payloads):
        users = user_records(payload)
        users = [payload] if users is None else users or [b""]
        out += users
        parents += [index] * len(users)
        numbers += range(len(users))
    return out, pa.array(parents, pa.int64()), pa.array(numbers, pa.int64())


def user_records(payload: bytes) -> list[bytes] | None:
    """The user records of a KPL aggregate, in order; None if the payload isn't one."""
    if len(payload) < len(KPL_MAGIC) + KPL_DIGEST_BYTES or payload[:4] != KPL_MAGIC:
        return None
    message, digest = payload[4:-KPL_DIGEST_BYTES], payload[-KPL_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    try:
        records = [value for number, value in _protobuf(message) if number == _KPL_RECORDS_FIELD]
        return [_user_data(record) for record in records]
    except ValueError:
        return None


def _user_data(record: bytes) -> bytes:
    data = b""
    for number, value in _protobuf(record):
        if number == _KPL_DATA_FIELD:
            data = value
    return data


def _protobuf(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protobuf message; others are passed over.

    https://protobuf.dev/programming-guides/encoding/

    Raises:
        ValueError: it is not a protobuf message.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            if at + length > end:
                raise ValueError("truncated")
            yield key >> 3, message[at : at + length]
            at += length
        elif kind in {1, 5}:
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
    if at != end:
        raise ValueError("truncated")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("bad varint")


def inflate(payload: bytes, limits: Limits) -> bytes | Fault:
    """The payload's text: as it is, or decompressed if it is gzip (also several members), zlib or zstd.

    Compression is told by the first bytes. Those of zlib can be text ("x^" is such): what is ASCII
    throughout and can't be inflated is taken as it is.
    """
    if len(payload) > limits.max_record_bytes:
        return Fault(Reason.TOO_LARGE, f"{len(payload)} bytes, at most {limits.max_record_bytes}")
    if payload[:2] == GZIP_MAGIC:
        return _inflate_zlib(payload, limits.max_inflated_bytes)
    if _is_zlib(payload):
        text = _inflate_zlib(payload, limits.max_inflated_bytes)
        return payload if isinstance(text, Fault) and payload.isascii() else text
    if payload[:4] == ZSTD_MAGIC:
        return _inflate_zstd(payload, limits.max_inflated_bytes)
    return payload


def _is_zlib(payload: bytes) -> bool:
    """By the header of RFC 1950: method, window, no preset dictionary, check bits."""
    if len(payload) < 2 or payload[0] & 0x8F != ZLIB_METHOD:
        return False
    return (payload[0] << 8 | payload[1]) % 31 == 0 and not payload[1] & 0x20


def _inflate_zlib(payload: bytes, most: int) -> bytes | Fault:
    parts: list[bytes] = []
    size = at = 0
    inflater = zlib.decompressobj(_ZLIB_OR_GZIP)
    while at < len(payload):
        if inflater.eof:
            # gzip pads with zero bytes, and members may follow each other (RFC 1952, 2.2).
            if payload[at] == 0:
                at += 1
                continue
            if payload[at : at + 2] != GZIP_MAGIC:
                return Fault(Reason.BAD_COMPRESSION, "bytes follow the compressed data")
            inflater = zlib.decompressobj(_ZLIB_OR_GZIP)
        step = payload[at : at + _MEMBER_STEP]
        try:
            part = inflater.decompress(step, most - size + 1)
        except zlib.error as error:
            return Fault(Reason.BAD_COMPRESSION, str(error))
        size += len(part)
        if size > most:
            return Fault(Reason.TOO_MANY, f"more than {most} bytes after decompression")
        parts.append(part)
        at += len(step) - len(inflater.unused_data)
    return b"".join(parts) if inflater.eof else Fault(Reason.BAD_COMPRESSION, "truncated")


def _inflate_zstd(payload: bytes, most: int) -> bytes | Fault:
    parts: list[bytes] = []
    size = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
            while part := stream.read(min(_INFLATE_STEP, most - size + 1)):
                parts.append(part)
                size += len(part)
                if size > most:
                    return Fault(Reason.TOO_MANY, f"more than {most} bytes after decompression")
    except OSError as error:
        return Fault(Reason.BAD_COMPRESSION, str(error))
    return b"".join(parts)
