"""Reads and checks the schema file: the parser behind `Schema.load`."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.errors import SchemaError
from iotstream.schema import (
    FLOATS,
    INTEGER_BOUNDS,
    INTEGERS,
    NO_SIGN,
    NUMBERS,
    Encoding,
    Field,
    Limits,
    Role,
    Schema,
    Type,
    Value,
    to_float32,
)

MAX_DEPTH_ALLOWED = 256
"""The reference decoder recurses once a level; Python's own limit is 1,000 frames."""

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
RESERVED_NAMES = frozenset({"dt", "hour"})
"""The lake's partition columns."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class _Table:
    """A TOML table that is taken key by key, so that what is left over is a mistake."""

    def __init__(self, values: dict[str, Any], path: str) -> None:
        self.values = dict(values)
        self.path = path

    def refuse(self, key: str, value: object, allowed: str) -> NoReturn:
        raise SchemaError(f"{self.path}{key} = {value!r}: {allowed}")

    def take(self, key: str, kind: type[T], default: T | None = None, *, allowed: str) -> T:
        if key not in self.values and default is not None:
            return default
        value = self.values.pop(key, None)
        # TOML's booleans are Python ints too.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            if value is None:
                raise SchemaError(f"{self.path}{key} is missing: {allowed}")
            self.refuse(key, value, allowed)
        return value

    def count(self, key: str, default: int, *, most: int | None = None) -> int:
        allowed = "a whole number from 1" + (f" to {most:,}" if most else "")
        value = self.take(key, int, default, allowed=allowed)
        if value < 1 or (most and value > most):
            self.refuse(key, value, allowed)
        return value

    def choose(self, key: str, kind: type[E], default: E | None = None) -> E:
        allowed = "one of " + ", ".join(kind)
        value = self.take(key, str, default, allowed=allowed)
        if value not in list(kind):
            self.refuse(key, value, allowed)
        return kind(str(value))

    def done(self, known: str) -> None:
        for key, value in self.values.items():
            self.refuse(key, value, f"no such key; there are {known}")


def parse_schema(text: str) -> Schema:
    """The schema of that TOML text.

    Raises:
        SchemaError: something in it is wrong.
    """
    try:
        table = _Table(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"not TOML: {error}") from error
    name = table.take("name", str, allowed="the schema's name, letters, digits and _")
    if not _NAME.fullmatch(name):
        table.refuse("name", name, "letters, digits and _, not beginning with a digit, at most 128")
    version = table.count("version", 1)
    limits = _parse_limits(_Table(table.take("limits", dict, {}, allowed="a table"), "limits."))
    rows = table.take("field", list, allowed="at least one [[field]] table")
    fields = tuple(_parse_field(row, number) for number, row in enumerate(rows))
    table.done("name, version, limits, field")
    _check_together(fields)
    return Schema(name=name, version=version, fields=fields, limits=limits, text=text)


def _parse_limits(table: _Table) -> Limits:
    limits = Limits(
        max_record_bytes=table.count("max_record_bytes", Limits.max_record_bytes),
        max_inflated_bytes=table.count("max_inflated_bytes", Limits.max_inflated_bytes),
        max_items=table.count("max_items", Limits.max_items),
        max_depth=table.count("max_depth", Limits.max_depth, most=MAX_DEPTH_ALLOWED),
        max_age_ms=_duration(table, "max_age", "7d"),
        max_ahead_ms=_duration(table, "max_ahead", "15m"),
    )
    table.done("max_record_bytes, max_inflated_bytes, max_items, max_depth, max_age, max_ahead")
    return limits


def _duration(table: _Table, key: str, default: str) -> int | None:
    allowed = 'a duration such as "90s", "15m", "24h", "7d", or "off"'
    value = table.take(key, str, default, allowed=allowed)
    if value == "off":
        return None
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", value, re.ASCII)
    if not match:
        table.refuse(key, value, allowed)
    return int(match[1]) * _UNITS_MS[match[2]]


FIELD_KEYS = (
    "name, source, type, role, encoding, required, default, lenient, min, max, max_length, pattern, "
    "unit, description"
)


def _parse_field(row: object, number: int) -> Field:
    if not isinstance(row, dict):
        raise SchemaError(f"field[{number}] = {row!r}: a table of {FIELD_KEYS}")
    label = row.get("name") if isinstance(row.get("name"), str) else number
    table = _Table(row, f"field[{label}].")
    name = table.take("name", str, allowed="the column's name, letters, digits and _")
    if not _NAME.fullmatch(name):
        table.refuse("name", name, "letters, digits and _, not beginning with a digit, at most 128")
    if name.lower() in RESERVED_NAMES:
        table.refuse("name", name, "dt and hour are the lake's partition columns")
    kind, role = table.choose("type", Type), table.choose("role", Role)
    required = table.take("required", bool, default=True, allowed="true or false")
    one = Field(
        name=name,
        source=_source(table, name),
        type=kind,
        role=role,
        encoding=table.choose("encoding", Encoding, Encoding.AUTO),
        required=required,
        lenient=table.take("lenient", bool, default=True, allowed="true or false"),
        min=_bound(table, "min", kind),
        max=_bound(table, "max", kind),
        max_length=table.count("max_length", 1) if "max_length" in table.values else None,
        pattern=_pattern(table),
        unit=table.take("unit", str, "", allowed="text"),
        description=table.take("description", str, "", allowed="text"),
        default=_default(table, kind),
    )
    _check_field(table, one, row)
    table.done(FIELD_KEYS)
    return one


def _source(table: _Table, name: str) -> tuple[str, ...]:
    allowed = 'a dotted path such as "data.temp", or a list of keys such as ["a.b", "c"]'
    value = table.values.pop("source", [name])
    keys = value.split(".") if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        table.refuse("source", value, allowed)
    return tuple(keys)


def _bound(table: _Table, key: str, kind: Type) -> float | int | None:
    if key not in table.values:
        return None
    value = table.values.pop(key)
    if kind not in NUMBERS:
        table.refuse(key, value, f"only for numbers, not for {kind}")
    number = _number(kind, value)
    if number is None:
        table.refuse(key, value, _allowed_number(kind))
    return value if kind in FLOATS else number  # 85 stays 85 where people read it


def _number(kind: Type, value: object) -> float | int | None:
    """The value as one of the type; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind in INTEGERS:
        low, high = INTEGER_BOUNDS[kind]
        return int(value) if low <= value <= high and value == int(value) else None
    try:
        number = float(value)
        within = math.isfinite(to_float32(number) if kind is Type.FLOAT32 else number)
    except OverflowError:
        return None
    return number + NO_SIGN if within else None


