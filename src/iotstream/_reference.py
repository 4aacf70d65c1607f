"""The reference decoder: one record at a time, any bytes, every rule of the schema.

It decides what every other decoder must agree with, and it is what those fall back to for a record
that is not plainly good. The order of reasons, and where reading resumes after a fault, are fixed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from iotstream._values import convert, parse_integer, show
from iotstream.rejects import Fault, Reason
from iotstream.schema import Field, Limits, Role, Schema, Value
from iotstream.unpack import inflate

BOM = b"\xef\xbb\xbf"
BLANKS = " \t\n\r"
BLANK_BYTES = BLANKS.encode()
_BLANK = re.compile(r"[ \t\n\r]*")


class Row(NamedTuple):
    """A valid item: its values in the schema's order, None for null, a timestamp as ms."""

    values: list[Value | None]


class Bad(NamedTuple):
    """A rejected item."""

    fault: Fault
    field: str
    payload: bytes


class Known(NamedTuple):
    """An item that need not be read: a complete object which, the caller says, is in order."""

    item: Any
    text: str


def read_record(
    payload: bytes,
    schema: Schema,
    arrival_ms: int | None,
    known: Callable[[str], Mapping[int, Known]] = lambda _: {},
) -> list[Row | Bad | Known]:
    """The items of a record, in order: at least one.

    Args:
        payload: the record as it came; not a KPL aggregate any more.
        schema: the telemetry.
        arrival_ms: when the record arrived, ms since the epoch; None = unknown, no time bounds.
        known: tells of the record's text which items at which characters are known.
    """
    text = _text(payload, schema.limits)
    if isinstance(text, Fault):
        return [Bad(text, "", payload)]
    documents = list(_documents(text, schema.limits.max_depth, known(text)))
    count = sum(document.items for document in documents)
    if count == 0:
        return [Bad(Fault(Reason.EMPTY, "no item"), "", payload)]
    if count > schema.limits.max_items:
        fault = Fault(Reason.TOO_MANY, f"{count} items, at most {schema.limits.max_items}")
        return [Bad(fault, "", payload)]
    whole = payload if count == 1 else None
    return [item for document in documents for item in _read(document, text, schema, arrival_ms, whole)]


def read_item(text: bytes, schema: Schema, arrival_ms: int | None, payload: bytes) -> Row | Bad:
    """One item whose text is known to be one JSON value that is not too deep."""
    return _judge(_scan(text.decode(), 0)[0], schema, arrival_ms, payload)


def _text(payload: bytes, limits: Limits) -> str | Fault:
    if not payload:
        return Fault(Reason.EMPTY, "no bytes")
    if len(payload) > limits.max_record_bytes and not payload.removeprefix(BOM).strip(BLANK_BYTES):
        return Fault(Reason.EMPTY, "blank")
    raw = inflate(payload, limits)
    if isinstance(raw, Fault):
        return raw
    try:
        text = raw.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        return Fault(Reason.NOT_UTF8, f"byte {error.start}: {error.reason}")
    return text if text.strip(BLANKS) else Fault(Reason.EMPTY, "blank")


# --- Text to documents ---------------------------------------------------------------------------


class _Document(NamedTuple):
    """A JSON value at the top level of a record's text, or what could not be read as one."""

    value: object
    start: int
    end: int

    @property
    def items(self) -> int:
        return len(self.value) if isinstance(self.value, list) else 1


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_TOO_DEEP_FOR_PYTHON = object()
_scanner = json.JSONDecoder(parse_int=parse_integer, parse_constant=_refuse_constant)


def _scan(text: str, at: int) -> tuple[object, int]:
    """The value that begins exactly there, and where it ends.

    Raises:
        ValueError: there is none.
        RecursionError: it is nested deeper than Python goes.
    """
    return _scanner.raw_decode(text, at)


def _documents(text: str, max_depth: int, known: Mapping[int, Known]) -> Iterator[_Document]:
    """The text's values one after the other; a fault stands for all up to where reading resumes."""
    at, end = _skip_blanks(text, 0), len(text)
    while at < end:
        if at in known:
            value: object = known[at]
            stop: int | None = at + len(known[at].text)
        else:
            value, stop = _document(text, at, max_depth)
        if stop is None:
            stop = _next_object_line(text, at)
        yield _Document(value, at, stop)
        at = _skip_blanks(text, stop)


def _document(text: str, at: int, max_depth: int) -> tuple[object, int | None]:
    """A value and its end; or a fault, whose end is None where it is one of syntax.

    An object or an array ends with its bracket, whatever follows. A bare number, string or word must be
    followed by a blank: else the rest of a line whose beginning was lost would be several items.
    """
    try:
        value, stop = _scan(text, at)
        if text[at] not in "{[" and text[stop : stop + 1].strip(BLANKS):
            return Fault(Reason.NOT_JSON, f"a bare value with no blank after it: char {stop}"), None
        if text.count("{", at, stop) + text.count("[", at, stop) <= max_depth:
            return value, stop
    except ValueError as error:
        return Fault(Reason.NOT_JSON, str(error)), None
    except RecursionError:
        value = _TOO_DEEP_FOR_PYTHON
    try:
        stop, depth = _outline(text, at)
    except ValueError as error:
        return Fault(Reason.NOT_JSON, str(error)), None
    if depth > max_depth:
        return Fault(Reason.TOO_DEEP, f"{depth} levels, at most {max_depth}"), stop
    if value is _TOO_DEEP_FOR_PYTHON:
        # The caller's own calls have used up the stack: no fault of the record.
        raise RecursionError(f"no room on the stack for {depth} levels of JSON")
    return value, stop


