"""SQL over the lake on one machine, by DuckDB: what Athena answers in the cloud.

    with Lake.open("s3://bucket/prefix") as lake:
        lake.query("SELECT * FROM iot_database.iot_table LIMIT 100")

The table has the schema's columns and the partition columns `dt` and `hour` as text; a condition on
those leaves the other partitions' objects unread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from iotstream.errors import ConfigurationError, MissingDependencyError, QueryError

DATABASE = "iot_database"
TABLE = "iot_table"
PARTITION_COLUMNS = pa.schema([pa.field("dt", pa.string()), pa.field("hour", pa.string())])


class Lake:
    """A lake's table. Objects that come later are seen by the next query.

    Args:
        filesystem: holds the objects.
        root: the directory of the partitions, `<prefix>/data`.
        schema: the columns; None = those of the first object.
        database: the table's first name in SQL.
        table: its second.
    """

    def __init__(
        self,
        filesystem: pafs.FileSystem,
        root: str,
        *,
        schema: pa.Schema | None = None,
        database: str = DATABASE,
        table: str = TABLE,
    ) -> None:
        try:
            import duckdb  # noqa: PLC0415 - an extra of its own
        except ImportError:
            raise MissingDependencyError(
                "SQL over the lake needs DuckDB: pip install 'iotstream[local]'"
            ) from None
        self._duckdb = duckdb
        self._filesystem = filesystem
        self._root = root
        self._schema = schema
        self._name = f"{_quoted(database)}.{_quoted(table)}"
        self._connection = duckdb.connect(":memory:")
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}")
        # SQL reads the table and nothing else: no files, no variables of this program.
        for setting in ("enable_external_access = false", "python_enable_replacements = false"):
            self._connection.execute(f"SET {setting}")
        self._locked = False

    @classmethod
    def open(
        cls,
        uri: str,
        *,
        schema: pa.Schema | None = None,
        database: str = DATABASE,
        table: str = TABLE,
        environ: Mapping[str, str] | None = None,
    ) -> Lake:
        """The lake of that prefix.

        Args:
            uri: `s3://bucket/prefix` or `file:///directory`: what `lake.uri` says.
            schema: the columns; None = those of the first object.
            database: the table's first name in SQL.
            table: its second.
            environ: the SDK's variables; the process's own by default.

        Raises:
            ConfigurationError: the URI is of no known kind.
        """
        filesystem, path = filesystem_of(uri, os.environ if environ is None else environ)
        return cls(filesystem, f"{path}/data", schema=schema, database=database, table=table)

    def query(self, sql: str) -> pa.Table:
        """The answer to a query.

        Raises:
            QueryError: it can't be answered.
        """
        self._refresh()
        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise QueryError("one SELECT is expected: the lake is only read")
            answer: pa.Table = self._connection.sql(sql).to_arrow_table()
        except (self._duckdb.Error, pa.ArrowException) as error:
            raise QueryError(str(error)) from error
        return answer

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refresh(self) -> None:
        """Let the table be what the lake holds now."""
        self._connection.register("lake_objects", self._dataset())
        self._connection.execute(f"CREATE OR REPLACE VIEW {self._name} AS SELECT * FROM lake_objects")  # noqa: S608 - quoted
        if not self._locked:
            self._connection.execute("SET lock_configuration = true")
            self._locked = True

    def _dataset(self) -> Any:
        selector = pafs.FileSelector(self._root, allow_not_found=True, recursive=True)
        paths = [
            one.path for one in self._filesystem.get_file_info(selector) if one.path.endswith(".parquet")
        ]
        if not paths:
            if self._schema is None:
                raise QueryError(f"the lake is empty: there is no object below {self._root}")
            return _with_partitions(self._schema).empty_table()
        schema = self._schema or ds.dataset(paths[0], filesystem=self._filesystem, format="parquet").schema
        return ds.dataset(
            sorted(paths),
            schema=_with_partitions(schema),
            filesystem=self._filesystem,
            format="parquet",
            partitioning=ds.partitioning(PARTITION_COLUMNS, flavor="hive"),
            partition_base_dir=self._root,
        )


def filesystem_of(uri: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """The file system of a lake's URI, and the path in it.

    Raises:
        ConfigurationError: the URI is of no known kind.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.path:
        return pafs.LocalFileSystem(), parts.path.rstrip("/")
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigurationError(f"{uri!r} is no lake: s3://bucket/prefix or file:///directory")
    settings: dict[str, Any] = {}
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        address = urlsplit(endpoint)
        settings |= {"endpoint_override": address.netloc, "scheme": address.scheme}
    if environ.get("AWS_ACCESS_KEY_ID"):
        settings |= {
            "access_key": environ["AWS_ACCESS_KEY_ID"],
            "secret_key": environ.get("AWS_SECRET_ACCESS_KEY", ""),
            "session_token": environ.get("AWS_SESSION_TOKEN") or None,
        }
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region:
        settings["region"] = region
    return pafs.S3FileSystem(**settings), f"{parts.netloc}{parts.path}".rstrip("/")


def _with_partitions(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, *PARTITION_COLUMNS])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
