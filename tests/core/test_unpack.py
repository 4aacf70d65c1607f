"""KPL aggregates, by an encoder of our own, and compression with its bombs."""

import gzip
import hashlib
import random
import tracemalloc
import zlib

import pyarrow as pa
import pytest
from mutations import zstd

import iotstream
from iotstream.testing import raw_batch
from iotstream.unpack import deaggregate, inflate, user_records

GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"test-001","temperature":23.5,"humidity":65}'
FLAT = iotstream.Schema.load()
LIMITS = iotstream.Limits()


# --- The KPL's format, written from its description (aggregation-format.md of the KPL) ------------


def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def delimited(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def aggregate(*users, keys=("a", "b"), hashes=("1",), extra=b""):
    """AggregatedRecord: 1 partition keys, 2 explicit hash keys, 3 records of 1, 2 indexes, 3 data, 4 tags."""
    message = b"".join(delimited(1, key.encode()) for key in keys)
    message += b"".join(delimited(2, key.encode()) for key in hashes)
    for number, user in enumerate(users):
        tag = delimited(4, delimited(1, b"k") + delimited(2, b"v"))
        record = b"\x08" + varint(number % len(keys)) + b"\x10\x00" + delimited(3, user) + tag
        message += delimited(3, record)
    message += extra
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def test_user_records_come_in_order():
    users = [f"user {number}".encode() * (number % 50) for number in range(300)]
    assert user_records(aggregate(*users)) == users


@pytest.mark.parametrize(
    "extra",
    [b"\x28\x96\x01", varint(9 << 3 | 1) + b"12345678", varint(9 << 3 | 5) + b"1234", delimited(2000, b"x")],
    ids=["varint", "fixed64", "fixed32", "bytes"],
)
def test_fields_of_later_versions_are_passed_over(extra):
    assert user_records(aggregate(b"1", b"2", extra=extra)) == [b"1", b"2"]


def broken_aggregates():
    whole = aggregate(GOOD, GOOD)
    yield "one byte of the message", whole[:50] + bytes([whole[50] ^ 1]) + whole[51:]
    yield "one byte of the digest", whole[:-1] + bytes([whole[-1] ^ 1])
    yield "truncated", whole[:-20]
    yield "one byte more", whole + b"\0"
    yield "group", aggregate(GOOD, extra=varint(9 << 3 | 3))
    yield "length beyond the end", aggregate(GOOD, extra=varint(3 << 3 | 2) + b"\x7f")
    yield "endless varint", aggregate(GOOD, extra=b"\xff" * 11)
    yield "fixed64 beyond the end", aggregate(GOOD, extra=varint(9 << 3 | 1) + b"1")
    yield "magic alone", whole[:4]
    yield "magic and less than a digest", whole[:19]


@pytest.mark.parametrize(
    "payload", [one for _, one in broken_aggregates()], ids=[n for n, _ in broken_aggregates()]
)
def test_what_is_no_aggregate_stays_whole(payload):
    assert user_records(payload) is None
    raw = deaggregate(raw_batch([GOOD, payload]))
    assert list(raw.payloads) == [GOOD, payload]
    (reject,) = iotstream.decode([payload], FLAT).rejects
    assert (reject.item, reject.reason, reject.payload) == (0, "not_utf8", payload)


def test_no_record_is_dropped():
    raw = deaggregate(raw_batch([aggregate(), b"x", aggregate(b"", GOOD), GOOD], arrival_ms=[1, 2, 3, 4]))
    assert list(raw.payloads) == [b"", b"x", b"", GOOD, GOOD]
    first = int(raw_batch([b""]).sequence_numbers[0])
    assert [raw.position(index) for index in range(5)] == [
        (first, 0), (first + 1, 0), (first + 2, 0), (first + 2, 1), (first + 3, 0),
    ]  # fmt: skip
    assert raw.arrival_ms.to_pylist() == [1, 2, 3, 3, 4]
    assert deaggregate(raw) is raw


def test_what_the_source_took_apart_is_a_devices_own_bytes():
    raw = iotstream.RawBatch(payloads=[aggregate(GOOD)], sequence_numbers=["1"], deaggregated=True)
    assert [one.reason for one in iotstream.decode(raw, FLAT).rejects] == ["not_utf8"]


def test_items_are_numbered_through_an_aggregate():
    packed = gzip.compress(GOOD + b"\n" + b"{bad\n" + GOOD, mtime=0)
    payloads = [
        GOOD,
        aggregate(packed, b"", b"[" + GOOD + b",{}]", GOOD),
        b"\xff",
        aggregate(GOOD),
        aggregate(GOOD, b"x"),
    ]
    decoded = iotstream.decode(payloads, FLAT)
    rows = list(zip(decoded.record.to_pylist(), decoded.item.to_pylist(), strict=True))
    assert rows == [(0, 0), (1, 0), (1, 2), (1, 4), (1, 6), (3, 0), (4, 0)]
    assert [(one.record, one.item, one.reason, one.payload) for one in decoded.rejects] == [
        (1, 1, "not_json", b"{bad"),
        (1, 3, "empty", b""),
        (1, 5, "missing", b"{}"),
        (2, 0, "not_utf8", b"\xff"),
        (4, 1, "not_json", b"x"),
    ]


def test_each_user_record_has_the_limits_of_a_record():
    schema = iotstream.Schema.parse(
        'name = "s"\n[limits]\nmax_record_bytes = 20\nmax_items = 2\n'
        '[[field]]\nname = "t"\ntype = "timestamp"\nrole = "time"\n'
    )
    decoded = iotstream.decode([aggregate(*[b'{"t":1}'] * 50, b" " * 15 + b'{"t":1}', b"1 1 1")], schema)
    assert decoded.data.num_rows == 50
    assert [(one.item, one.reason) for one in decoded.rejects] == [(50, "too_large"), (51, "too_many")]


# --- Compression ---------------------------------------------------------------------------------

PACKERS = {
    "gzip": gzip.compress,
    "gzip, stored": lambda data: gzip.compress(data, 0, mtime=0),
    "gzip, members": lambda data: b"".join(
        gzip.compress(data[at : at + 100], mtime=0) for at in range(0, len(data), 100)
    ),
    "gzip, empty members": lambda data: (
        gzip.compress(b"", mtime=0) * 3 + gzip.compress(data, mtime=0) + gzip.compress(b"", mtime=0)
    ),
    "gzip, padded": lambda data: (
        gzip.compress(data, mtime=0) + b"\0" * 40 + gzip.compress(b"", mtime=0) + b"\0"
    ),
    **{
        f"zlib, window 2^{bits}": lambda data, bits=bits: zlib.compress(data, wbits=bits)
        for bits in range(9, 16)
    },
    "zlib, fastest": lambda data: zlib.compress(data, 1),
    "zstd": zstd,
    "zstd, frames": lambda data: zstd(data[:50]) + zstd(b"") + zstd(data[50:]),
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_was_packed_comes_out(pack):
    noise = random.Random(1).randbytes(40_000)  # compressed, it is longer than what zlib is given at once
    for data in (GOOD, b"\n".join([GOOD] * 200), b"x" * 150, noise):
        assert inflate(pack(data), LIMITS) == data


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_is_cut_or_followed_by_something_is_bad(pack):
    packed = pack(GOOD * 3)
    assert inflate(packed + b"rest", LIMITS).reason == "bad_compression"
    end = len(packed.rstrip(b"\0"))
    for cut in range(4, end, 7):
        text = inflate(packed[:cut], LIMITS)
        if isinstance(text, bytes):  # cut between two members, or in the padding
            assert (GOOD * 3).startswith(text)
        else:
            assert text.reason == "bad_compression"
    if pack in (gzip.compress, zstd):
        assert inflate(packed[: end - 1], LIMITS).reason == "bad_compression"


@pytest.mark.parametrize("text", [b"80", b"8\x1c", b"x^ is text", b"hC", b"(S", b"H\x89"[:1] + b"G"])
def test_text_that_looks_like_zlib_is_text(text):
    assert inflate(text, LIMITS) == text


def test_bytes_that_look_like_zlib_and_are_no_text_are_bad():
    assert inflate(b"\x78\x9c\xff\xff", LIMITS).reason == "bad_compression"
    assert inflate(b"\x1f\x8b", LIMITS).reason == "bad_compression"
    assert inflate(b"\x28\xb5\x2f\xfd\x00", LIMITS).reason == "bad_compression"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstd], ids=["gzip", "zlib", "zstd"])
