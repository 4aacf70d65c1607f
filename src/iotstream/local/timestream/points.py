"""Records of a WriteRecords call to points: common attributes merged, every value checked. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from iotstream.local.timestream import limits

UNITS_NS = {"SECONDS": 10**9, "MILLISECONDS": 10**6, "MICROSECONDS": 10**3, "NANOSECONDS": 1}
SCALARS = ("DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP")

Value = float | int | bool | str


class Point(NamedTuple):
    """A checked record.

    Attributes:
        dimensions: sorted by name.
        measure_name: of the record.
        time_ns: since the epoch.
        version: its version; 1 if none was given.
        measures: type and value of each column.
    """

    dimensions: tuple[tuple[str, str], ...]
    measure_name: str
    time_ns: int
    version: int
    measures: dict[str, tuple[str, Value]]

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], str, int]:
        """What makes two points the same one."""
        return self.dimensions, self.measure_name, self.time_ns


class Refused(Exception):  # noqa: N818 - it is the service's word, and no error of this program
    """Why a record is refused."""


def merge(record: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """A record with what is common to all.

    Raises:
        Refused: the record says again what is common.
    """
    merged = {**common, **record}
    ours = record.get("Dimensions") or []
    theirs = common.get("Dimensions") or []
    if {one["Name"] for one in ours} & {one["Name"] for one in theirs}:
        raise Refused("The dimension name is specified in both the record and the common attributes.")
    merged["Dimensions"] = [*theirs, *ours]
    return merged


def point(record: Mapping[str, Any]) -> Point:
    """A merged record, checked for itself.

    Raises:
        Refused: something in it is not allowed.
    """
    dimensions = _dimensions(record["Dimensions"])
    name = record.get("MeasureName") or ""
    if not name:
        raise Refused("The record has no measure name.")
    if len(name.encode()) > limits.MAX_MEASURE_NAME_BYTES:
        raise Refused(f"The measure name is longer than {limits.MAX_MEASURE_NAME_BYTES} bytes.")
    measures = _measures(record, name)
    size = sum(len(n.encode()) + len(str(v).encode()) for n, (_, v) in measures.items())
    if size > limits.MAX_RECORD_BYTES:
        raise Refused(f"The record is larger than {limits.MAX_RECORD_BYTES} bytes.")
    if set(measures) & {dimension for dimension, _ in dimensions}:
        raise Refused("A measure has the name of a dimension.")
    return Point(dimensions, name, _time_ns(record), _version(record), measures)


def _dimensions(given: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    if not given:
        raise Refused("At least one dimension is required for a record.")
    if len(given) > limits.MAX_DIMENSIONS:
        raise Refused(f"A record has at most {limits.MAX_DIMENSIONS} dimensions.")
    pairs = []
    for one in given:
        name, value = one.get("Name", ""), one.get("Value", "")
        if one.get("DimensionValueType", "VARCHAR") != "VARCHAR":
            raise Refused("Dimensions are VARCHAR.")
        _check_name(name, limits.MAX_DIMENSION_NAME_BYTES, "dimension")
        if not value:
            raise Refused(f"The dimension {name} has an empty value.")
        pairs.append((name, value))
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("A dimension name is given twice.")
    if sum(len(name.encode()) + len(value.encode()) for name, value in pairs) > limits.MAX_SERIES_BYTES:
        raise Refused(f"Dimension names and values are larger than {limits.MAX_SERIES_BYTES} bytes together.")
    return tuple(sorted(pairs))


def _check_name(name: str, most: int, kind: str) -> None:
    if not name or len(name.encode()) > most:
        raise Refused(f"The {kind} name {name!r} is not 1 to {most} bytes long.")
    if name in limits.RESERVED or name.startswith(limits.RESERVED_PREFIX):
        raise Refused(f"The {kind} name {name} is reserved.")


def _measures(record: Mapping[str, Any], name: str) -> dict[str, tuple[str, Value]]:
    kind = record.get("MeasureValueType", "DOUBLE")
    values = record.get("MeasureValues") or []
    if kind != "MULTI":
        if values:
            raise Refused("MeasureValues are only for MeasureValueType MULTI.")
        if record.get("MeasureValue") is None:
            raise Refused("The record has no measure value.")
        return {f"measure_value::{kind.lower()}": (kind, _value(kind, record["MeasureValue"], name))}
    if record.get("MeasureValue") is not None:
        raise Refused("MeasureValue is not for MeasureValueType MULTI.")
    if not values:
        raise Refused("A multi-measure record has at least one measure.")
    if len(values) > limits.MAX_MEASURES:
        raise Refused(f"A multi-measure record has at most {limits.MAX_MEASURES} measures.")
    measures: dict[str, tuple[str, Value]] = {}
    for one in values:
        _check_name(one["Name"], limits.MAX_MEASURE_NAME_BYTES, "measure")
        if one["Name"] in measures:
            raise Refused(f"The measure {one['Name']} is given twice.")
        measures[one["Name"]] = one["Type"], _value(one["Type"], one["Value"], one["Name"])
    return measures


def _value(kind: str, text: Any, name: str) -> Value:
    wrong = Refused(f"The value {text!r} of {name} is not a {kind}.")
    if not isinstance(text, str) or kind not in SCALARS:
        raise wrong
    if kind == "VARCHAR":
        if not text:
            raise Refused(f"The value of {name} is empty.")
        return text
    if kind == "BOOLEAN":
        if text.lower() not in {"true", "false"}:
            raise wrong
        return text.lower() == "true"
    try:
        number = float(text) if kind == "DOUBLE" else int(text)
    except ValueError:
        raise wrong from None
    if kind == "DOUBLE":
        if not math.isfinite(number):
            raise wrong
    elif number not in limits.SIGNED_64:
        raise wrong
    return number


def _time_ns(record: Mapping[str, Any]) -> int:
    text, unit = record.get("Time"), record.get("TimeUnit", "MILLISECONDS")
    if unit not in UNITS_NS:
        raise Refused(f"The time unit {unit!r} is none of {', '.join(UNITS_NS)}.")
    try:
        ticks = int(text or "")
    except ValueError:
        raise Refused(f"The time {text!r} is not a whole number.") from None
    time_ns = ticks * UNITS_NS[unit]
    if time_ns not in limits.SIGNED_64:
        raise Refused(f"The time {text!r} is out of range.")
    return time_ns


def _version(record: Mapping[str, Any]) -> int:
    version = record.get("Version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version not in limits.SIGNED_64:
        raise Refused(f"The version {version!r} is not a 64-bit whole number.")
    return version
