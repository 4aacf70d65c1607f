"""Databases, tables and their tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import msgspec

from iotstream.local.timestream import limits, requests
from iotstream.local.timestream.errors import ServiceError, conflict, invalid, missing
from iotstream.local.timestream.tables import Settings, Table

REGION, ACCOUNT = "us-east-1", "123456789012"
_ARN = f"arn:aws:timestream:{REGION}:{ACCOUNT}:database"
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/alias/aws/timestream"

Answer = dict[str, Any]
T = TypeVar("T")


@dataclass
class Database:
    """A database.

    Attributes:
        tables: by name.
        key: of KMS.
        created: seconds since the epoch.
        updated: seconds since the epoch.
    """

    key: str
    created: float
    updated: float
    tables: dict[str, Table] = field(default_factory=dict)


class Catalogue:
    """All databases and tables. Its methods are named after the operations, and raise as the service does."""

    def __init__(self) -> None:
        self.databases: dict[str, Database] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._made = 0

    def tables(self) -> list[Table]:
        """All of them."""
        return [table for database in self.databases.values() for table in database.tables.values()]

    def database(self, name: str) -> Database:
        """One database."""
        if name not in self.databases:
            raise missing("database", name)
        return self.databases[name]

    def table(self, database: str, name: str) -> Table:
        """One table."""
        tables = self.database(database).tables
        if name not in tables:
            raise missing("table", name)
        return tables[name]

    def create_database(self, request: requests.CreateDatabase, now: float) -> Answer:
        """A new database."""
        name = request.database_name
        _check_name("DatabaseName", name)
        if name in self.databases:
            raise conflict("database", name)
        self.databases[name] = Database(request.kms_key_id or _KEY, now, now)
        self._tag(f"{_ARN}/{name}", request.tags)
        return {"Database": self._database(name)}

    def describe_database(self, request: requests.Named, _: float) -> Answer:
        """A database's facts."""
        return {"Database": self._database(request.database_name)}

    def update_database(self, request: requests.UpdateDatabase, now: float) -> Answer:
        """Another key."""
        database = self.database(request.database_name)
        database.key, database.updated = request.kms_key_id, now
        return {"Database": self._database(request.database_name)}

    def list_databases(self, request: requests.ListDatabases, _: float) -> Answer:
        """A page of the databases."""
        names, answer = _page(sorted(self.databases), request)
        return {"Databases": [self._database(name) for name in names]} | answer

    def delete_database(self, request: requests.Named, _: float) -> Answer:
        """Forget an empty database."""
        name = request.database_name
        if self.database(name).tables:
            raise invalid(f"The database {name} still has tables: delete them first.")
        del self.databases[name]
        self._tags.pop(f"{_ARN}/{name}", None)
        return {}

    def create_table(self, request: requests.CreateTable, now: float) -> Answer:
        """A new table."""
        name = request.table_name
        _check_name("TableName", name)
        tables = self.database(request.database_name).tables
        if name in tables:
            raise conflict("table", name)
        settings = _configure(Settings(created=now), request, now)
        self._made += 1
        tables[name] = Table(str(self._made), settings)
        self._tag(f"{_ARN}/{request.database_name}/table/{name}", request.tags)
        return {"Table": self._table(request.database_name, name)}

    def describe_table(self, request: requests.NamedTable, _: float) -> Answer:
        """A table's facts."""
        return {"Table": self._table(request.database_name, request.table_name)}

    def update_table(self, request: requests.UpdateTable, now: float) -> Answer:
        """Other settings."""
        table = self.table(request.database_name, request.table_name)
        table.settings = _configure(table.settings, request, now)
        return {"Table": self._table(request.database_name, request.table_name)}

    def list_tables(self, request: requests.ListTables, _: float) -> Answer:
        """A page of a database's tables, or of all."""
        databases = [request.database_name] if request.database_name else sorted(self.databases)
        names = [
            (database, name) for database in databases for name in sorted(self.database(database).tables)
        ]
        names, answer = _page(names, request)
        return {"Tables": [self._table(database, name) for database, name in names]} | answer

    def delete_table(self, request: requests.NamedTable, _: float) -> Answer:
        """Forget a table."""
        self.table(request.database_name, request.table_name)
        del self.database(request.database_name).tables[request.table_name]
        self._tags.pop(f"{_ARN}/{request.database_name}/table/{request.table_name}", None)
        return {}

    def tag_resource(self, request: requests.TagResource, _: float) -> Answer:
        """More tags."""
        if len(self._tagged(request) | {tag.key: "" for tag in request.tags}) > limits.MAX_TAGS:
            raise ServiceError(
                "ServiceQuotaExceededException", f"A resource has at most {limits.MAX_TAGS} tags."
            )
        self._tag(request.resource_arn, request.tags)
        return {}

    def untag_resource(self, request: requests.UntagResource, _: float) -> Answer:
        """Fewer tags."""
        tags = self._tagged(request)
        for key in request.tag_keys:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: requests.Tagged, _: float) -> Answer:
        """A resource's tags."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tagged(request).items()]}

    def state(self) -> Answer:
        """What `take_back` needs, but for the points."""
        databases = {
            name: {
                "key": database.key,
                "created": database.created,
                "updated": database.updated,
                "tables": {name: _state(table) for name, table in database.tables.items()},
            }
            for name, database in self.databases.items()
        }
        return {"databases": databases, "tags": self._tags, "made": self._made}

    def take_back(self, state: Answer) -> None:
        """What `state` said, without the points."""
        self._tags, self._made = state["tags"], state["made"]
        for name, facts in state["databases"].items():
            tables = {name: _taken_back(one) for name, one in facts.pop("tables").items()}
            self.databases[name] = Database(**facts, tables=tables)

    def _database(self, name: str) -> Answer:
        database = self.database(name)
        return {
            "Arn": f"{_ARN}/{name}",
            "DatabaseName": name,
            "TableCount": len(database.tables),
            "KmsKeyId": database.key,
            "CreationTime": database.created,
            "LastUpdatedTime": database.updated,
        }

    def _table(self, database: str, name: str) -> Answer:
        settings = self.table(database, name).settings
        magnetic: Answer = {"EnableMagneticStoreWrites": settings.magnetic_writes}
        if settings.rejected_location is not None:
            magnetic["MagneticStoreRejectedDataLocation"] = settings.rejected_location
        return {
            "Arn": f"{_ARN}/{database}/table/{name}",
            "TableName": name,
            "DatabaseName": database,
            "TableStatus": "ACTIVE",
            "RetentionProperties": {
                "MemoryStoreRetentionPeriodInHours": settings.memory_hours,
                "MagneticStoreRetentionPeriodInDays": settings.magnetic_days,
            },
            "MagneticStoreWriteProperties": magnetic,
            "Schema": {"CompositePartitionKey": settings.partition_key},
            "CreationTime": settings.created,
            "LastUpdatedTime": settings.updated,
        }

    def _tagged(self, request: requests.Tagged) -> dict[str, str]:
        arn = request.resource_arn
        database, _, table = arn.removeprefix(f"{_ARN}/").partition("/table/")
        if table:
            self.table(database, table)
        else:
            self.database(database)
        return self._tags.setdefault(arn, {})

    def _tag(self, arn: str, tags: list[requests.Tag] | None) -> None:
        self._tags.setdefault(arn, {}).update({tag.key: tag.value for tag in tags or ()})


def _check_name(member: str, name: str) -> None:
    if not limits.NAME.fullmatch(name):
        raise invalid(f"{member} = {name!r}: letters, digits, _ . and -, 3 to 256 of them.")


def _page(names: Sequence[T], request: requests.ListDatabases) -> tuple[list[T], Answer]:
    token = request.next_token or "0"
    if not (token.isascii() and token.isdigit()):
        raise invalid(f"NextToken = {token!r} is not known.")
    start = int(token)
    end = start + (request.max_results or limits.MAX_LISTED)
    return list(names[start:end]), {"NextToken": str(end)} if end < len(names) else {}


def _configure(settings: Settings, request: requests.UpdateTable, now: float) -> Settings:
    facts = asdict(settings) | {"updated": now}
    if retention := request.retention_properties:
        facts["memory_hours"] = retention.memory_store_retention_period_in_hours
        facts["magnetic_days"] = retention.magnetic_store_retention_period_in_days
    if magnetic := request.magnetic_store_write_properties:
        facts["magnetic_writes"] = magnetic.enable_magnetic_store_writes
        facts["rejected_location"] = magnetic.magnetic_store_rejected_data_location
    if request.schema and request.schema.composite_partition_key:
        for key in request.schema.composite_partition_key:
            if (key.type == "DIMENSION") != (key.name is not None):
                raise invalid("A partition key of type DIMENSION has a Name, one of type MEASURE has none.")
        given = msgspec.to_builtins(request.schema.composite_partition_key)
        facts["partition_key"] = [{k: v for k, v in key.items() if v is not None} for key in given]
    return Settings(**facts)


def _state(table: Table) -> Answer:
    return {
        "identity": table.identity,
        "settings": asdict(table.settings),
        "dimensions": list(table.dimensions),
        "measures": list(table.measures.items()),
        "measure_names": {name: list(kinds) for name, kinds in table.measure_names.items()},
    }


def _taken_back(facts: Answer) -> Table:
    table = Table(facts["identity"], Settings(**facts["settings"]))
    table.dimensions = dict.fromkeys(facts["dimensions"])
    table.measures = dict(facts["measures"])
    table.measure_names = {name: dict.fromkeys(kinds) for name, kinds in facts["measure_names"].items()}
    return table
