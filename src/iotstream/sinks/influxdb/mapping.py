"""`Mapping`: how a schema becomes InfluxDB's measurement, tags, fields and time."""

from __future__ import annotations

from dataclasses import dataclass

from iotstream.errors import ConfigurationError
from iotstream.schema import Field, Schema

RESERVED_NAMES = frozenset({"time"})
RESERVED_PREFIX = "_"
"""https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/#naming-restrictions"""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """What of the schema goes where. A schema's names need no escapes in line protocol.

    Attributes:
        measurement: of every point: the schema's name.
        time: the field of the event time.
        tags: the fields that become tags, by name: that is the order in which the server keeps them.
        fields: the schema's fields that become InfluxDB's.
    """

    measurement: str
    time: Field
    tags: tuple[Field, ...]
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, schema: Schema) -> Mapping:
        """The mapping of a schema.

        Raises:
            ConfigurationError: InfluxDB can't hold such rows.
        """
        if not schema.measures:
            raise _refusal(schema, "no field has role = 'measure', and a point needs one")
        if schema.name.startswith(RESERVED_PREFIX):
            raise _refusal(schema, "InfluxDB keeps names that begin with _ for itself: rename it")
        for one in (*schema.dimensions, *schema.measures):
            if one.name in RESERVED_NAMES or one.name.startswith(RESERVED_PREFIX):
                raise _refusal(
                    schema,
                    f"{one.role} {one.name!r}: InfluxDB keeps time and names that begin with _ for itself: "
                    "rename it",
                )
        return cls(
            measurement=schema.name,
            time=schema.time,
            tags=tuple(sorted(schema.dimensions, key=lambda one: one.name)),
            fields=schema.measures,
        )


def _refusal(schema: Schema, why: str) -> ConfigurationError:
    return ConfigurationError(f"schema {schema.name!r} does not fit InfluxDB: {why}")