def test_the_border_of_inflated_bytes(pack):
    limits = iotstream.Limits(max_inflated_bytes=len(GOOD))
    assert inflate(pack(GOOD), limits) == GOOD
    assert inflate(pack(GOOD + b" "), limits).reason == "too_many"
    halves = pack(GOOD[:40]) + pack(GOOD[40:]) if pack is not zlib.compress else pack(GOOD)
    assert inflate(halves, limits) == GOOD


def test_a_bomb_is_not_held_in_memory():
    bombs = [gzip.compress(bytes(500_000_000), 1, mtime=0)[:1_000_000]]
    bombs.append(zstd(bytes(200_000_000)))
    limits = iotstream.Limits(max_record_bytes=3_000_000, max_inflated_bytes=1_000_000)
    for bomb in bombs:
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        assert inflate(bomb, limits).reason == "too_many"
        peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - before
        tracemalloc.stop()
        assert peak < 5_000_000


def test_many_empty_members_are_read_once():
    payload = gzip.compress(b"", mtime=0) * 40_000 + gzip.compress(GOOD, mtime=0)
    assert inflate(payload, LIMITS) == GOOD


def test_compressed_text_is_not_decompressed_twice():
    assert [
        one.reason
        for one in iotstream.decode([gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0)], FLAT).rejects
    ] == ["not_utf8"]
