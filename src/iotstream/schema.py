"""The schema file: one description of the telemetry, from which everything else comes.

`Schema.load(path)` reads it; every wrong value is refused by a `SchemaError` that names the key, the
value and what is allowed. The file's format is documented in `docs/schema.md`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from importlib import resources
from os import PathLike
from pathlib import Path

import orjson
import pyarrow as pa

from iotstream.errors import SchemaError


class Type(StrEnum):
    """The types of a field."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    INT64 = "int64"
    INT32 = "int32"
    BOOL = "bool"
    STRING = "string"
    TIMESTAMP = "timestamp"


class Role(StrEnum):
    """What a field is for: the event time, a name of the series, or a reading."""

    TIME = "time"
    DIMENSION = "dimension"
    MEASURE = "measure"


class Encoding(StrEnum):
    """How a timestamp is written in the payload; AUTO tells it by the value."""

    AUTO = "auto"
    ISO = "iso"
    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"


TIMESTAMP = pa.timestamp("ms", "UTC")
ARROW_TYPES: Mapping[Type, pa.DataType] = {
    Type.FLOAT64: pa.float64(),
    Type.FLOAT32: pa.float32(),
    Type.INT64: pa.int64(),
    Type.INT32: pa.int32(),
    Type.BOOL: pa.bool_(),
    Type.STRING: pa.string(),
    Type.TIMESTAMP: TIMESTAMP,
}
FLOATS = frozenset({Type.FLOAT64, Type.FLOAT32})
INTEGERS = frozenset({Type.INT64, Type.INT32})
NUMBERS = FLOATS | INTEGERS
INTEGER_BOUNDS = {Type.INT64: (-(2**63), 2**63 - 1), Type.INT32: (-(2**31), 2**31 - 1)}
NO_SIGN = 0.0
"""Added to a float it turns -0.0 into 0.0: `-0` equals `0`, also where rows are compared by their bytes."""

Value = float | int | bool | str


def to_float32(number: float) -> float:
    """The nearest float32.

    Raises:
        OverflowError: that is infinite.
    """
    (nearest,) = struct.unpack("<f", struct.pack("<f", number))
    return float(nearest)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a record may measure.

    Attributes:
        max_record_bytes: bytes as it came.
        max_inflated_bytes: bytes after decompression.
        max_items: items in one record.
        max_depth: levels of nesting of one item's document.
        max_age_ms: how far the event time may lie before the record's arrival; None = any.
        max_ahead_ms: … after it; None = any.
    """

    max_record_bytes: int = 1_048_576
    max_inflated_bytes: int = 16_777_216
    max_items: int = 10_000
    max_depth: int = 64
    max_age_ms: int | None = 7 * 86_400_000
    max_ahead_ms: int | None = 15 * 60_000


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column.

    Attributes:
        name: the column.
        source: the path of keys in the payload.
        type, role: see `Type`, `Role`.
        encoding: how a timestamp is written.
        required: missing or null is a reject, unless there is a default.
        default: stands in for missing or null; None = there is none.
        lenient: numbers may come as numeric strings.
        min, max: bounds of a number, both included.
        max_length: of a string, in code points.
        pattern: RE2 expression that must be found in a string (anchor it with ^ and $ for a full match).
        unit, description: for people.
    """

    name: str
    source: tuple[str, ...]
    type: Type
    role: Role
    encoding: Encoding = Encoding.AUTO
    required: bool = True
    default: Value | None = None
    lenient: bool = True
    min: float | int | None = None
    max: float | int | None = None
    max_length: int | None = None
    pattern: str | None = None
    unit: str = ""
    description: str = ""

    @property
    def arrow_type(self) -> pa.DataType:
        """The column's Arrow type."""
        return ARROW_TYPES[self.type]

    @property
    def bounds(self) -> tuple[float | int | None, float | int | None]:
        """`min` and `max` as values of the column: 0.1 lies within a float32's `max = 0.1`."""
        kind: Callable[[float], float] = int
        if self.type in (Type.FLOAT64, Type.FLOAT32):
            kind = to_float32 if self.type is Type.FLOAT32 else float
        return None if self.min is None else kind(self.min), None if self.max is None else kind(self.max)

    @property
    def nullable(self) -> bool:
        """Whether the column can hold nulls."""
        return not self.required and self.default is None

    @property
    def may_be_absent(self) -> bool:
        """Whether missing or null is not a fault."""
        return not self.required or self.default is not None


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The telemetry: its fields in order, and what a record may measure."""

    name: str
    version: int
    fields: tuple[Field, ...]
    limits: Limits = field(default_factory=Limits)
    text: str = field(default="", compare=False, repr=False)

    @classmethod
    def load(cls, path: str | PathLike[str] | None = None) -> Schema:
        """Read a schema file; without a path, the default schema.

        Raises:
            SchemaError: it can't be read or something in it is wrong.
        """
        if path is None:
            return cls.parse(resources.files("iotstream").joinpath("default_schema.toml").read_text("utf-8"))
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SchemaError(f"schema file {str(path)!r} can't be read: {error}") from error
        try:
            return cls.parse(text)
        except SchemaError as error:
            raise SchemaError(f"schema file {str(path)!r}: {error}") from error

    @classmethod
    def parse(cls, text: str) -> Schema:
        """The schema of that TOML text.

        Raises:
            SchemaError: something in it is wrong.
        """
        from iotstream._schema_file import parse_schema  # noqa: PLC0415 - it needs this module

        return parse_schema(text)

    def __getitem__(self, name: str) -> Field:
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.version, self.fields, self.limits))

    @cached_property
    def time(self) -> Field:
        """The field of the event time."""
        return next(one for one in self.fields if one.role is Role.TIME)

    @cached_property
    def dimensions(self) -> tuple[Field, ...]:
        """The fields that name a series."""
        return tuple(one for one in self.fields if one.role is Role.DIMENSION)

    @cached_property
    def measures(self) -> tuple[Field, ...]:
        """The fields that are readings."""
        return tuple(one for one in self.fields if one.role is Role.MEASURE)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of rows: the columns in order, nullable only where nulls can be."""
        return pa.schema([pa.field(one.name, one.arrow_type, nullable=one.nullable) for one in self.fields])

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over everything that decides what becomes of a payload."""
        deciding = {
            "name": self.name,
            "version": self.version,
            "limits": vars(self.limits),
            "fields": [
                {key: value for key, value in vars(one).items() if key not in {"unit", "description"}}
                for one in self.fields
            ],
        }
        text = orjson.dumps(deciding, option=orjson.OPT_SORT_KEYS, default=list)
        return hashlib.sha256(text).hexdigest()[:16]
