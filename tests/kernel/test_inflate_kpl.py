"""Payloads unpacked by the kernel: as in pure Python, or left to it."""

import gzip
import random
import zlib

import pyarrow as pa
import pytest
from damaged import MOST, ROW
from hypothesis import example, given
from hypothesis import strategies as st
from packed import PACKERS, field, gzip_with, sealed, taken_apart, taken_apart_in_python, varint, zstd

from iotstream import Limits
from iotstream.records import Column
from iotstream.testing import kpl_aggregate
from iotstream.unpack import KPL_MAGIC, inflate

# --- Compression -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_was_packed_comes_out(kernel, pack):
    noise = random.Random(1).randbytes(70_000)
    for data in (b"", b"x", ROW, ROW * 300, b"x" * 100_000, noise):
        assert kernel.inflate_text(pack(data), MOST) == data


@given(st.binary(max_size=2000), st.sampled_from(list(PACKERS)), st.integers(-2, 2))
def test_the_border_of_inflated_bytes(kernel, data, packer, beyond):
    most = max(len(data) + beyond, 0)
    expected = data if len(data) <= most else None
    assert kernel.inflate_text(PACKERS[packer](data), most) == expected


@given(st.binary(max_size=200))
def test_other_bytes_are_the_text_themselves(kernel, data):
    assert_as_in_python(kernel, data)
    text = b"{" + data
    assert kernel.inflate_text(text, MOST) == text
    assert kernel.inflate_text(text, 0) == text


@given(st.sampled_from([b"80", b"8\x1c", b"x^", b"hC", b"(S", b"HG", b"\x08\x1d"]), st.binary(max_size=60))
@example(b"x^", b" is text")
@example(b"80", b"")
def test_text_that_looks_like_zlib_is_text(kernel, start, rest):
    text = start + bytes(byte & 0x7F for byte in rest)
    assert kernel.inflate_text(text, MOST) == inflate(text, Limits()) == text
    assert_as_in_python(kernel, start + rest)


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_is_cut_or_followed_by_something_is_left_to_python(kernel, pack):
    data = ROW * 3
    packed = pack(data)
    assert kernel.inflate_text(packed + b"rest", MOST) is None
    assert kernel.inflate_text(packed + b"\x1f", MOST) is None
    for cut in range(4, len(packed)):
        assert_as_in_python(kernel, packed[:cut])


@pytest.mark.parametrize(
    "payload",
    [
        gzip_with(2, b"\0\0", ROW),
        gzip_with(32, b"", ROW),
        gzip_with(8, b"", ROW),
        gzip.compress(ROW, mtime=0)[:-8] + bytes(8),
        gzip.compress(ROW, mtime=0)[:-1] + b"\1",
        zlib.compress(ROW)[:-1],
        zlib.compress(ROW)[:-1] + b"\xfe",
        b"\x1f\x8b",
        b"\x1f\x8b\x07" + gzip.compress(ROW, mtime=0)[3:],
        b"\x78\x9c\xff\xff",
        b"\x28\xb5\x2f\xfd",
        b"\x28\xb5\x2f\xfd\x00",
        zstd(ROW) + b"\x28\xb5\x2f\xfd",
        zstd(ROW) + gzip.compress(ROW, mtime=0),
        gzip.compress(ROW, mtime=0) + zstd(ROW),
        gzip.compress(ROW, mtime=0) + zlib.compress(ROW),
    ],
)
def test_what_is_faulty_or_rare_is_left_to_python(kernel, payload):
    assert kernel.inflate_text(payload, MOST) is None
    assert kernel.inflate_text(gzip.compress(ROW, mtime=0), MOST) == ROW  # the inflaters are as good as new
    assert kernel.inflate_text(zstd(ROW), MOST) == ROW


@pytest.mark.parametrize("most", [0, len(ROW), len(ROW) + 185, MOST])
def test_a_zstd_frame_shorter_than_it_says_is_left_to_python(kernel, most):
    """libzstd sees it only where it has room for what the frame says: 186 bytes."""
    frame = b"\x28\xb5\x2f\xfd\x20\xba\x01\x00\x00"
    for payload in (frame, zstd(ROW) + frame, frame + zstd(ROW)):
        assert kernel.inflate_text(payload, most) is None


@pytest.mark.parametrize("window", [0x40, 0x87, 0x88, 0x89, 0xFF])
def test_a_zstd_frame_with_a_great_window(kernel, window):
    says_length = b"\x28\xb5\x2f\xfd\x80" + bytes([window]) + bytes(4) + b"\x01\x00\x00"
    assert_as_in_python(kernel, says_length)
    assert_as_in_python(kernel, b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + b"\x01\x00\x00")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstd], ids=["gzip", "zlib", "zstd"])