def _skip_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None
    return match.end()


def _next_object_line(text: str, at: int) -> int:
    """Where the next line begins that is a complete object by itself; the end of the text if none is."""
    while True:
        newline = text.find("\n", at)
        if newline < 0:
            return len(text)
        at = newline + 1
        line = text[at : end if (end := text.find("\n", at)) >= 0 else len(text)].strip(BLANKS)
        if line[:1] == "{" and line[-1:] == "}" and _is_value(line):
            return at


def _is_value(line: str) -> bool:
    try:
        return _scan(line, 0)[1] == len(line)
    except ValueError:
        return False
    except RecursionError:
        pass
    try:
        return _outline(line, 0)[0] == len(line)
    except ValueError:
        return False


_TOKEN = re.compile(
    r"[ \t\n\r]*+(?:([\[{\]},:])"
    r'|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)",
    re.ASCII,
)


def _outline(text: str, at: int) -> tuple[int, int]:
    """Where the value that begins there ends, and its depth, without recursion: for any depth.

    Raises:
        ValueError: it is not JSON.
    """
    stack: list[str] = []
    deepest = 0
    expected = "value"  # or: key, comma (after a value), and at an opening bracket also its closing one
    opened = False
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not JSON at character {at}")
        mark, string = match.groups()
        at = match.end()
        closing = mark is not None and mark in "]}"
        if closing and stack and stack[-1] == mark and (expected == "comma" or opened):
            stack.pop()
            expected, opened = "comma", False
        elif mark is not None and mark in "[{" and expected == "value":
            stack.append("]" if mark == "[" else "}")
            deepest = max(deepest, len(stack))
            expected, opened = ("value" if mark == "[" else "key"), True
        elif mark == "," and expected == "comma":
            expected, opened = ("value" if stack[-1] == "]" else "key"), False
        elif string is not None and expected == "key":
            colon = _TOKEN.match(text, at)
            if colon is None or colon[1] != ":":
                raise ValueError(f"':' expected at character {at}")
            at = colon.end()
            expected, opened = "value", False
        elif mark is None and expected == "value":
            expected, opened = "comma", False
        else:
            raise ValueError(f"not JSON before character {at}")
        if not stack and expected == "comma":
            return at, deepest


# --- Documents to items --------------------------------------------------------------------------


def _read(
    document: _Document, text: str, schema: Schema, arrival_ms: int | None, whole: bytes | None
) -> Iterator[Row | Bad | Known]:
    value = document.value
    if isinstance(value, Known):
        yield value
        return
    if not isinstance(value, list):
        payload = text[document.start : document.end].strip(BLANKS).encode() if whole is None else whole
        yield _judge(value, schema, arrival_ms, payload)
        return
    outcomes = [_judge(one, schema, arrival_ms, whole or b"") for one in value]
    if whole is None and any(isinstance(one, Bad) for one in outcomes):
        for one, piece in zip(outcomes, _elements(text, document.start), strict=True):
            yield one._replace(payload=piece.encode()) if isinstance(one, Bad) else one
        return
    yield from outcomes


def _elements(text: str, at: int) -> Iterator[str]:
    """The texts of the elements of the array that begins there."""
    at = _skip_blanks(text, at + 1)
    while text[at] != "]":
        _, stop = _scan(text, at)
        yield text[at:stop]
        at = _skip_blanks(text, stop)
        if text[at] == ",":
            at = _skip_blanks(text, at + 1)


def _judge(value: object, schema: Schema, arrival_ms: int | None, payload: bytes) -> Row | Bad:
    if isinstance(value, Fault):
        return Bad(value, "", payload)
    if not isinstance(value, dict):
        return Bad(Fault(Reason.NOT_OBJECT, f"an object expected, not {show(value)}"), "", payload)
    values: list[Value | None] = []
    for one in schema.fields:
        result = _field(one, value)
        if one.role is Role.TIME and isinstance(result, int):
            result = check_bounds(result, arrival_ms, schema.limits) or result
        if isinstance(result, Fault):
            return Bad(result, one.name, payload)
        values.append(result)
    return Row(values)


def _field(one: Field, item: dict[str, object]) -> Value | Fault | None:
    value: object = item
    for depth, key in enumerate(one.source):
        if value is None:
            break
        if not isinstance(value, dict):
            through = ".".join(one.source[:depth])
            return Fault(Reason.WRONG_TYPE, f"{through} is not an object: {show(value)}")
        if key not in value:
            if one.may_be_absent:
                return one.default
            return Fault(Reason.MISSING, f"no {'.'.join(one.source)}")
        value = value[key]
    if value is not None:
        return convert(one, value)
    return one.default if one.may_be_absent else Fault(Reason.NULL, f"{'.'.join(one.source)} is null")


def check_bounds(time_ms: int, arrival_ms: int | None, limits: Limits) -> Fault | None:
    """Whether the event time lies within its bounds of the arrival."""
    if arrival_ms is None:
        return None
    age, most, ahead = arrival_ms - time_ms, limits.max_age_ms, limits.max_ahead_ms
    if most is not None and age > most:
        detail = f"{age / 1000} s before the record's arrival, at most {most / 1000} s"
        return Fault(Reason.TIME_OUT_OF_BOUNDS, detail)
    if ahead is not None and -age > ahead:
        detail = f"{-age / 1000} s after the record's arrival, at most {ahead / 1000} s"
        return Fault(Reason.TIME_OUT_OF_BOUNDS, detail)
    return None
