"""Spans that a sink missed reach it from the lake, once, and never over later rows."""

import gzip
import json
import os
import subprocess
import sys
import time

import boto3
import pyarrow as pa
import pytest

import iotstream
from audit.lakes import FIRST, SHARDS, START_MS, Lake, payloads, sink
from iotstream.backfill import backfill, deferred, document
from iotstream.errors import IotstreamError, SinkUnavailable
from iotstream.local.process import ServiceProcess
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.testing import raw_batch

DATABASE, TABLE = "iot_timestream_db", "iot_table"
ALWAYS = 1_000_000
RUN = "from iotstream.cli import main; main()"
AWS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def lake(tmp_path):
    """Three spans that timestream missed, and one that it got."""
    lake = Lake(tmp_path, hot=[sink(down=ALWAYS)]).write(spans=3)
    lake.hot = [sink()]
    return lake.write(spans=1, read_after=None, first=60)


def run(lake, target, **how):
    waiting = list(deferred(lake.store))
    return list(backfill(lake.store, lake.quarantine, waiting, lambda name, schema: target, **how))


def files(lake):
    return {str(path): path.read_bytes() for path in lake.directory.rglob("*") if path.is_file()}


def test_what_waits_is_sent_in_the_order_of_the_shard(lake):
    target = sink()
    waiting = list(deferred(lake.store))
    assert [one.sink for one in waiting] == ["timestream"] * 3
    assert [one.manifest for one in waiting] == lake.manifests()[:3]
    done = run(lake, target)
    assert [one.span for one in done] == [one.name for one in lake.manifests()[:3]]
    assert [one.rows for one in done] == [one.rows for one in lake.manifests()[:3]]
    sent = pa.concat_tables([batch.data for batch in target.batches])
    assert sent.num_rows == sum(one.rows for one in done)
    for one in lake.manifests()[:3]:
        arrivals = {
            arrival
            for batch in target.batches
            if batch.span.first == one.ends[0]
            for arrival in batch.origin.raw.arrival_ms.to_pylist()
        }
        assert arrivals == {one.arrival_ms[1]}


def test_the_rows_are_those_of_the_objects_in_their_order(lake):
    target = sink()
    run(lake, target)
    keys = [one.key for manifest in lake.manifests()[:3] for one in manifest.objects]
    assert len(keys) == len(target.batches) == 6
    for key, batch in zip(keys, target.batches, strict=True):
        rows = batch.data.to_pylist()
        assert rows == pa.parquet.read_table(lake.path(key), partitioning=None).to_pylist()
        assert batch.origin.item.to_pylist() == list(range(len(rows)))


def test_twice_changes_nothing(lake):
    run(lake, sink(refuse={(0, 1)}), now_ms=lambda: 1)
    before = files(lake)
    assert list(deferred(lake.store)) == []
    assert run(lake, sink()) == []
    # Nor does a second one that had begun before the first ended.
    waiting = [one._replace() for one in _all(lake)]
    list(backfill(lake.store, lake.quarantine, waiting, lambda *_: sink(refuse={(0, 1)}), now_ms=lambda: 2))
    assert files(lake) == before


def _all(lake):
    from iotstream.backfill import Deferred

    return [Deferred(one, "timestream") for one in lake.manifests()[:3]]


def test_the_marker_says_what_was_done(lake):
    run(lake, sink(refuse={(0, 1)}), now_ms=lambda: 1_770_000_000_000)
    manifest = lake.manifests()[0]
    marker = json.loads(lake.path(manifest.backfill_key("timestream")).read_bytes())
    assert marker == {
        "sink": "timestream",
        "first": manifest.first,
        "last": manifest.last,
        "rows": manifest.rows,
        "refused": 2,
        "finished_ms": 1_770_000_000_000,
    }


def test_the_audit_counts_it_as_done(lake):
    assert [one.code for one in lake.audit().notes if one.code == "deferred"] == ["deferred"]
    run(lake, sink(refuse={(0, 1)}))
    report = lake.audit(deep=True)
    assert report.findings == []
    assert [one.code for one in report.notes] == ["unproved"]


def test_only_one_sink(lake):
    assert list(deferred(lake.store, sink="influxdb")) == []
    assert list(deferred(lake.store, sink="time")) == []
    assert len(list(deferred(lake.store, sink="timestream"))) == 3


def test_what_was_done_stays_done_when_the_sink_goes_down(lake):
    target, waiting, asked, done = sink(), list(deferred(lake.store)), [], []

    def sink_of(name, schema):
        asked.append(name)
        target.down = len(asked) == 3
        return target

    with pytest.raises(SinkUnavailable):
        done.extend(backfill(lake.store, lake.quarantine, waiting, sink_of))
    assert len(done) == 2
    assert [one.manifest for one in deferred(lake.store)] == lake.manifests()[2:3]
    assert len(run(lake, sink())) == 1