def test_a_bomb_is_stopped(kernel, pack):
    bomb = pack(bytes(300 * MOST // 8))
    assert len(bomb) < 2**20
    assert kernel.inflate_text(bomb, MOST) is None


def assert_as_in_python(kernel, payload, most=MOST):
    read = kernel.inflate_text(payload, most)
    if read is not None:
        assert read == inflate(payload, Limits(max_inflated_bytes=most)), payload
    return read is not None


def test_what_python_takes_of_a_well_formed_payload_the_kernel_takes(kernel):
    r = random.Random(3)
    for _ in range(300):
        data = bytes(r.choices(b'{}[]":,0123456789abc\n', k=r.randrange(3000)))
        payload = zlib.compress(data, r.randrange(10), r.choice([9, 12, 15, 25, 28, 31]))
        assert kernel.inflate_text(payload, MOST) == inflate(payload, Limits()) == data


# --- KPL -------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=50))
def test_user_records_come_in_order(kernel, users):
    payloads = [b"x", kpl_aggregate(users), b""]
    assert taken_apart(kernel, payloads) == (
        [b"x", *users, b""],
        [0, *[1] * len(users), 2],
        [0, *range(len(users)), 0],
    )


@given(st.lists(st.lists(st.binary(max_size=80), max_size=9).map(kpl_aggregate), max_size=20))
def test_many_aggregates_are_taken_apart_as_in_python(kernel, payloads):
    assert taken_apart(kernel, payloads) == taken_apart_in_python(payloads)


def test_a_part_of_a_column_is_taken_apart(kernel):
    column = Column(pa.array([b"x" * 50, kpl_aggregate([b"1", b"2"]), b"3"], pa.binary()))[1:]
    offsets, data, parents, numbers = kernel.split_aggregates(*column.buffers)
    assert list(Column.of_bytes(offsets, data)) == [b"1", b"2", b"3"]
    assert list(memoryview(parents).cast("q")) == [0, 0, 1]
    assert list(memoryview(numbers).cast("q")) == [0, 1, 0]


def of_kind(number, kind, value):
    """A field that is not length-delimited."""
    return varint(number << 3 | kind) + value


texts = st.builds(field, st.integers(1, 5), st.binary(max_size=20), st.integers(0, 12))
inner = st.lists(st.builds(field, st.integers(1, 4), st.binary(max_size=9), st.integers(0, 9)), max_size=3)
fields = st.one_of(
    texts,
    inner.map(lambda parts: field(3, b"".join(parts))),
    st.builds(of_kind, st.integers(1, 2**70), st.just(0), st.integers(0, 2**70).map(varint)),
    st.builds(of_kind, st.integers(1, 9), st.just(1), st.binary(min_size=7, max_size=9)),
    st.builds(of_kind, st.integers(1, 9), st.just(5), st.binary(min_size=4, max_size=5)),
    st.integers(0, 2**70).map(lambda length: b"\x1a" + varint(length)),
    st.binary(max_size=3),
)


@given(st.lists(fields, max_size=6).map(b"".join))
@example(b"\x1a\x04\x1a\x00\x1a\x00")
@example(b"\x1a" + b"\xff" * 9 + b"\x01")
@example(varint((1 << 64) + 3 << 3 | 2) + b"\x00")
def test_any_message_is_taken_apart_as_in_python(kernel, message):
    assert taken_apart(kernel, [sealed(message)]) == taken_apart_in_python([sealed(message)])


@pytest.mark.parametrize("length", range(21))
def test_what_is_too_short_is_no_aggregate(kernel, length):
    payload = kpl_aggregate([])[:length].ljust(length, b"\0")
    assert taken_apart(kernel, [payload]) == taken_apart_in_python([payload])


starts = st.sampled_from(
    [b"", b"\xf3", b"\xf3\x89\x9a", KPL_MAGIC, KPL_MAGIC + b"x", b"\xf3\x89\x9a\xc3", b"{}", b"\xff"]
)


@given(st.lists(starts, max_size=8), st.integers(0, 3))
def test_whether_a_payload_begins_like_an_aggregate(kernel, payloads, start):
    expected = any(one.startswith(KPL_MAGIC) for one in payloads)
    assert kernel.may_hold_aggregates(payloads) == expected
    assert kernel.may_hold_aggregates(tuple(payloads)) == expected
    column = Column(pa.array(payloads, pa.binary()))
    assert kernel.may_hold_aggregates_column(*column.buffers) == expected
    part = any(one.startswith(KPL_MAGIC) for one in payloads[start:])
    assert kernel.may_hold_aggregates_column(*column[start:].buffers) == part


def test_payloads_are_of_type_bytes(kernel):
    with pytest.raises(TypeError, match=r"payloads\[1\] is of type str: bytes expected"):
        kernel.may_hold_aggregates([b"", "text"])


@pytest.mark.parametrize(
    "offsets",
    [b"", b"\0\0\0", [0, 5], [3, 2], [-1, 2], [0, 2**31 - 1]],
)
def test_offsets_that_are_none_are_refused(kernel, offsets):
    memory = offsets if isinstance(offsets, bytes) else pa.array(offsets, pa.int32()).buffers()[1]
    for function in (kernel.may_hold_aggregates_column, kernel.split_aggregates):
        with pytest.raises(ValueError, match="offsets"):
            function(memory, b"1234")
