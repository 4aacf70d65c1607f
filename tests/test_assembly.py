"""What settings become: whose the lake is, what a run changes."""

import json
import time

import pytest

from iotstream.assembly import Assembly, deferrable, hot_sinks
from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.schema import Schema
from iotstream.settings import Settings
from iotstream.stream_reader import StreamReader
from kinesis_stand import CREDENTIALS

SHARD = "shardId-000000000000"


def settings(tmp_path, **more):
    return Settings.load(
        {
            "IOTSTREAM_STREAM_NAME": "s",
            "IOTSTREAM_LAKE_URI": f"file://{tmp_path}/lake",
            "IOTSTREAM_QUARANTINE_URI": f"file://{tmp_path}/quarantine",
            "IOTSTREAM_JOURNAL_URI": f"sqlite://{tmp_path}/journal.db",
            **more,
        }
    )


def consume(kinesis, configured):
    """Write all that the stream holds."""
    assembly = Assembly(configured)
    pipeline = assembly.pipeline(shard_id=SHARD, read_after="TRIM_HORIZON")
    from iotstream.retry import Backoff

    for raw in StreamReader(kinesis.client, backoff=Backoff()).read_retained("s", SHARD):
        pipeline.push(raw, 0.0)
    pipeline.drain()
    assembly.close()
    return pipeline.stats


def test_a_run_reads_again_into_a_lake_of_its_own(kinesis, tmp_path):
    reading = {"timestamp": time.time(), "deviceId": "a", "temperature": 1, "humidity": 2}
    kinesis.put(json.dumps(reading).encode(), b"bad")
    assert consume(kinesis, settings(tmp_path)).rows == 1
    again = consume(kinesis, settings(tmp_path))
    assert (again.rows, again.skipped) == (0, 2)
    run = consume(kinesis, settings(tmp_path, IOTSTREAM_JOURNAL_RUN="fixed"))
    assert (run.rows, run.skipped) == (1, 0)
    for prefix, owner in (("lake", "iotstream"), ("lake/runs/fixed", "iotstream@fixed")):
        place = tmp_path / prefix
        assert json.loads((place / "owner.json").read_text())["application"] == owner
        assert len(list((place / "data").rglob("*.parquet"))) == 1
        (manifest,) = (place / "spans/s" / SHARD).glob("*.json")
        assert json.loads(manifest.read_text())["application"] == owner
        assert len(list((place / "schemas").iterdir())) == 1
    assert len(list((tmp_path / "quarantine/runs/fixed").rglob("*.jsonl.gz"))) == 1


def test_a_lake_has_one_application_and_one_kind_of_consumer(tmp_path):
    Assembly(settings(tmp_path)).close()
    Assembly(settings(tmp_path)).close()
    with pytest.raises(ConfigurationError, match=r"belongs to .*remove owner\.json"):
        Assembly(settings(tmp_path), consumer="lambda")
    with pytest.raises(ConfigurationError, match="application 'other'"):
        Assembly(settings(tmp_path, IOTSTREAM_JOURNAL_APPLICATION="other"))


INFLUXDB = {
    "IOTSTREAM_INFLUXDB_URL": "http://127.0.0.1:1",
    "IOTSTREAM_INFLUXDB_VERSION": "v1",
    "IOTSTREAM_INFLUXDB_DATABASE": "iot",
}


def test_both_hot_sinks_at_once_and_each_says_what_happens_when_it_is_down(tmp_path, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    both = {**INFLUXDB, "IOTSTREAM_TIMESTREAM_DATABASE": "iot_timestream_db"}
    sinks = hot_sinks(settings(tmp_path, **both), Schema.load())
    assert [sink.name for sink in sinks] == ["timestream", "influxdb"]
    for sink in sinks:
        sink.close()
    assert deferrable(settings(tmp_path)) == {"timestream", "influxdb"}
    assert deferrable(settings(tmp_path, IOTSTREAM_INFLUXDB_ON_UNAVAILABLE="stop")) == {"timestream"}


@pytest.mark.parametrize("way", ["defer", "stop"])
def test_influxdb_that_is_down_defers_the_span_or_stops_the_flow(kinesis, tmp_path, way):
    reading = {"timestamp": time.time(), "deviceId": "a", "temperature": 1, "humidity": 2}
    kinesis.put(json.dumps(reading).encode())
    down = {"IOTSTREAM_INFLUXDB_DEADLINE_S": "0.2", "IOTSTREAM_INFLUXDB_ON_UNAVAILABLE": way}
    configured = settings(tmp_path, **INFLUXDB, **down)
    if way == "stop":
        with pytest.raises(SinkUnavailable, match=r"InfluxDB database iot at http://127\.0\.0\.1:1"):
            consume(kinesis, configured)
        return
    assert consume(kinesis, configured).deferred == {"influxdb": 1}
    (manifest,) = (tmp_path / "lake/spans/s" / SHARD).glob("*.json")
    assert json.loads(manifest.read_text())["deferred"] == ["influxdb"]


def test_a_run_leaves_the_hot_sinks_alone_unless_told(tmp_path, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    database = {"IOTSTREAM_TIMESTREAM_DATABASE": "iot_timestream_db"}
    run = {**database, "IOTSTREAM_JOURNAL_RUN": "fixed"}
    for more, count in ((database, 1), (run, 0), ({**run, "IOTSTREAM_JOURNAL_RUN_HOT_SINKS": "true"}, 1)):
        sinks = hot_sinks(settings(tmp_path, **more), Schema.load())
        assert len(sinks) == count
        for sink in sinks:
            sink.close()
