"""`Mapping`: how a schema becomes Timestream's dimensions, measures and time, checked against its limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from iotstream.errors import ConfigurationError
from iotstream.schema import Field, Schema, Type

# https://docs.aws.amazon.com/timestream/latest/developerguide/ts-limits.html
MAX_DIMENSIONS = 128
MAX_MEASURES = 256
MAX_DIMENSION_NAME_BYTES = 60
MAX_MEASURE_NAME_BYTES = 256
RESERVED_NAMES = frozenset({"time"})
RESERVED_PREFIXES = ("ts_", "measure_name", "measure_value")
"""The developer guide's system identifiers, and what IoT Core's action for Timestream refuses besides:
https://docs.aws.amazon.com/iot/latest/apireference/API_TimestreamDimension.html"""

MEASURE_TYPES = {
    Type.FLOAT64: "DOUBLE",
    Type.FLOAT32: "DOUBLE",
    Type.INT64: "BIGINT",
    Type.INT32: "BIGINT",
    Type.BOOL: "BOOLEAN",
    Type.STRING: "VARCHAR",
    Type.TIMESTAMP: "TIMESTAMP",
}
"""https://docs.aws.amazon.com/timestream/latest/developerguide/writes.html#writes.data-types"""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """What of the schema goes where.

    Attributes:
        measure_name: of every multi-measure record: the schema's name.
        time: the field of the event time.
        dimensions: the fields that become dimensions.
        measures: the fields that become measures.
    """

    measure_name: str
    time: Field
    dimensions: tuple[Field, ...]
    measures: tuple[Field, ...]

    @classmethod
    def of(cls, schema: Schema) -> Mapping:
        """The mapping of a schema.

        Raises:
            ConfigurationError: Timestream can't hold such rows.
        """
        _check_count(schema, "dimension", schema.dimensions, MAX_DIMENSIONS)
        _check_count(schema, "measure", schema.measures, MAX_MEASURES)
        _check_names(schema, schema.dimensions, MAX_DIMENSION_NAME_BYTES)
        _check_names(schema, schema.measures, MAX_MEASURE_NAME_BYTES)
        return cls(
            measure_name=schema.name,
            time=schema.time,
            dimensions=schema.dimensions,
            measures=schema.measures,
        )


def _check_count(schema: Schema, role: str, fields: tuple[Field, ...], most: int) -> None:
    if not 1 <= len(fields) <= most:
        _refuse(schema, f"{len(fields)} fields have role = {role!r}, and Timestream takes 1 to {most}")


def _check_names(schema: Schema, fields: Iterable[Field], most: int) -> None:
    for one in fields:
        if len(one.name.encode()) > most:
            _refuse(schema, f"{one.role} {one.name!r} has a name of more than {most} bytes")
        if one.name in RESERVED_NAMES or one.name.startswith(RESERVED_PREFIXES):
            reserved = ", ".join([*RESERVED_NAMES, *(f"{prefix}…" for prefix in RESERVED_PREFIXES)])
            _refuse(schema, f"{one.role} {one.name!r}: Timestream keeps {reserved} for itself: rename it")


def _refuse(schema: Schema, why: str) -> NoReturn:
    raise ConfigurationError(f"schema {schema.name!r} does not fit Timestream: {why}")
