"""What requests may hold, by their types: the service's model, checked while the body is read.

https://docs.aws.amazon.com/timestream/latest/developerguide/API_WriteRecords.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError, invalid

Scalar = Literal["DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP"]
Name = Annotated[str, Meta(min_length=1)]
Text = Annotated[str, Meta(min_length=1, max_length=2048)]
Body = bytes | Mapping[str, Any]
R = TypeVar("R")

_WRONG_TYPE = re.compile(r"Expected `[^`]+`, got ")


class Request(msgspec.Struct, rename="pascal", kw_only=True):
    """A request, or a part of one. Members that are not known are ignored, as the service does."""


class Dimension(Request):
    """A dimension; its value is checked with the record."""

    name: Name
    value: str
    dimension_value_type: Literal["VARCHAR"] = "VARCHAR"


class MeasureValue(Request):
    """One measure of a multi-measure record."""

    name: Name
    value: Text
    type: Scalar


class Record(Request):
    """A record, or what is common to all of a call."""

    dimensions: Annotated[list[Dimension], Meta(max_length=limits.MAX_DIMENSIONS)] | None = None
    measure_name: Name | None = None
    measure_value: Text | None = None
    measure_value_type: Literal[Scalar, "MULTI"] | None = None
    measure_values: list[MeasureValue] | None = None
    time: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    time_unit: Literal["MILLISECONDS", "SECONDS", "MICROSECONDS", "NANOSECONDS"] | None = None
    version: Annotated[int, Meta(ge=1, le=limits.SIGNED_64[-1])] | None = None


class WriteRecords(Request):
    """Points for a table."""

    database_name: str
    table_name: str
    records: Annotated[list[Record], Meta(min_length=1, max_length=limits.MAX_RECORDS)]
    common_attributes: Record | None = None


class Tag(Request):
    """A tag."""

    key: Annotated[str, Meta(min_length=1, max_length=128)]
    value: Annotated[str, Meta(max_length=256)]


Tags = Annotated[list[Tag], Meta(max_length=limits.MAX_TAGS)]


class Retention(Request):
    """How long points are kept."""

    memory_store_retention_period_in_hours: Annotated[
        int, Meta(ge=limits.MEMORY_HOURS[0], le=limits.MEMORY_HOURS[-1])
    ]
    magnetic_store_retention_period_in_days: Annotated[
        int, Meta(ge=limits.MAGNETIC_DAYS[0], le=limits.MAGNETIC_DAYS[-1])
    ]


class MagneticWrites(Request):
    """Whether points are taken that are older than the memory store's retention."""

    enable_magnetic_store_writes: bool
    magnetic_store_rejected_data_location: dict[str, Any] | None = None


class PartitionKey(Request):
    """By what a table is partitioned."""

    type: Literal["DIMENSION", "MEASURE"]
    name: Name | None = None
    enforcement_in_record: Literal["REQUIRED", "OPTIONAL"] | None = None


class TableSchema(Request):
    """What a table expects of its records."""

    composite_partition_key: Annotated[list[PartitionKey], Meta(min_length=1)] | None = None


class Named(Request):
    """A request that names a database."""

    database_name: str


class NamedTable(Named):
    """A request that names a table."""

    table_name: str


class CreateDatabase(Named):
    """A new database."""

    kms_key_id: Text | None = None
    tags: Tags | None = None


class UpdateDatabase(Named):
    """Another key for a database."""

    kms_key_id: Text


class UpdateTable(NamedTable):
    """Other settings for a table; what is not given stays."""

    retention_properties: Retention | None = None
    magnetic_store_write_properties: MagneticWrites | None = None
    schema: TableSchema | None = None


class CreateTable(UpdateTable):
    """A new table."""

    tags: Tags | None = None


class ListDatabases(Request):
    """A page of the databases."""

    next_token: str | None = None
    max_results: Annotated[int, Meta(ge=1, le=limits.MAX_LISTED)] | None = None


class ListTables(ListDatabases):
    """A page of the tables."""

    database_name: str | None = None


class Tagged(Request):
    """A request that names a resource."""

    resource_arn: Annotated[str, Meta(min_length=1, max_length=1011)] = msgspec.field(name="ResourceARN")


class TagResource(Tagged):
    """Tags for a resource."""

    tags: Tags


class UntagResource(Tagged):
    """Tags to be taken off."""

    tag_keys: list[str]


class Query(Request):
    """A query, or the next page of one."""

    query_string: Annotated[str, Meta(min_length=1)]
    next_token: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    max_rows: Annotated[int, Meta(ge=1, le=limits.MAX_QUERY_ROWS)] | None = None
    client_token: Annotated[str, Meta(min_length=32, max_length=128)] | None = None


class CancelQuery(Request):
    """A query whose pages are wanted no more."""

    query_id: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-zA-Z0-9]+$")]


def read(kind: type[R], body: Body) -> R:
    """A request of that kind.

    Args:
        kind: one of this module's.
        body: JSON, or an object that has been read already.

    Raises:
        ServiceError: SerializationException for what is no JSON or of a wrong type; ValidationException
            for what is missing or not allowed.
    """
    try:
        if isinstance(body, bytes):
            return msgspec.json.decode(body or b"{}", type=kind)
        return msgspec.convert(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = str(error)
        if isinstance(error, msgspec.ValidationError) and not _WRONG_TYPE.match(text):
            raise invalid(text) from None
        raise ServiceError("SerializationException", text) from None
