"""The Glue Data Catalog: the lake's table put in, and found again."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import pyarrow as pa

from iotstream.errors import ConfigurationError, QueryError
from iotstream.schema import ARROW_TYPES, Schema
from iotstream.schema_exports import GLUE_TYPES, PROJECTION_START, glue_table

_ARROW_TYPES = {glue: ARROW_TYPES[kind] for kind, glue in GLUE_TYPES.items()}


class Catalogued(NamedTuple):
    """What the catalogue knows of a table.

    Attributes:
        lake: the lake's URI, without the `data/` at the end of the table's location.
        columns: the table's columns, without the partition columns.
    """

    lake: str
    columns: pa.Schema


def register_table(
    glue: Any,
    schema: Schema,
    *,
    database: str,
    table: str,
    lake: str,
    first_day: str = PROJECTION_START,
) -> None:
    """Put the lake's table into the catalogue, or bring it up to date.

    Args:
        glue: a boto3 client of Glue.
        schema: the telemetry.
        database: is made if it is not there.
        table: the table's name.
        lake: the lake's URI.
        first_day: of the partition projection, `YYYY-MM-DD`.
    """
    with contextlib.suppress(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": database, "Description": "Telemetry, by iotstream"})
    table_input = glue_table(schema, name=table, location=f"{lake.rstrip('/')}/data/", first_day=first_day)
    try:
        glue.create_table(DatabaseName=database, TableInput=table_input)
    except glue.exceptions.AlreadyExistsException:
        glue.update_table(DatabaseName=database, TableInput=table_input)


def describe_table(glue: Any, *, database: str, table: str) -> Catalogued:
    """Where the table's objects are, and its columns.

    Raises:
        QueryError: the table is not in the catalogue.
        ConfigurationError: it is not a lake's table of this project's.
    """
    name = f"{database}.{table}"
    try:
        found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    except glue.exceptions.EntityNotFoundException as error:
        raise QueryError(f"{name} is not in the Glue catalogue") from error
    # Views have no location, and tables of other makers need not have columns.
    storage = found.get("StorageDescriptor", {})
    location = storage.get("Location", "").rstrip("/")
    if not location.endswith("/data"):
        raise ConfigurationError(f"{name} has the location {location!r}: <lake>/data/ expected")
    return Catalogued(location.removesuffix("/data"), _columns(name, storage.get("Columns", [])))


def _columns(name: str, columns: list[dict[str, str]]) -> pa.Schema:
    unknown = [f"{one['Name']} {one['Type']}" for one in columns if one["Type"] not in _ARROW_TYPES]
    if unknown:
        known = ", ".join(_ARROW_TYPES)
        raise ConfigurationError(f"{name} has columns of other types than {known}: {', '.join(unknown)}")
    return pa.schema([pa.field(one["Name"], _ARROW_TYPES[one["Type"]]) for one in columns])