def test_refused_rows_are_dead_letters_that_can_be_decoded_again(lake):
    (first, *_) = run(lake, sink(refuse={(0, 0), (0, 2)}))
    assert first.refused == 4
    manifest = lake.manifests()[0]
    name = f"dt=2026-01-31/{SHARDS[0]}-{manifest.name}.timestream-backfill.jsonl.gz"
    lines = [json.loads(line) for line in gzip.decompress(lake.letters_path(name).read_bytes()).splitlines()]
    assert [line["item"] for line in lines] == [0, 2, manifest.objects[0].rows, manifest.objects[0].rows + 2]
    assert {line["sink"] for line in lines} == {"timestream"}
    assert {line["sequence_number"] for line in lines} == {manifest.first}
    assert {line["reason"] for line in lines} == {"sink"}
    import base64

    again = iotstream.decode([base64.b64decode(line["payload"]) for line in lines], lake.schema)
    expected = [
        row
        for one in manifest.objects
        for index, row in enumerate(pa.parquet.read_table(lake.path(one.key), partitioning=None).to_pylist())
        if index in {0, 2}
    ]
    assert again.data.to_pylist() == expected


def test_letters_of_the_first_try_stay_beside_those_of_the_backfill(tmp_path):
    """A span of which some pushes got through: what was refused then is not lost."""
    target = sink(refuse={(1, 0)})
    lake = Lake(tmp_path, hot=[target])
    writer = lake.writer(SHARDS[0])
    for number in (0, 20):
        raw = raw_batch(payloads(number, 20), arrival_ms=START_MS, first=FIRST + number, shard_id=SHARDS[0])
        target.down = number
        writer.push(raw, 0.0)
    writer.drain()
    assert lake.manifests()[0].deferred == ("timestream",)
    before = lake.letters("dt=*/*.timestream.jsonl.gz")[0].read_bytes()
    run(lake, sink(refuse={(0, 0)}))
    assert lake.letters("dt=*/*.timestream.jsonl.gz")[0].read_bytes() == before
    assert len(lake.letters("dt=*/*.timestream-backfill.jsonl.gz")) == 1
    assert lake.audit(deep=True).ok


def test_an_object_that_is_gone_stops_it(lake):
    lake.path(lake.manifests()[0].objects[0].key).unlink()
    with pytest.raises(IotstreamError, match="is gone: see `iotstream audit`"):
        run(lake, sink())


def test_a_manifest_that_can_not_be_read_stops_it(lake):
    lake.manifest_paths()[0].write_bytes(b"{}")
    with pytest.raises(IotstreamError, match=r"can't be read .* see `iotstream audit`"):
        list(deferred(lake.store))


@pytest.mark.parametrize("encoding", ["auto", "iso", "s", "ms", "us", "ns"])
def test_a_row_as_a_payload_decodes_to_that_row(encoding):
    schema = iotstream.Schema.parse(
        f"""
name = "nested"
[limits]
max_age = "off"
max_ahead = "off"
[[field]]
name = "at"
source = "meta.at"
type = "timestamp"
role = "time"
encoding = "{encoding}"
[[field]]
name = "device"
source = ["meta", "a.b"]
type = "string"
role = "dimension"
[[field]]
name = "level"
type = "float32"
role = "measure"
required = false
[[field]]
name = "count"
source = "data.count"
type = "int64"
role = "measure"
required = false
[[field]]
name = "ok"
type = "bool"
role = "measure"
required = false
"""
    )
    row = {"at": 1_769_862_600_123, "device": "ü", "level": 0.1, "count": -(2**63), "ok": None}
    table = pa.Table.from_pylist([row], schema=schema.arrow)
    (row,) = table.to_pylist()
    payload = json.dumps(document(row, schema)).encode()
    decoded = iotstream.decode([payload], schema)
    assert decoded.rejects.to_pylist() == []
    assert decoded.data.to_pylist() == [row]


# Against the strict local Timestream


@pytest.fixture(scope="module")
def program():
    found = ServiceProcess(
        "iotstream.local.timestream", ["--port", "0", "--database", DATABASE, "--table", TABLE]
    )
    yield found
    assert found.stop() == 0


@pytest.fixture
def url(program, monkeypatch):
    url = f"http://127.0.0.1:{program.port}"
    for name, value in (AWS | {"AWS_ENDPOINT_URL_TIMESTREAM_WRITE": url}).items():
        monkeypatch.setenv(name, value)
    return url


def ask(url, sql):
    client = boto3.client("timestream-query", endpoint_url=url)
    answer = client.query(QueryString=sql)
    return [[one.get("ScalarValue") for one in row["Data"]] for row in answer["Rows"]]


