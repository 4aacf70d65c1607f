"""HTTP/1.1 responses from bytes. Pure.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""What is longer is no answer to a write."""
_END_OF_HEAD = b"\r\n\r\n"
_WITHOUT_BODY = frozenset({204, 304})
_FIRST_FINAL_STATUS = 200


class Response(NamedTuple):
    """A response; header names in lower case. `keep`: another request may use the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    keep: bool


def read_response(data: bytearray, *, ended: bool, connect: bool = False) -> Response | None:
    """The response that the data is; None as long as it is not all there.

    Args:
        data: what came so far. Interim responses (1xx) are cut off.
        ended: nothing more will come.
        connect: it answers CONNECT, so that there is no body if it is 200.

    Raises:
        ValueError: this is not HTTP/1, or it is too long.
    """
    if len(data) > MAX_RESPONSE_BYTES:
        raise ValueError(f"a response of more than {MAX_RESPONSE_BYTES:,} bytes")
    end = data.find(_END_OF_HEAD)
    if end < 0:
        return None
    version, status, headers = _read_head(bytes(data[:end]).decode("latin-1"))
    if status < _FIRST_FINAL_STATUS:
        del data[: end + len(_END_OF_HEAD)]
        return read_response(data, ended=ended, connect=connect)
    rest = bytes(data[end + len(_END_OF_HEAD) :])
    body, whole = _read_body(rest, status, headers, ended=ended, connect=connect)
    if body is None:
        return None
    lasts = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    return Response(status, headers, body, (lasts or connect) and whole and not ended)


def _read_head(text: str) -> tuple[str, int, dict[str, str]]:
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isdecimal() and len(status) == 3):
        raise ValueError(f"not an HTTP response: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines)
    return version, int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _read_body(
    rest: bytes, status: int, headers: Mapping[str, str], *, ended: bool, connect: bool
) -> tuple[bytes | None, bool]:
    """The body, None if it is not all there, and whether its end is known by itself."""
    if status in _WITHOUT_BODY or (connect and status == _FIRST_FINAL_STATUS):
        return b"", not rest
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _read_chunks(rest)
    length = headers.get("content-length")
    if length is None:
        return (rest if ended else None), False
    if not length.isdecimal():
        raise ValueError(f"content-length: {length[:80]!r}")
    size = int(length)
    return (rest[:size] if len(rest) >= size else None), len(rest) == size


def _read_chunks(rest: bytes) -> tuple[bytes | None, bool]:
    parts: list[bytes] = []
    start = 0
    while (end := rest.find(b"\r\n", start)) >= 0:
        size = _chunk_size(rest[start:end])
        if size == 0:
            # Trailers, if there are any, end in an empty line too.
            stop = rest.find(_END_OF_HEAD, end)
            return (b"".join(parts) if stop >= 0 else None), stop + len(_END_OF_HEAD) == len(rest)
        start = end + 2
        if len(rest) < start + size + 2:
            break
        parts.append(rest[start : start + size])
        start += size + 2
    return None, False


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise ValueError(f"size of a chunk: {line[:80]!r}")
    return int(digits, 16)