def _allowed_number(kind: Type) -> str:
    if kind in INTEGERS:
        low, high = INTEGER_BOUNDS[kind]
        return f"a whole number from {low} to {high}"
    return f"a number within the range of a {kind}"


def _pattern(table: _Table) -> str | None:
    if "pattern" not in table.values:
        return None
    value = table.take("pattern", str, allowed="a regular expression (RE2)")
    try:
        pc.match_substring_regex(pa.array([""]), value)
    except pa.ArrowInvalid as error:
        table.refuse("pattern", value, f"not a regular expression of RE2: {error}")
    return value


def _default(table: _Table, kind: Type) -> Value | None:
    if "default" not in table.values:
        return None
    value = table.values.pop("default")
    if kind is Type.TIMESTAMP:
        table.refuse("default", value, f"a {kind} has no default")
    if kind in NUMBERS:
        number = _number(kind, value)
        if number is None:
            table.refuse("default", value, f"a value of type {kind}: {_allowed_number(kind)}")
        return number
    if not isinstance(value, bool if kind is Type.BOOL else str):
        table.refuse("default", value, f"a value of type {kind}")
    return value


def _check_field(table: _Table, one: Field, row: Mapping[str, Any]) -> None:
    """What holds between a field's keys."""
    if one.role is Role.TIME and (one.type is not Type.TIMESTAMP or not one.required):
        table.refuse("role", str(one.role), "the time is a required field of type timestamp")
    if one.role is Role.DIMENSION and one.type in FLOATS | {Type.TIMESTAMP}:
        table.refuse("type", str(one.type), "a dimension is a string, an integer or a bool")
    if "encoding" in row and one.type is not Type.TIMESTAMP:
        table.refuse("encoding", row["encoding"], "only for timestamps")
    if one.type is not Type.STRING:
        for key in ("max_length", "pattern"):
            if key in row:
                table.refuse(key, row[key], "only for strings")
    if one.type in {Type.STRING, Type.BOOL} and "lenient" in row:
        table.refuse("lenient", row["lenient"], "only for numbers and timestamps")
    if one.min is not None and one.max is not None and one.min > one.max:
        table.refuse("min", one.min, f"at most max, which is {one.max}")
    _check_default(table, one)


def _check_default(table: _Table, one: Field) -> None:
    """A default obeys the rules that a value from a device obeys."""
    value = one.default
    if isinstance(value, str):
        if one.max_length is not None and len(value) > one.max_length:
            table.refuse("default", value, f"at most max_length = {one.max_length} characters")
        if (
            one.pattern is not None
            and not pc.match_substring_regex(pa.array([value]), one.pattern)[0].as_py()
        ):
            table.refuse("default", value, f"what pattern = {one.pattern!r} finds")
    elif value is not None:
        if one.min is not None and value < one.min:
            table.refuse("default", value, f"at least min, which is {one.min}")
        if one.max is not None and value > one.max:
            table.refuse("default", value, f"at most max, which is {one.max}")


def _check_together(fields: tuple[Field, ...]) -> None:
    """What holds between fields."""
    if not fields:
        raise SchemaError("field: at least one [[field]] table")
    # Glue and Athena fold names: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    names = [one.name.lower() for one in fields]
    for one, folded in zip(fields, names, strict=True):
        if names.count(folded) > 1:
            raise SchemaError(
                f"field[{one.name}].name = {one.name!r}: a name is used once, whatever its letters' case"
            )
    times = [one.name for one in fields if one.role is Role.TIME]
    if len(times) != 1:
        raise SchemaError(f'field: exactly one has role = "time", not {times}')
    for outer, inner in _pairs(fields):
        if len(outer.source) < len(inner.source) and inner.source[: len(outer.source)] == outer.source:
            raise SchemaError(
                f"field[{inner.name}].source = {list(inner.source)!r}: leads through "
                f"{list(outer.source)!r}, which is the value of field {outer.name!r}"
            )


def _pairs(fields: tuple[Field, ...]) -> Iterator[tuple[Field, Field]]:
    return ((a, b) for a in fields for b in fields if a is not b)
