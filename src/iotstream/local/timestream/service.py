"""The operations, of both `timestream-write` and `timestream-query`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError, conflict, invalid, missing
from iotstream.local.timestream.faults import Faults
from iotstream.local.timestream.points import Refused, merge, point
from iotstream.local.timestream.query import Engine
from iotstream.local.timestream.tables import Table

CACHE_MINUTES = 1440
"""How long clients keep an address that `DescribeEndpoints` gave."""
_ARN = "arn:aws:timestream:us-east-1:123456789012:database"
_CATALOGUE = "catalogue"

Request = Mapping[str, Any]
Answer = dict[str, Any]


class Timestream:
    """The service's state. Not for several threads at once.

    Args:
        directory: keeps the state between runs in a DuckDB file; None = in memory.
        address: what `DescribeEndpoints` answers.
    """

    def __init__(self, directory: Path | None = None, *, address: str = "http://127.0.0.1") -> None:
        self.address = address
        self.faults = Faults()
        self._databases: dict[str, dict[str, Table]] = {}
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._engine = Engine(None if directory is None else directory / "timestream.duckdb")
        self._persistent = directory is not None
        self._take_back()

    def call(self, operation: str, request: Request, now: float) -> Answer:
        """Answer a request.

        Args:
            operation: for example `WriteRecords`.
            request: its members.
            now: seconds since the epoch.

        Raises:
            ServiceError: as the service would answer.
        """
        known: dict[str, Callable[[Request, float], Answer]] = {
            "DescribeEndpoints": self._describe_endpoints,
            "CreateDatabase": self._create_database,
            "DescribeDatabase": lambda r, _: {
                "Database": self._shown_database(self._name(r, "DatabaseName"))
            },
            "ListDatabases": lambda *_: {
                "Databases": [self._shown_database(name) for name in self._databases]
            },
            "DeleteDatabase": self._delete_database,
            "CreateTable": self._create_table,
            "DescribeTable": lambda r, _: {"Table": self._shown_table(r["DatabaseName"], r["TableName"])},
            "ListTables": self._list_tables,
            "UpdateTable": self._update_table,
            "DeleteTable": self._delete_table,
            "WriteRecords": self._write_records,
            "Query": lambda r, at: self._engine.query(self._databases, r, at),
            "CancelQuery": lambda *_: {"CancellationMessage": "The query has ended."},
            "ListTagsForResource": lambda *_: {"Tags": []},
            "TagResource": lambda *_: {},
            "UntagResource": lambda *_: {},
        }
        if operation not in known:
            raise ServiceError("UnknownOperationException", f"{operation} is not there.")
        if operation != "DescribeEndpoints":
            self.faults.strike(operation)
        try:
            return known[operation](request, now)
        except KeyError as error:
            raise invalid(f"{error.args[0]} is missing.") from None

    def close(self) -> None:
        """Keep the state, if it is kept, and let go of the file."""
        if self._persistent:
            self._keep()
        self._engine.close()

    # --- Databases and tables ---

    def _describe_endpoints(self, *_: object) -> Answer:
        return {"Endpoints": [{"Address": self.address, "CachePeriodInMinutes": CACHE_MINUTES}]}

    def _name(self, request: Request, key: str) -> str:
        name: str = request[key]
        if not limits.NAME.fullmatch(name):
            raise invalid(f"{key} = {name!r}: letters, digits, _ . and -, 3 to 256 of them.")
        return name

    def _tables(self, database: str) -> dict[str, Table]:
        if database not in self._databases:
            raise missing("database", database)
        return self._databases[database]

    def _table(self, database: str, table: str) -> Table:
        tables = self._tables(database)
        if table not in tables:
            raise missing("table", table)
        return tables[table]

    def _create_database(self, request: Request, _: float) -> Answer:
        name = self._name(request, "DatabaseName")
        if name in self._databases:
            raise conflict("database", name)
        self._databases[name] = {}
        return {"Database": self._shown_database(name)}

    def _delete_database(self, request: Request, _: float) -> Answer:
        name = self._name(request, "DatabaseName")
        if self._tables(name):
            raise invalid(f"The database {name} still has tables.")
        del self._databases[name]
        return {}

    def _create_table(self, request: Request, _: float) -> Answer:
        database, name = request["DatabaseName"], self._name(request, "TableName")
        tables = self._tables(database)
        if name in tables:
            raise conflict("table", name)
        table = Table()
        _configure(table, request)
        tables[name] = table
        return {"Table": self._shown_table(database, name)}

    def _update_table(self, request: Request, _: float) -> Answer:
        _configure(self._table(request["DatabaseName"], request["TableName"]), request)
        return {"Table": self._shown_table(request["DatabaseName"], request["TableName"])}

    def _delete_table(self, request: Request, _: float) -> Answer:
        database, name = request["DatabaseName"], request["TableName"]
        self._table(database, name)
        del self._databases[database][name]
        self._engine.drop(database, name)
        return {}

    def _list_tables(self, request: Request, _: float) -> Answer:
        databases = [request["DatabaseName"]] if request.get("DatabaseName") else list(self._databases)
        return {"Tables": [self._shown_table(db, name) for db in databases for name in self._tables(db)]}

    def _shown_database(self, name: str) -> Answer:
        return {"Arn": f"{_ARN}/{name}", "DatabaseName": name, "TableCount": len(self._tables(name))}

    def _shown_table(self, database: str, name: str) -> Answer:
        table = self._table(database, name)
        return {
            "Arn": f"{_ARN}/{database}/table/{name}",
            "TableName": name,
            "DatabaseName": database,
            "TableStatus": "ACTIVE",
            "RetentionProperties": {
                "MemoryStoreRetentionPeriodInHours": table.memory_hours,
                "MagneticStoreRetentionPeriodInDays": table.magnetic_days,
            },
            "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": table.magnetic_writes},
        }

    # --- Points ---

    def _write_records(self, request: Request, now: float) -> Answer:
        table = self._table(request["DatabaseName"], request["TableName"])
        records = request["Records"]
        if not 1 <= len(records) <= limits.MAX_RECORDS:
            raise invalid(f"{len(records)} records in one call: 1 to {limits.MAX_RECORDS} are allowed.")
        common = request.get("CommonAttributes") or {}
        rejected: list[Answer] = []
        stores = [0, 0]
        for index, record in enumerate(records):
            try:
                stores[table.write(point(merge(record, common)), now)] += 1
            except Refused as refusal:
                rejected.append({"RecordIndex": index, "Reason": refusal.args[0]})
                if len(refusal.args) > 1:
                    rejected[-1]["ExistingVersion"] = refusal.args[1]
        if rejected:
            message = "One or more records have been rejected. See RejectedRecords for details."
            raise ServiceError("RejectedRecordsException", message, status=419, RejectedRecords=rejected)
        ingested = {"Total": sum(stores), "MemoryStore": stores[1], "MagneticStore": stores[0]}
        return {"RecordsIngested": ingested}

    # --- The state between runs ---

    def _keep(self) -> None:
        catalogue = {
            database: {
                name: {
                    "memory_hours": table.memory_hours,
                    "magnetic_days": table.magnetic_days,
                    "magnetic_writes": table.magnetic_writes,
                    "dimensions": list(table.dimensions),
                    "measures": table.measures,
                }
                for name, table in tables.items()
            }
            for database, tables in self._databases.items()
        }
        self._engine.refresh(self._databases)
        for database, tables in self._databases.items():
            for name, table in tables.items():
                self._engine.keep(f"{database}/{name}", table.to_arrow(versions=True))
        self._engine.keep(_CATALOGUE, pa.table({"json": [orjson.dumps(catalogue).decode()]}))

    def _take_back(self) -> None:
        kept = self._engine.kept(_CATALOGUE)
        if kept is None:
            return
        for database, tables in orjson.loads(kept["json"][0].as_py()).items():
            self._databases[database] = {}
            for name, facts in tables.items():
                table = Table(**(facts | {"dimensions": dict.fromkeys(facts["dimensions"])}))
                points = self._engine.kept(f"{database}/{name}")
                if points is not None:
                    table.take_back(points)
                self._databases[database][name] = table


def _configure(table: Table, request: Request) -> None:
    retention = request.get("RetentionProperties") or {}
    hours = retention.get("MemoryStoreRetentionPeriodInHours", table.memory_hours)
    days = retention.get("MagneticStoreRetentionPeriodInDays", table.magnetic_days)
    if hours not in limits.MEMORY_HOURS or days not in limits.MAGNETIC_DAYS:
        most = f"{limits.MEMORY_HOURS[-1]} hours and {limits.MAGNETIC_DAYS[-1]} days"
        raise invalid(f"Retention of {hours} hours and {days} days: from 1 to {most} are allowed.")
    table.memory_hours, table.magnetic_days = hours, days
    writes = request.get("MagneticStoreWriteProperties") or {}
    table.magnetic_writes = writes.get("EnableMagneticStoreWrites", table.magnetic_writes)
