"""What InfluxDB answers, and what is to be done then. Pure.

v1: https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint
v2: https://docs.influxdata.com/influxdb/v2/write-data/troubleshoot/
v3: https://docs.influxdata.com/influxdb3/core/write-data/http-api/v3-write-lp/
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from iotstream.sinks.calls.answers import (
    DONE,
    HTTP_BAD_REQUEST,
    HTTP_FORBIDDEN,
    HTTP_NO_CONTENT,
    HTTP_NOT_FOUND,
    HTTP_OK,
    HTTP_REQUEST_TIMEOUT,
    HTTP_SERVER_ERROR,
    HTTP_TOO_LARGE,
    HTTP_TOO_MANY,
    HTTP_UNAUTHORIZED,
    HTTP_UNPROCESSABLE,
    MAX_TEXT_CHARS,
    Answer,
    Kind,
    Rejected,
)
from iotstream.sinks.influxdb.settings import Version

MAX_LISTED = 100
"""v3's distributed editions list no more rejected lines than these:
https://docs.influxdata.com/influxdb3/cloud-dedicated/write-data/troubleshoot/"""
_DROPPED = re.compile(r"(?:.*: )?partial write: .*\bdropped=(\d+)", re.DOTALL)
_HINTS = {
    HTTP_UNAUTHORIZED: (
        "check influxdb.token, influxdb.token_secret, or influxdb.username and influxdb.password"
    ),
    HTTP_FORBIDDEN: "give the token, or the user, the right to write to the database",
    HTTP_NOT_FOUND: (
        "create the database (v2: the bucket), or correct influxdb.database, influxdb.org, influxdb.version "
        "or influxdb.url"
    ),
    HTTP_UNPROCESSABLE: "a limit of the server's: raise it, or write to another database",
}


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, version: Version, lines: int, now: float
) -> Answer:
    """What an HTTP response to a write says.

    Args:
        status: HTTP's.
        headers: of the response; looked up by their lower-case names.
        body: of the response.
        version: of the write API.
        lines: how many there were in the call.
        now: seconds since the epoch; for a `Retry-After` that is a date.
    """
    if status in (HTTP_OK, HTTP_NO_CONTENT):
        return DONE
    document = _document(body)
    message = _message(document)
    text = f"HTTP status {status}: {message}" if message else f"HTTP status {status}"
    short = text[:MAX_TEXT_CHARS]
    if status in (HTTP_REQUEST_TIMEOUT, HTTP_TOO_MANY) or status >= HTTP_SERVER_ERROR:
        return Answer(Kind.AGAIN, short, retry_after_s=_seconds(headers.get("retry-after", ""), now))
    if status == HTTP_TOO_LARGE:
        return Answer(Kind.FAULTY, short)
    if status == HTTP_UNAUTHORIZED:
        return Answer(Kind.EXPIRED, f"{short} ({_HINTS[status]})")
    # Of 400 and 422 only those are about lines that are in the server's own form; a proxy's page isn't.
    if status in (HTTP_BAD_REQUEST, HTTP_UNPROCESSABLE) and version is Version.V3:
        if status == HTTP_BAD_REQUEST and document.get("data"):
            return _listed(document["data"], short, lines)
    elif status in (HTTP_BAD_REQUEST, HTTP_UNPROCESSABLE) and message:
        return _dropped(message, short, lines)
    return Answer(Kind.FATAL, f"{short} ({_HINTS[status]})" if status in _HINTS else short)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:  # a proxy's page, or nothing
        return {}
    return document if isinstance(document, dict) else {}


def _message(document: dict[str, Any]) -> str:
    """v1 and v3 say it in `error`, v2 in `message`."""
    said = document.get("error") or document.get("message")
    return said if isinstance(said, str) else ""


def _listed(data: object, text: str, lines: int) -> Answer:
    """v3: each refused line by its number, from 1; all others are written."""
    if not isinstance(data, list):  # of one line, and nothing is written
        return Answer(Kind.FAULTY, _line_error(data) or text)
    found = [_rejected(one) for one in data if isinstance(one, dict)]
    places = {one.place for one in found}
    complete = len(found) == len(data) < MAX_LISTED or len(places) == lines
    if not complete or not all(0 <= place < lines for place in places):
        return Answer(Kind.FAULTY, _line_error(data[0]) or text)
    return Answer(Kind.REJECTED, text, tuple(found))


def _rejected(entry: dict[str, Any]) -> Rejected:
    number = entry.get("line_number")
    return Rejected(number - 1 if isinstance(number, int) else -1, _line_error(entry))


def _line_error(entry: object) -> str:
    return str(entry.get("error_message") or "")[:MAX_TEXT_CHARS] if isinstance(entry, dict) else ""


def _dropped(message: str, text: str, lines: int) -> Answer:
    """v1 and v2: how many lines were refused, but not which; the others are written, or none is."""
    found = _DROPPED.match(message)
    if found and int(found[1]) == lines:
        return Answer(Kind.REJECTED, text, tuple(Rejected(place, text) for place in range(lines)))
    return Answer(Kind.FAULTY, text)


def _seconds(text: str, now: float) -> float:
    """`Retry-After`: seconds or a date (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3); else 0."""
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, moment.timestamp() - now)
