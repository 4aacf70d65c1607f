"""Records of a WriteRecords call to points: common attributes merged, every value checked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import invalid
from iotstream.local.timestream.requests import Dimension, MeasureValue, Record

UNITS_NS = {"SECONDS": 10**9, "MILLISECONDS": 10**6, "MICROSECONDS": 10**3, "NANOSECONDS": 1}
DEFAULT_UNIT = "MILLISECONDS"
DEFAULT_TYPE = "DOUBLE"
DEFAULT_VERSION = 1
MULTI = "MULTI"
_BYTES = {"DOUBLE": 8, "BIGINT": 8, "TIMESTAMP": 8, "BOOLEAN": 1}
# Python's own readers also take blanks, underscores and other alphabets' digits.
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Value = float | int | bool | str
Dimensions = tuple[tuple[str, str], ...]


class Point(NamedTuple):
    """A checked record.

    Attributes:
        dimensions: names and values, sorted by name.
        measure_name: of the record.
        multi: whether it is a multi-measure record.
        time_ns: since the epoch.
        version: its version; 1 if none was given.
        columns: name and type of each measure's column.
        values: in the same order.
    """

    dimensions: Dimensions
    measure_name: str
    multi: bool
    time_ns: int
    version: int
    columns: tuple[tuple[str, str], ...]
    values: tuple[Value, ...]


class Refused(Exception):  # noqa: N818 - it is the service's word, and no error of this program
    """Why a record is refused."""


def point(record: Record, common: Record) -> Point:
    """A record together with what is common to all, checked for itself.

    Raises:
        Refused: something in it is not allowed.
        ServiceError: a dimension is named twice: the service then refuses the whole call.
    """
    dimensions = _dimensions([*(common.dimensions or ()), *(record.dimensions or ())])
    name = record.measure_name or common.measure_name
    if not name:
        raise Refused("The record has no MeasureName.")
    if len(name.encode()) > limits.MAX_MEASURE_NAME_BYTES:
        raise Refused(f"The measure name is longer than {limits.MAX_MEASURE_NAME_BYTES} bytes.")
    unit_ns = UNITS_NS[record.time_unit or common.time_unit or DEFAULT_UNIT]
    time = record.time or common.time
    if time is None:
        raise Refused("The record has no Time.")
    kind = record.measure_value_type or common.measure_value_type or DEFAULT_TYPE
    value = record.measure_value if record.measure_value is not None else common.measure_value
    measures = [*(common.measure_values or ()), *(record.measure_values or ())]
    columns, values = _multi(measures, value, unit_ns) if kind == MULTI else _single(kind, value, measures)
    if {column for column, _ in columns} & {dimension for dimension, _ in dimensions}:
        raise Refused("A measure has the name of a dimension.")
    version = record.version or common.version or DEFAULT_VERSION
    time_ns = _time_ns("The time", time, unit_ns)
    return Point(dimensions, name, kind == MULTI, time_ns, version, columns, values)


def _dimensions(given: Sequence[Dimension]) -> Dimensions:
    pairs = tuple(sorted([(one.name, one.value) for one in given]))
    if not pairs:
        raise Refused("A record has at least one dimension.")
    if len({name for name, _ in pairs}) != len(pairs):
        raise invalid(f"A dimension is named twice, or is common and the record's: {[n for n, _ in pairs]}.")
    if len(pairs) > limits.MAX_DIMENSIONS:
        raise Refused(f"A record has at most {limits.MAX_DIMENSIONS} dimensions.")
    size = 0
    for name, value in pairs:
        _check_name(name, limits.MAX_DIMENSION_NAME_BYTES, "dimension")
        if ":" in name:
            raise Refused(f"The dimension name {name} has a colon.")
        if not value:
            raise Refused(f"The dimension {name} has an empty value.")
        size += len(name.encode()) + len(value.encode())
    if size > limits.MAX_SERIES_BYTES:
        raise Refused(f"Dimension names and values are larger than {limits.MAX_SERIES_BYTES} bytes together.")
    return pairs


def _check_name(name: str, most: int, kind: str) -> None:
    if len(name.encode()) > most:
        raise Refused(f"The {kind} name {name!r} is longer than {most} bytes.")
    if name == limits.RESERVED or name.startswith(limits.RESERVED_PREFIXES):
        raise Refused(f"The {kind} name {name} is reserved.")


def _single(
    kind: str, text: str | None, measures: Sequence[MeasureValue]
) -> tuple[tuple[tuple[str, str], ...], tuple[Value, ...]]:
    if measures:
        raise Refused("MeasureValues are only for MeasureValueType MULTI.")
    if text is None:
        raise Refused("The record has no MeasureValue.")
    if kind == "TIMESTAMP":
        raise Refused("TIMESTAMP is only for measures of multi-measure records.")
    return ((f"measure_value::{kind.lower()}", kind),), (_value(kind, text, "the measure", 1),)


def _multi(
    measures: Sequence[MeasureValue], text: str | None, unit_ns: int
) -> tuple[tuple[tuple[str, str], ...], tuple[Value, ...]]:
    if text is not None:
        raise Refused("MeasureValue is not for MeasureValueType MULTI.")
    if not measures:
        raise Refused("A multi-measure record has at least one measure.")
    if len(measures) > limits.MAX_MEASURES:
        raise Refused(f"A multi-measure record has at most {limits.MAX_MEASURES} measures.")
    size = 0
    for one in measures:
        _check_name(one.name, limits.MAX_MEASURE_NAME_BYTES, "measure")
        size += _BYTES.get(one.type) or len(one.value.encode())
    if len({one.name for one in measures}) != len(measures):
        raise Refused("A measure is named twice.")
    if size > limits.MAX_MEASURE_VALUE_BYTES:
        raise Refused(
            f"The measures' values are larger than {limits.MAX_MEASURE_VALUE_BYTES} bytes together."
        )
    columns = tuple([(one.name, one.type) for one in measures])
    return columns, tuple([_value(one.type, one.value, one.name, unit_ns) for one in measures])


def _value(kind: str, text: str, name: str, unit_ns: int) -> Value:
    if kind == "DOUBLE":
        if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    elif kind == "VARCHAR":
        return text
    elif kind == "BIGINT":
        if _WHOLE.fullmatch(text) and (whole := int(text)) in limits.SIGNED_64:
            return whole
    elif kind == "TIMESTAMP":
        return _time_ns(f"The value of {name}", text, unit_ns)
    elif text.lower() in {"true", "false"}:
        return text.lower() == "true"
    raise Refused(f"The value {text!r} of {name} is not a {kind}.")


def _time_ns(what: str, text: str, unit_ns: int) -> int:
    if not _WHOLE.fullmatch(text):
        raise Refused(f"{what}, {text!r}, is not a whole number.")
    time_ns = int(text) * unit_ns
    if time_ns not in limits.TIMES_NS:
        raise Refused(f"{what}, {text!r}, is not between 1970-01-01 and 2262-04-11.")
    return time_ns
