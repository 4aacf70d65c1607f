"""Rows to partitioned Parquet in S3: ours against awswrangler, on one local server in another process."""

import os
import time
from unittest.mock import patch

import boto3
import pyarrow as pa
import pytest
from figures.results import Kind

import data
import iotstream
from iotstream.batch import Batch
from iotstream.local.process import ServiceProcess
from iotstream.partition import split
from iotstream.position import Position, Span
from iotstream.retry import Backoff
from iotstream.sinks.objects import open_store
from iotstream.sinks.parquet import ParquetSettings, ParquetSink, encode

SCHEMA = iotstream.Schema.load()
BUCKET = "lake"


@pytest.fixture(scope="module")
def environ():
    service = ServiceProcess("iotstream.local.aws")
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{service.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with patch.dict(os.environ, variables):
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield variables
    service.stop()


@pytest.fixture(scope="module")
def table_of(sized):
    """`table_of(rows)`: decoded telemetry."""

    def make(rows):
        rows = sized(rows)
        lists = [data.flat(min(rows, 10_000), seed) for seed in range(min(-(-rows // 10_000), 20))]
        table = pa.Table.from_batches([iotstream.decode(one, SCHEMA).data for one in lists])
        return pa.concat_tables([table] * (rows // table.num_rows))

    return make


def ours(table, environ):
    sink = ParquetSink(open_store(f"s3://{BUCKET}/ours", backoff=Backoff(), environ=environ), SCHEMA)

    def write(_):
        first = time.monotonic_ns()
        span = Span("s", "shardId-0", Position(first), Position(first + table.num_rows))
        sink.write(Batch(data=table, span=span, records=table.num_rows))

    return write


def awswrangler(table, environ, prefix="theirs"):  # noqa: ARG001 - it is in the environment
    import awswrangler as wr

    frame = table.to_pandas()
    frame["dt"] = frame["timestamp"].dt.strftime("%Y-%m-%d")
    frame["hour"] = frame["timestamp"].dt.strftime("%H")

    def write(_):
        wr.s3.to_parquet(
            df=frame,
            path=f"s3://{BUCKET}/{prefix}/",
            dataset=True,
            mode="append",
            partition_cols=["dt", "hour"],
        )

    return write


# Of pandas, by awswrangler.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", [ours, awswrangler], ids=lambda way: way.__name__)
@pytest.mark.parametrize(("row", "rows"), [("parquet-10k", 10_000), ("parquet-1m", 1_000_000)])
def test_put(measure, environ, table_of, row, rows, way):  # noqa: PLR0917 - fixtures
    table = table_of(rows)
    kind = Kind.OURS if way is ours else Kind.OTHER
    rounds = 12 if rows == 10_000 else 4
    measure(way(table, environ), [None], table.num_rows, row=row, way=way.__name__, kind=kind, rounds=rounds)


def test_size(record, table_of):
    table = table_of(1_000_000)
    size = sum(
        len(encode(partition.data, SCHEMA, {}, ParquetSettings())) for partition in split(table, "timestamp")
    )
    record("parquet-bytes", "ours", size / table.num_rows, kind=Kind.OURS)


@pytest.mark.filterwarnings("ignore")
def test_size_by_awswrangler(record, environ, table_of):
    """What lies in the bucket: compressed as it does by default."""
    table = table_of(1_000_000)
    awswrangler(table, environ, prefix="size")(None)
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="size/")
    size = sum(one["Size"] for page in pages for one in page["Contents"])
    record("parquet-bytes", "awswrangler", size / table.num_rows)
