"""Logs as JSON lines on stderr, one object for each record."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Mapping
from typing import Any

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """A record as what stands in its line.

    Returns:
        `time` (ISO 8601, UTC, milliseconds), `level`, `logger`, `message`, whatever was given as
        `extra`, and `exception` (the traceback's text) if there is one.
    """
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    fields = {
        "time": _iso(record.created),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
        **extra,
    }
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    return fields


def line_of(fields: Mapping[str, Any]) -> bytes:
    """The line, newline included. What JSON doesn't know appears as its `repr`; a line there always is."""
    try:
        return orjson.dumps(dict(fields), default=repr, option=_OPTIONS)
    except TypeError:  # lone surrogates, integers beyond 64 bits, too deep
        plain = {str(name): repr(value) for name, value in fields.items()}
        return orjson.dumps({_clean(name): _clean(text) for name, text in plain.items()}, option=_OPTIONS)


class JsonHandler(logging.Handler):
    """Writes each record as a line on stderr, as it is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; what can't be written is lost, since a log must not stop the work."""
        try:
            write_line(line_of(fields_of(record)))
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)


def write_line(line: bytes) -> None:
    """Put a line on stderr in one piece."""
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()


def configure(level: str, handler: logging.Handler | None = None) -> None:
    """Let everything be logged as JSON lines on stderr, and nothing otherwise.

    Args:
        level: the least that is logged. Other libraries' records are logged from WARNING on.
        handler: takes the records instead of stderr.
    """
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler or JsonHandler())
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    logging.getLogger("iotstream").setLevel(level)
    logging.captureWarnings(capture=True)


def _iso(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
