"""What the pipeline needs in AWS, made in the local one: buckets, the journal, the table in the catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from iotstream.catalog import register_table
from iotstream.journal.dynamodb_table import create_table
from iotstream.schema import Schema

if TYPE_CHECKING:
    from iotstream.local.stack import Names


def client(environment: Mapping[str, str], service: str) -> Any:
    """A boto3 client of the local stack's.

    Args:
        environment: `Stack.environment()`.
        service: for example `s3`.
    """
    import boto3  # noqa: PLC0415 - it costs a second

    variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    return boto3.client(
        service,
        endpoint_url=environment.get(variable, environment["AWS_ENDPOINT_URL"]),
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def provision(environment: Mapping[str, str], names: Names, schema: Schema) -> None:
    """Make what is not there yet.

    Args:
        environment: `Stack.environment()`.
        names: what things are called.
        schema: of the table.
    """
    s3 = client(environment, "s3")
    buckets = {urlsplit(uri).netloc for uri in (names.lake, names.quarantine)} | {names.results_bucket}
    for bucket in sorted(buckets):
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
    create_table(environment, names.journal)
    register_table(
        client(environment, "glue"),
        schema,
        database=names.glue_database,
        table=names.glue_table,
        lake=names.lake,
    )