class Failing:
    """Timestream that can be switched off."""

    name = "timestream"

    def __init__(self, inner):
        self.inner = inner
        self.is_down = False

    def write(self, batch):
        if self.is_down:
            raise SinkUnavailable("switched off")
        return self.inner.write(batch)

    def close(self):
        self.inner.close()


def item(now, temperature, device="d1"):
    return json.dumps(
        {"timestamp": now, "deviceId": device, "temperature": temperature, "humidity": 1.0}
    ).encode()


@pytest.mark.parametrize(
    ("pushes", "expected"),
    [
        # (value, sink is down, closes the span); the last that arrived must stand
        ([(1.0, True, True), (2.0, False, True)], 2.0),
        ([(1.0, False, True), (2.0, True, True)], 2.0),
        ([(1.0, False, False), (2.0, True, True)], 2.0),
        ([(1.0, True, False), (2.0, False, True)], 2.0),
        ([(1.0, True, True), (2.0, True, True)], 2.0),
        ([(1.0, True, False), (2.0, True, False), (3.0, True, True)], 3.0),
        ([(1.0, False, False), (2.0, True, True), (3.0, False, True)], 3.0),
    ],
)
def test_the_last_version_wins(tmp_path, url, pushes, expected, request):
    """One series and time, written by pushes of which Timestream missed some; then the lake's are sent."""
    table = f"versions{abs(hash(request.node.name)) % 10**9}"
    boto3.client("timestream-write", endpoint_url=url).create_table(DatabaseName=DATABASE, TableName=table)
    target = Failing(
        TimestreamSink(iotstream.Schema.load(), TimestreamSettings(database=DATABASE, table=table))
    )
    lake = Lake(tmp_path, hot=[target])
    now = int(time.time() * 1000)
    for number, (value, is_down, closes) in enumerate(pushes):
        if number == 0 or pushes[number - 1][2]:
            writer = lake.writer(SHARDS[0], read_after=None)
        target.is_down = is_down
        raw = raw_batch([item(now, value)], arrival_ms=now + number, first=FIRST + number, shard_id=SHARDS[0])
        writer._pauses["timestream"].end()  # it is looked at again
        writer.push(raw, 0.0)
        if closes:
            writer.drain()
    target.is_down = False
    for _ in range(2):
        run(lake, target)
        assert ask(url, f'SELECT temperature FROM "{DATABASE}"."{table}"') == [[str(expected)]]
    target.close()
    assert lake.audit(deep=True).ok


def iotstream_command(lake, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IOTSTREAM_")}
    places = {
        "IOTSTREAM_LAKE_URI": f"file://{lake.directory}/lake",
        "IOTSTREAM_QUARANTINE_URI": f"file://{lake.directory}/quarantine",
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean | places | environment,
    )


def test_the_command(tmp_path, url):
    now = int(time.time() * 1000)
    lake = Lake(tmp_path, hot=[sink(down=ALWAYS)])
    writer = lake.writer(SHARDS[0])
    for number in range(2):
        raw = raw_batch(
            [item(now - index, float(index), f"command{number}") for index in range(250)]
            + [item(now - 7 * 3_600_000, 1.0, "old")],
            arrival_ms=now + number,
            first=FIRST + 300 * number,
            shard_id=SHARDS[0],
        )
        writer.push(raw, 0.0)
        writer.drain()
    aws = {
        "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": url,
        "IOTSTREAM_TIMESTREAM_DATABASE": DATABASE,
        "IOTSTREAM_TIMESTREAM_TABLE": TABLE,
        "IOTSTREAM_TIMESTREAM_DEADLINE_S": "1",
    }
    before = files(lake)
    dry = iotstream_command(lake, "backfill", "--dry-run", "--json", **aws)
    assert (dry.returncode, files(lake)) == (0, before)
    assert len(json.loads(dry.stdout)["waiting"]) == 2
    off = iotstream_command(lake, "backfill", "--json")
    assert off.returncode == 1
    assert "IOTSTREAM_TIMESTREAM_DATABASE" in off.stderr
    assert len(json.loads(off.stdout)["waiting"]) == 2
    down = iotstream_command(
        lake, "backfill", **(aws | {"AWS_ENDPOINT_URL_TIMESTREAM_WRITE": "http://127.0.0.1:9"})
    )
    assert down.returncode == 1
    assert files(lake) == before
    done = iotstream_command(lake, "backfill", "--json", "--sink", "timestream", **aws)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["spans"], facts["rows"], facts["refused"], facts["waiting"]) == (2, 502, 2, [])
    sql = f'SELECT count(*) FROM "{DATABASE}"."{TABLE}" WHERE device_id LIKE \'command%\''
    assert ask(url, sql) == [["500"]]
    again = iotstream_command(lake, "backfill", **aws)
    assert (again.returncode, again.stdout) == (0, "sent: 0 spans; waiting: 0 spans with 0 rows\n")
    assert lake.audit(deep=True).notes == []
