"""Rows to Timestream: ours against what its users do: awswrangler, boto3, over TLS to one local server.

The server runs in another process. What counts is the client's CPU time a record, all threads of this
process together: waiting for a local server says nothing about a remote one.
"""

import json
import time
from pathlib import Path

import boto3
import pytest
from figures.results import Kind

import iotstream
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess
from iotstream.pipeline import to_batch
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.sinks.timestream.mapping import Mapping
from iotstream.sinks.timestream.points import points_of, versions_of
from iotstream.sinks.timestream.request import Target, bodies
from iotstream.testing import raw_batch

ROWS = 10_000
DATABASE, TABLE = "iot_timestream_db", "iot_table"
SCHEMA = iotstream.Schema.load()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pki")
    program = ServiceProcess(
        "timestream_tls",
        ["--pki", str(directory), "--database", DATABASE, "--table", TABLE],
        environment={"PYTHONPATH": str(Path(__file__).parent)},
    )
    url = f"https://127.0.0.1:{program.port}"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(Pki(directory).ca))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        yield url
    program.stop()


@pytest.fixture(scope="module")
def batch(sized):
    now, rows = int(time.time() * 1000), sized(ROWS)
    payloads = [
        json.dumps(
            {
                "deviceId": f"device-{row % 500:05d}",
                "temperature": row % 4000 / 100,
                "humidity": row % 1000 / 10,
                "timestamp": now - row,
            }
        ).encode()
        for row in range(rows)
    ]
    arrival = [now + row // 50 for row in range(rows)]
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=arrival), SCHEMA))


def ours(batch, url):  # noqa: ARG001 - it is in the environment
    sink = TimestreamSink(SCHEMA, TimestreamSettings(database=DATABASE, table=TABLE))
    return lambda: sink.write(batch), sink.close


def awswrangler(batch, url):
    import awswrangler as wr

    # botocore discovers endpoints even where the environment names one, but not if the caller does.
    wr.config.timestream_write_endpoint_url = url
    frame = batch.data.to_pandas()

    def write():
        rejected = wr.timestream.write(
            df=frame,
            database=DATABASE,
            table=TABLE,
            time_col="timestamp",
            measure_col=["temperature", "humidity"],
            dimensions_cols=["device_id"],
            measure_name=SCHEMA.name,
            version=1,
        )
        assert rejected == []

    return write, lambda: None


def boto3_loop(batch, url):
    client = boto3.client("timestream-write", endpoint_url=url)
    rows = batch.data.to_pylist()

    def write():
        common = {"MeasureName": SCHEMA.name, "MeasureValueType": "MULTI", "TimeUnit": "MILLISECONDS"}
        for start in range(0, len(rows), 100):
            records = [
                {
                    "Time": str(int(row["timestamp"].timestamp() * 1000)),
                    "Dimensions": [{"Name": "device_id", "Value": row["device_id"]}],
                    "MeasureValues": [
                        {"Name": name, "Value": str(row[name]), "Type": "DOUBLE"}
                        for name in ("temperature", "humidity")
                    ],
                }
                for row in rows[start : start + 100]
            ]
            client.write_records(
                DatabaseName=DATABASE, TableName=TABLE, CommonAttributes=common, Records=records
            )

    return write, client.close


# What has no version of its own comes first: a later version is not written over.
@pytest.mark.parametrize("way", [boto3_loop, awswrangler, ours], ids=lambda way: way.__name__)
def test_write(measure, server, batch, way):
    write, close = way(batch, server)
    names = {boto3_loop: "boto3, 100 records a call", awswrangler: "awswrangler", ours: "ours"}
    kind = Kind.OURS if way is ours else Kind.OTHER
    rounds = 15 if way is ours else 4
    try:
        measure(
            lambda _: write(),
            [None],
            batch.data.num_rows,
            row="timestream",
            way=names[way],
            kind=kind,
            rounds=rounds,
        )
    finally:
        close()


def test_build(measure, batch):
    """Points and bodies alone."""
    mapping, target, rows = Mapping.of(SCHEMA), Target(DATABASE, TABLE), batch.data.num_rows

    def build(_):
        versions = versions_of(batch.origin, rows, 1)
        return [body.payload for body in bodies(points_of(batch.data, versions, mapping), mapping, target)]

    assert len(build(None)) == -(-rows // 100)
    measure(build, [None], rows, row="timestream-bodies", way="ours", kind=Kind.OURS, rounds=20)
