"""Rows to partitioned Parquet in S3: ours against awswrangler, on one local server in another process."""

import os
import time
from unittest.mock import patch

import boto3
import pyarrow as pa
import pytest

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


def table_of(rows):
    lists = [data.flat(10_000, seed) for seed in range(min(rows // 10_000, 20))]
    batches = [iotstream.decode(one, SCHEMA).data for one in lists]
    table = pa.Table.from_batches(batches)
    return pa.concat_tables([table] * (rows // table.num_rows))


def ours(table, environ):
    sink = ParquetSink(open_store(f"s3://{BUCKET}/ours", backoff=Backoff(), environ=environ), SCHEMA)

    def write(_):
        first = time.monotonic_ns()
        span = Span("s", "shardId-0", Position(first), Position(first + table.num_rows))
        sink.write(Batch(data=table, span=span, records=table.num_rows))

    return write


def awswrangler(table, environ):  # noqa: ARG001 - it is in the environment
    import awswrangler as wr

    frame = table.to_pandas()
    frame["dt"] = frame["timestamp"].dt.strftime("%Y-%m-%d")
    frame["hour"] = frame["timestamp"].dt.strftime("%H")

    def write(_):
        wr.s3.to_parquet(
            df=frame,
            path=f"s3://{BUCKET}/theirs/",
            dataset=True,
            mode="append",
            partition_cols=["dt", "hour"],
        )

    return write


# Of pandas, by awswrangler.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", [ours, awswrangler], ids=lambda way: way.__name__)
@pytest.mark.parametrize("rows", [10_000, 1_000_000])
def test_put(measure, environ, rows, way):
    group = f"Parquet: {rows:,} rows split, encoded and put, a row"
    rounds = 7 if rows == 10_000 else 3
    measure(way(table_of(rows), environ), [None], rows, group=group, name=way.__name__, rounds=rounds)


def test_size(remark):
    table = table_of(1_000_000)
    size = sum(
        len(encode(partition.data, SCHEMA, {}, ParquetSettings())) for partition in split(table, "timestamp")
    )
    remark(f"Parquet: {size / table.num_rows:.1f} bytes a row in 1,000,000 rows")
