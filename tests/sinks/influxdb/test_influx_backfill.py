"""What InfluxDB missed while it was down is sent from the lake, by the command."""

import json
import time

from influxd import points
from typer.testing import CliRunner

from iotstream.assembly import Assembly
from iotstream.cli.app import app
from iotstream.retry import Backoff
from iotstream.settings import Settings
from iotstream.stream_reader import StreamReader

SHARD = "shardId-000000000000"
ROWS = 20


def test_deferred_spans_are_sent_later(kinesis, influxd, tmp_path, monkeypatch):
    influxd.query("CREATE DATABASE backfilled")
    variables = {
        "IOTSTREAM_STREAM_NAME": "s",
        "IOTSTREAM_LAKE_URI": f"file://{tmp_path}/lake",
        "IOTSTREAM_JOURNAL_URI": f"sqlite://{tmp_path}/journal.db",
        "IOTSTREAM_INFLUXDB_URL": "http://127.0.0.1:1",
        "IOTSTREAM_INFLUXDB_VERSION": "v1",
        "IOTSTREAM_INFLUXDB_DATABASE": "backfilled",
        "IOTSTREAM_INFLUXDB_DEADLINE_S": "0.2",
    }
    now = int(time.time() * 1000)
    for row in range(ROWS):
        kinesis.put(
            json.dumps({"timestamp": now + row, "deviceId": "d", "temperature": row, "humidity": 1}).encode()
        )
    assembly = Assembly(Settings.load(variables))
    pipeline = assembly.pipeline(shard_id=SHARD, read_after="TRIM_HORIZON")
    for raw in StreamReader(kinesis.client, backoff=Backoff()).read_retained("s", SHARD):
        pipeline.push(raw, 0.0)
    pipeline.drain()
    assembly.close()
    assert pipeline.stats.deferred == {"influxdb": 1}
    assert influxd.query("SELECT * FROM telemetry", "backfilled") == []

    for name, value in {**variables, "IOTSTREAM_INFLUXDB_URL": influxd.url}.items():
        monkeypatch.setenv(name, value)
    for spans in (1, 0):  # the second time there is nothing left
        done = CliRunner().invoke(app, ["backfill", "--sink", "influxdb", "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["spans"] == spans
    found = points(influxd.query("SELECT * FROM telemetry", "backfilled"))
    assert [point["temperature"] for point in found] == list(range(ROWS))
