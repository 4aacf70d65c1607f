"""`recorded`: messages that were recorded elsewhere, sent again by our devices."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from iotstream.errors import ConfigurationError
from iotstream.simulate.message import UNKNOWN, Expectation, Message

_GZIP_MAGIC = b"\x1f\x8b"


def recorded(
    path: Path, devices: Sequence[str], *, rate: float = 100.0, key: bytes | None = None
) -> Iterator[Message]:
    """A message for each line of a file that is not blank.

    Args:
        path: lines (JSON, as a rule; they are sent as they are), plain or gzip.
        devices: who sends them.
        rate: messages a second in all.
        key: a piece of text that stands before the recorded device's name in a line, for example
            `b'"device_id":"'`. Lines with the same name (up to the next quote) then go through the
            same device, so that their order is kept; without it the devices take turns.

    Yields:
        Messages with one item each, numbered by line from 0; what becomes of them is unknown here.

    Raises:
        ConfigurationError: the file cannot be read, a gzip file is broken, or there is no device.
    """
    if not devices:
        raise ConfigurationError("devices: none given; a recorded message needs one to send it")
    for number, line in enumerate(_lines(path)):
        turn = number if key is None else zlib.crc32(_name(line, key))
        expected = Expectation(number, UNKNOWN, "recorded")
        yield Message(devices[turn % len(devices)], number / rate, line, (expected,))


def _name(line: bytes, key: bytes) -> bytes:
    return line.partition(key)[2].partition(b'"')[0]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as probe:
            compressed = probe.read(2) == _GZIP_MAGIC
        with gzip.open(path) if compressed else path.open("rb") as file:
            for line in file:
                if stripped := line.rstrip(b"\r\n"):
                    yield stripped
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"recorded messages {path}: {error}") from error
