"""What a compiled library says of itself: its machine, and the libraries that it needs.

ELF, 64 bits, little endian, as on all of Lambda's architectures:
https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

MAGIC = b"\x7fELF\x02\x01"
MACHINES = {62: "x86_64", 183: "aarch64"}
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRING_TABLE = 1, 5


class Library(NamedTuple):
    """A shared object.

    Attributes:
        machine: `x86_64`, `aarch64`, or the number of another.
        needed: the names of the libraries that the loader brings with it.
    """

    machine: str
    needed: tuple[str, ...]


def read(path: Path) -> Library | None:
    """The library in a file; None if it is none.

    Raises:
        ValueError: it begins like one and is broken.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
    content = path.read_bytes()
    try:
        return _parse(content)
    except (struct.error, ValueError) as error:
        raise ValueError(f"{path}: a broken ELF file: {error}") from None


def _parse(content: bytes) -> Library:
    (number,) = struct.unpack_from("<H", content, 18)
    (headers,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    segments = [struct.unpack_from("<IIQQQQ", content, headers + index * size) for index in range(count)]
    entries = [
        entry
        for kind, _, offset, _, _, length in segments
        if kind == _DYNAMIC and _is_inside(content, offset + length)
        for entry in struct.iter_unpack("<QQ", content[offset : offset + length])
    ]
    strings = [value for tag, value in entries if tag == _STRING_TABLE]
    names = []
    for tag, value in entries:
        if tag == _NEEDED:
            start = _offset(strings[0], segments) + value
            names.append(content[start : content.index(b"\0", start)].decode())
    return Library(MACHINES.get(number, str(number)), tuple(names))


def _is_inside(content: bytes, end: int) -> bool:
    if end > len(content):
        raise ValueError(f"{len(content)} bytes, {end} are expected")
    return True


def _offset(address: int, segments: list[tuple[int, ...]]) -> int:
    """Where in the file that is which will be at this address."""
    for kind, _, offset, start, _, length in segments:
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError(f"address {address:#x} is in no segment")
