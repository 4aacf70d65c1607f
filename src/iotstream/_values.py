"""One value of a field: what is taken, and the first reason why not.

These scalar rules are the reference for every decoder. A value that is not taken comes back as a
`Fault`; what is taken comes back as the Python value of the column's type (a timestamp as int ms).
"""

from __future__ import annotations

import math
import re

import pyarrow as pa
import pyarrow.compute as pc

from iotstream._times import epoch_to_ms, iso_to_ms
from iotstream.rejects import Fault, Reason
from iotstream.schema import (
    FLOATS,
    INTEGER_BOUNDS,
    INTEGERS,
    NO_SIGN,
    Encoding,
    Field,
    Type,
    Value,
    to_float32,
)

_NUMERIC = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.ASCII | re.IGNORECASE)

HUGE = 10**400
"""Stands for an integer of so many digits that only its sign matters: beyond any column's range."""
MAX_DIGITS = 400
DETAIL_CHARS = 80


def show(value: object) -> str:
    """The value for a detail, shortened."""
    if isinstance(value, int) and abs(value) >= HUGE:
        return "an integer of more than 400 digits"
    text = repr(value)
    return text if len(text) <= DETAIL_CHARS else text[: DETAIL_CHARS - 1] + "…"


def parse_integer(digits: str) -> int:
    """An integer literal; of one with more digits than any column holds only the sign is kept."""
    if len(digits) > MAX_DIGITS:
        return -HUGE if digits[0] == "-" else HUGE
    return int(digits)


# Enumerations hash slowly; a tuple's members are compared by identity first.
_FLOATS, _INTEGERS = tuple(FLOATS), tuple(INTEGERS)
_TEXTUAL = (Encoding.AUTO, Encoding.ISO)


def convert(one: Field, value: object) -> Value | Fault:
    """The value of the field's type, with all rules of the field but the time bounds applied."""
    if one.type in _FLOATS:
        result: Value | Fault = _float(one, value)
    elif one.type in _INTEGERS:
        result = _integer(one, value)
    elif one.type is Type.STRING:
        result = _string(one, value)
    elif one.type is Type.TIMESTAMP:
        result = _timestamp(one, value)
    else:
        result = value if isinstance(value, bool) else _wrong_type(one, value)
    return result


def _wrong_type(one: Field, value: object) -> Fault:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "an object"}
    kind = "null" if value is None else kinds.get(type(value), "an array")
    return Fault(Reason.WRONG_TYPE, f"{one.type} expected, not {kind}: {show(value)}")


def _number(one: Field, value: object) -> float | int | Fault:
    """A number, or a numeric string where the field is lenient. A float may be infinite."""
    if isinstance(value, bool):
        return _wrong_type(one, value)
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not one.lenient:
        return _wrong_type(one, value)
    if _NOT_FINITE.fullmatch(value):
        return Fault(Reason.NOT_FINITE, f"{show(value)} is not a finite number")
    if not _NUMERIC.fullmatch(value):
        return _wrong_type(one, value)
    return parse_integer(value) if _INTEGER.fullmatch(value) else float(value)


def _float(one: Field, value: object) -> float | Fault:
    number = _number(one, value)
    if isinstance(number, Fault):
        return number
    try:
        result = float(number)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        return Fault(Reason.NOT_FINITE, f"{show(value)} is beyond the range of a float64")
    if one.type is Type.FLOAT32:
        try:
            result = to_float32(result)
        except OverflowError:
            return Fault(Reason.OUT_OF_BOUNDS, f"{show(value)} is beyond the range of a float32")
    return _bounded(one, result + NO_SIGN, value)


def _integer(one: Field, value: object) -> int | Fault:
    number = _number(one, value)
    if isinstance(number, Fault):
        return number
    if isinstance(number, float):
        if not math.isfinite(number):
            return Fault(Reason.NOT_FINITE, f"{show(value)} is beyond the range of a float64")
        if not number.is_integer():
            return Fault(Reason.WRONG_TYPE, f"{one.type} expected, not a fraction: {show(value)}")
        number = int(number)
    low, high = INTEGER_BOUNDS[one.type]
    if not low <= number <= high:
        return Fault(Reason.OUT_OF_BOUNDS, f"{show(value)} is beyond the range of an {one.type}")
    return _bounded(one, number, value)  # type: ignore[return-value] # an int stays one


def _bounded(one: Field, number: float, value: object) -> float | Fault:
    if one.min is None and one.max is None:
        return number
    low, high = one.bounds
    if low is not None and number < low:
        return Fault(Reason.OUT_OF_BOUNDS, f"{show(value)} is below min = {one.min}")
    if high is not None and number > high:
        return Fault(Reason.OUT_OF_BOUNDS, f"{show(value)} is above max = {one.max}")
    return number


def _string(one: Field, value: object) -> str | Fault:
    if not isinstance(value, str):
        return _wrong_type(one, value)
    if has_lone_surrogate(value):
        return Fault(Reason.BAD_STRING, f"a lone surrogate: {ascii(value)[:DETAIL_CHARS]}")
    if one.max_length is not None and len(value) > one.max_length:
        return Fault(Reason.TOO_LONG, f"{len(value)} characters, at most {one.max_length}: {show(value)}")
    if one.pattern is not None and not matches(value, one.pattern):
        return Fault(Reason.PATTERN, f"{show(value)} does not match {one.pattern!r}")
    return value


def matches(text: str, pattern: str) -> bool:
    """Whether the RE2 expression is found: by the same engine that judges whole columns."""
    return bool(pc.match_substring_regex(pa.array([text], pa.string()), pattern)[0].as_py())


def has_lone_surrogate(text: str) -> bool:
    """Whether the text can't be written as UTF-8."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _timestamp(one: Field, value: object) -> int | Fault:
    if isinstance(value, str) and one.encoding in _TEXTUAL:
        if has_lone_surrogate(value):
            return Fault(Reason.BAD_STRING, f"a lone surrogate: {ascii(value)[:DETAIL_CHARS]}")
        ms = iso_to_ms(value)
        return Fault(Reason.BAD_TIME, f"{show(value)} is not an ISO 8601 time") if ms is None else ms
    if one.encoding is Encoding.ISO:
        return _wrong_type(one, value)
    number = _number(one, value)
    if isinstance(number, Fault):
        return number
    if not isinstance(number, int) and not math.isfinite(number):
        return Fault(Reason.NOT_FINITE, f"{show(value)} is beyond the range of a float64")
    ms = None if abs(number) > 1e300 else epoch_to_ms(number, one.encoding)
    if ms is None:
        return Fault(Reason.BAD_TIME, f"{show(value)} lies outside the years 1 to 9999")
    return ms
