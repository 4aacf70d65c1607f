"""The framing of pushed events: application/vnd.amazon.eventstream.

Source: "Event stream encoding" (docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html, which
describes the same format): lengths, checksum of the lengths, headers, payload, checksum of it all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_STRING: Final = 7
_OVERHEAD: Final = 16


def event(event_type: str, content_type: str, payload: bytes) -> bytes:
    """One event's message."""
    headers = {":message-type": "event", ":event-type": event_type, ":content-type": content_type}
    return message(headers, payload)


def exception(error_type: str, content_type: str, payload: bytes) -> bytes:
    """The message of the error that ends a stream."""
    headers = {":message-type": "exception", ":exception-type": error_type, ":content-type": content_type}
    return message(headers, payload)


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message of string headers and a payload."""
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", _OVERHEAD + len(encoded) + len(payload), len(encoded))
    content = b"".join((prelude, struct.pack(">I", zlib.crc32(prelude)), encoded, payload))
    return content + struct.pack(">I", zlib.crc32(content))


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return struct.pack(
        f">B{len(name_bytes)}sBH{len(value_bytes)}s",
        len(name_bytes),
        name_bytes,
        _STRING,
        len(value_bytes),
        value_bytes,
    )
