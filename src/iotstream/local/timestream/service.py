"""The operations, of both `timestream-write` and `timestream-query`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from iotstream.local.timestream import limits, requests
from iotstream.local.timestream.catalogue import Answer, Catalogue
from iotstream.local.timestream.errors import ServiceError, invalid
from iotstream.local.timestream.faults import Faults
from iotstream.local.timestream.points import Refused, point
from iotstream.local.timestream.results import Pages
from iotstream.local.timestream.show import show
from iotstream.local.timestream.sql import translate
from iotstream.local.timestream.store import Store
from iotstream.local.timestream.tables import Table

CACHE_MINUTES = 1440
"""How long clients keep an address that `DescribeEndpoints` gave."""
_READS_ONLY = frozenset({"DescribeEndpoints", "WriteRecords", "Query", "CancelQuery"})
_NOTHING_COMMON = requests.Record()

Operation = tuple[type[Any], Callable[[Any, float], Answer]]


class Timestream:
    """The service's state. Threads may share it.

    Args:
        directory: keeps the state between runs in a DuckDB file; None = in memory.
        address: what `DescribeEndpoints` answers.

    Attributes:
        faults: what is to go wrong.
    """

    def __init__(self, directory: Path | None = None, *, address: str = "http://127.0.0.1") -> None:
        self.address = address
        self.faults = Faults()
        self._lock = threading.RLock()
        self._closed = False
        self._catalogue = Catalogue()
        self._catalogue_changed = False
        self._pages = Pages()
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._persistent = directory is not None
        self._store = Store(None if directory is None else directory / "timestream.duckdb")
        self._take_back()
        self._operations = self._known_operations()

    def _known_operations(self) -> dict[str, Operation]:
        catalogue = self._catalogue
        return {
            "DescribeEndpoints": (requests.Request, self._describe_endpoints),
            "CreateDatabase": (requests.CreateDatabase, catalogue.create_database),
            "DescribeDatabase": (requests.Named, catalogue.describe_database),
            "UpdateDatabase": (requests.UpdateDatabase, catalogue.update_database),
            "ListDatabases": (requests.ListDatabases, catalogue.list_databases),
            "DeleteDatabase": (requests.Named, catalogue.delete_database),
            "CreateTable": (requests.CreateTable, catalogue.create_table),
            "DescribeTable": (requests.NamedTable, catalogue.describe_table),
            "UpdateTable": (requests.UpdateTable, catalogue.update_table),
            "ListTables": (requests.ListTables, catalogue.list_tables),
            "DeleteTable": (requests.NamedTable, self._delete_table),
            "TagResource": (requests.TagResource, catalogue.tag_resource),
            "UntagResource": (requests.UntagResource, catalogue.untag_resource),
            "ListTagsForResource": (requests.Tagged, catalogue.list_tags_for_resource),
            "WriteRecords": (requests.WriteRecords, self._write_records),
            "Query": (requests.Query, self._query),
            "CancelQuery": (requests.CancelQuery, self._cancel_query),
        }

    def call(self, operation: str, body: bytes | Mapping[str, Any], now: float) -> Answer:
        """Answer a request.

        Args:
            operation: for example `WriteRecords`.
            body: the request as JSON, or its members.
            now: seconds since the epoch.

        Raises:
            ServiceError: as the service would answer.
        """
        if operation not in self._operations:
            raise ServiceError("UnknownOperationException", f"{operation!r} is no operation of this service.")
        if operation != "DescribeEndpoints":
            self.faults.strike(operation)
        kind, act = self._operations[operation]
        request = requests.read(kind, body)
        if operation == "Query":
            return act(request, now)
        with self._lock:
            self._check_open()
            self._catalogue_changed |= operation not in _READS_ONLY
            return act(request, now)

    def flush(self, now: float) -> None:
        """Store what has come, so that it outlives this program; cheap when nothing has.

        Args:
            now: seconds since the epoch: what is older than retention goes.
        """
        with self._lock:
            if not self._closed:
                self._flush(now)

    def close(self, now: float = 0.0) -> None:
        """Store what has come, if it is to be kept, and let go of the file.

        Args:
            now: seconds since the epoch: what is older than retention goes.
        """
        with self._lock:
            if not self._closed:
                if self._persistent:
                    self._flush(now)
                self._closed = True
                self._store.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ServiceError("ServiceUnavailable", "The service has ended.", status=503)

    def _flush(self, now: float) -> None:
        # Names of columns belong to the state as well, and come with points.
        tables = self._catalogue.tables()
        changed = self._catalogue_changed or any(table.changes_wait for table in tables)
        self._store.flush(tables, now, self._catalogue.state() if changed else None)
        self._catalogue_changed = False

    def _take_back(self) -> None:
        state = self._store.state()
        if state is None:
            return
        self._catalogue.take_back(state)
        for table in self._catalogue.tables():
            table.take_back(self._store.points(table))

    # --- Operations that are not the catalogue's alone ---

    def _describe_endpoints(self, *_: object) -> Answer:
        return {"Endpoints": [{"Address": self.address, "CachePeriodInMinutes": CACHE_MINUTES}]}

    def _delete_table(self, request: requests.NamedTable, now: float) -> Answer:
        table = self._catalogue.table(request.database_name, request.table_name)
        answer = self._catalogue.delete_table(request, now)
        self._store.drop(table)
        return answer

    def _write_records(self, request: requests.WriteRecords, now: float) -> Answer:
        table = self._catalogue.table(request.database_name, request.table_name)
        common = request.common_attributes or _NOTHING_COMMON
        points, rejected = [], []
        for index, record in enumerate(request.records):
            try:
                points.append((index, point(record, common)))
            except Refused as refusal:
                rejected.append(_rejected(index, refusal))
        stores = [0, 0]
        for index, one in points:
            try:
                stores[table.write(one, now)] += 1
            except Refused as refusal:
                rejected.append(_rejected(index, refusal))
        if rejected:
            message = "One or more records are rejected: RejectedRecords says which, and why."
            rejected.sort(key=lambda one: one["RecordIndex"])
            raise ServiceError("RejectedRecordsException", message, status=419, RejectedRecords=rejected)
        ingested = {"Total": sum(stores), "MemoryStore": stores[True], "MagneticStore": stores[False]}
        return {"RecordsIngested": ingested}

    def _query(self, request: requests.Query, now: float) -> Answer:
        query, size = request.query_string, request.max_rows or limits.MAX_QUERY_ROWS
        if len(query.encode()) > limits.MAX_QUERY_BYTES:
            raise invalid(f"The query is longer than {limits.MAX_QUERY_BYTES} bytes.")
        with self._lock:
            self._check_open()
            if request.next_token is not None:
                return self._pages.next(query, request.next_token, size, now)
            self._flush(now)
            tables = {name: database.tables for name, database in self._catalogue.databases.items()}
            data = show(query, tables, self._queried)
            sql = (
                ""
                if data is not None
                else translate(query, now, lambda *names: self._queried(*names).identity)
            )
        if data is None:
            # Writes go on meanwhile.
            data = self._store.query(sql)
        with self._lock:
            return self._pages.first(query, data, size, now)

    def _queried(self, database: str, table: str) -> Table:
        try:
            return self._catalogue.table(database, table)
        except ServiceError as error:
            # Query has no ResourceNotFoundException.
            raise invalid(error.message) from None

    def _cancel_query(self, request: requests.CancelQuery, _: float) -> Answer:
        return {"CancellationMessage": self._pages.cancel(request.query_id)}


def _rejected(index: int, refusal: Refused) -> Answer:
    found = {"RecordIndex": index, "Reason": refusal.args[0]}
    return found | {"ExistingVersion": refusal.args[1]} if len(refusal.args) > 1 else found
