"""Packed payloads, the same damaged, and aggregates of any protobuf fields."""

import gzip
import hashlib
import zlib

import pyarrow as pa

from iotstream.records import Column
from iotstream.unpack import KPL_MAGIC, split_aggregates_in_python


def zstd(data):
    """As a stream, which does not say beforehand how long it is."""
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


def zstd_at_once(data):
    return pa.Codec("zstd").compress(data).to_pybytes()


def gzip_with(flags, header, data):
    """A gzip member whose header has more than it must (RFC 1952, 2.3)."""
    packed = gzip.compress(data, mtime=0)
    return packed[:3] + bytes([flags]) + packed[4:10] + header + packed[10:]


PACKERS = {
    "gzip": gzip.compress,
    "gzip, stored": lambda data: gzip.compress(data, 0, mtime=0),
    "gzip, fastest": lambda data: gzip.compress(data, 1, mtime=0),
    "gzip, members": lambda data: b"".join(
        gzip.compress(data[at : at + 100], mtime=0) for at in range(0, max(len(data), 1), 100)
    ),
    "gzip, padded": lambda data: (
        gzip.compress(data, mtime=0) + b"\0" * 40 + gzip.compress(b"", mtime=0) + b"\0"
    ),
    "gzip, name": lambda data: gzip_with(8, b"name\0", data),
    "gzip, extra, name, comment": lambda data: gzip_with(28, b"\x03\0abcname\0comment\0", data),
    "zlib": zlib.compress,
    "zlib, small window": lambda data: zlib.compress(data, wbits=9),
    "zlib, stored": lambda data: zlib.compress(data, 0),
    "zlib, then gzip": lambda data: zlib.compress(data[:50]) + b"\0" + gzip.compress(data[50:], mtime=0),
    "zstd": zstd,
    "zstd, at once": zstd_at_once,
    "zstd, frames": lambda data: zstd(data[:50]) + zstd_at_once(b"") + zstd_at_once(data[50:]),
}


def spoil(data, random):
    """Bits flipped, bytes set, put in, taken out; cut."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 2])):
        if not data:
            break
        # The header is where most decisions are made.
        at = random.randrange(min(len(data), 24)) if random.random() < 0.5 else random.randrange(len(data))
        match random.randrange(5):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                data[at] = random.randrange(256)
            case 2:
                data[at:at] = random.randbytes(random.randrange(1, 4))
            case 3:
                del data[at : at + random.randrange(1, 4)]
            case _:
                del data[random.randrange(len(data)) :]
    return bytes(data)


def sealed(message):
    """An aggregate of that message, well-formed or not."""
    return KPL_MAGIC + message + hashlib.md5(message).digest()


def varint(number, spare=0):
    """A protobuf number, with as many bytes more than it needs."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(spare):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def field(number, value, spare=0):
    return varint(number << 3 | 2, spare) + varint(len(value), spare) + value


def taken_apart(kernel, payloads):
    """User records, the index of the payload that each came in, its number in there."""
    column = Column(pa.array(payloads, pa.binary()))
    offsets, data, parents, numbers = kernel.split_aggregates(*column.buffers)
    users = list(Column.of_bytes(offsets, data))
    return users, list(memoryview(parents).cast("q")), list(memoryview(numbers).cast("q"))


def taken_apart_in_python(payloads):
    users, parents, numbers = split_aggregates_in_python(payloads)
    return users, parents.to_pylist(), numbers.to_pylist()
