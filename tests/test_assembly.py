"""What settings become: whose the lake is, what a run changes."""

import json
import time

import pytest

from iotstream.assembly import Assembly, hot_sinks
from iotstream.errors import ConfigurationError
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
