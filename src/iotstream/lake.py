"""SQL over the lake on one machine, by DuckDB: what Athena answers in the cloud.

    with Lake.open("s3://bucket/prefix") as lake:
        lake.query("SELECT * FROM iot_database.iot_table LIMIT 100")

The table has the schema's columns and the partition columns `dt` and `hour` as text. A condition that
compares those with constants (`=`, `<`, `IN`, `BETWEEN`) leaves the other partitions' objects unread;
one that calls a function on them (`LIKE`, `date(dt)`) does not. Times are in UTC.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from iotstream.errors import ConfigurationError, MissingDependencyError, QueryError

DATABASE = "iot_database"
TABLE = "iot_table"
SETTINGS = (
    # Else literals, hours and days are those of this machine's time zone, and answers differ from Athena's.
    "TimeZone = 'UTC'",
    # SQL reads the table and nothing else: no files, no variables of this program.
    "enable_external_access = false",
    "python_enable_replacements = false",
    "lock_configuration = true",
)
PARTITION_COLUMNS = pa.schema([pa.field("dt", pa.string()), pa.field("hour", pa.string())])


class Lake:
    """A lake's table. Objects that come later are seen by the next query.

    Threads may share it; their queries run one after the other.

    Args:
        filesystem: holds the objects.
        root: the directory of the partitions, `<prefix>/data`.
        schema: the columns; None = those of the newest hour's last object.
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
        self._lock = threading.Lock()
        self._connection = duckdb.connect(":memory:")
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}")
        for setting in SETTINGS:
            self._connection.execute(f"SET {setting}")

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
            uri: `s3://bucket/prefix` or `file:///directory`, as `lake.uri` says, or the path of a directory.
            schema: the columns; None = those of the newest hour's last object.
            database: the table's first name in SQL.
            table: its second.
            environ: the SDK's variables; the process's own by default.

        Raises:
            ConfigurationError: the URI is of no known kind, the directory is not there, or the endpoint is
                no URL.
            MissingDependencyError: DuckDB is not installed.
        """
        filesystem, path = filesystem_of(uri, os.environ if environ is None else environ)
        return cls(filesystem, f"{path}/data", schema=schema, database=database, table=table)

    def query(self, sql: str) -> pa.Table:
        """The answer to a query.

        Args:
            sql: one SELECT in DuckDB's dialect.

        Raises:
            QueryError: it can't be answered, the lake can't be read, or it is empty and no schema is given.
        """
        with self._lock, self._mapped_errors():
            self._refresh()
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise QueryError("one SELECT is expected: the lake is only read")
            answer: pa.Table = self._connection.sql(sql).to_arrow_table()
        return answer

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except self._duckdb.Error as error:
            raise QueryError(str(error)) from error
        except (OSError, pa.ArrowException) as error:
            raise QueryError(f"the lake at {self._root} can't be read: {error}") from error

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

    def _dataset(self) -> Any:
        paths = self._paths()
        if not paths:
            return self._nothing()
        schema = self._schema or ds.dataset(paths[-1], filesystem=self._filesystem, format="parquet").schema
        return ds.dataset(
            paths,
            schema=_with_partitions(schema),
            filesystem=self._filesystem,
            format="parquet",
            partitioning=ds.partitioning(PARTITION_COLUMNS, flavor="hive"),
            partition_base_dir=self._root,
        )

    def _paths(self) -> list[str]:
        """The objects, in the order of their names: the newest hour's come last."""
        selector = pafs.FileSelector(self._root, allow_not_found=True, recursive=True)
        found = self._filesystem.get_file_info(selector)
        return sorted(one.path for one in found if one.path.endswith(".parquet"))

    def _nothing(self) -> pa.Table:
        bucket = self._root.partition("/")[0]
        # A lake may be absent as long as nothing is written; its bucket may not, which is mostly a typo.
        if bucket and self._filesystem.get_file_info(bucket).type is pafs.FileType.NotFound:
            raise QueryError(f"there is no bucket {bucket!r} at this endpoint")
        if self._schema is None:
            raise QueryError(f"the lake is empty: there is no object below {self._root}/")
        return _with_partitions(self._schema).empty_table()


def filesystem_of(uri: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """The file system of a lake's URI, and the path in it, as `iotstream.sinks.objects` reads them.

    Raises:
        ConfigurationError: the URI is of no known kind, the directory is not there, or the endpoint is no
            URL.
    """
    # A URI may name what will be there one day; a mere path that is not there is mostly a typo.
    if "://" not in uri and uri and Path(uri).is_dir():
        return pafs.LocalFileSystem(), str(Path(uri).absolute()).rstrip("/")
    scheme, _, rest = uri.partition("://")
    if scheme == "file" and rest.startswith("/"):
        return pafs.LocalFileSystem(), rest.rstrip("/")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError(
            f"{uri!r} is no lake: s3://bucket/prefix, file:///directory or a directory that is there"
        )
    return pafs.S3FileSystem(**_s3_settings(environ)), f"{bucket}/{prefix.strip('/')}".rstrip("/")


def _s3_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the environment says; the rest (profiles, roles) Arrow's own AWS SDK finds out."""
    settings: dict[str, Any] = {}
    variable = "AWS_ENDPOINT_URL_S3" if environ.get("AWS_ENDPOINT_URL_S3") else "AWS_ENDPOINT_URL"
    endpoint = environ.get(variable)
    if endpoint:
        address = urlsplit(endpoint)
        if address.scheme not in {"http", "https"} or not address.netloc:
            raise ConfigurationError(f"{variable} is {endpoint!r}: http://host:port or https://host expected")
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
    return settings


def _with_partitions(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, *PARTITION_COLUMNS])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
