"""The sink against the strict local Timestream, in a process of its own; read back by SQL."""

import json
import time
from urllib.request import Request, urlopen

import boto3
import pytest

import iotstream
from iotstream.local.process import ServiceProcess
from iotstream.pipeline import to_batch
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.testing import raw_batch

DATABASE, TABLE = "iot_timestream_db", "iot_table"
SCHEMA = iotstream.Schema.load()
RICH = iotstream.Schema.parse(
    'name = "rich"\nversion = 1\n[limits]\nmax_age = "off"\nmax_ahead = "off"\n'
    + "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\nrole = "{role}"\nrequired = {required}\n'
        for name, kind, role, required in [
            ("at", "timestamp", "time", "true"),
            ("site", "string", "dimension", "false"),
            ("slot", "int32", "dimension", "false"),
            ("ok", "bool", "measure", "false"),
            ("count", "int64", "measure", "false"),
            ("level", "float64", "measure", "false"),
            ("note", "string", "measure", "false"),
            ("seen", "timestamp", "measure", "false"),
        ]
    )
)


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
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", url)
    yield url
    urlopen(Request(f"{url}/_iotstream/faults", method="DELETE")).close()


@pytest.fixture
def ask(url):
    client = boto3.client("timestream-query", endpoint_url=url)

    def ask(sql):
        answer = client.query(QueryString=sql)
        names = [one["Name"] for one in answer["ColumnInfo"]]
        return [
            dict(zip(names, (one.get("ScalarValue") for one in row["Data"]), strict=True))
            for row in answer["Rows"]
        ]

    return ask


@pytest.fixture
def make(url):
    made = []

    def make(schema, table):
        client = boto3.client("timestream-write", endpoint_url=url)
        if table != TABLE:
            client.create_table(DatabaseName=DATABASE, TableName=table)
        settings = TimestreamSettings(database=DATABASE, table=table, base_s=0.01, in_flight=8)
        made.append(TimestreamSink(schema, settings))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def batch_of(schema, items, arrival_ms):
    payloads = [json.dumps(item).encode() for item in items]
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=arrival_ms), schema))


def readings(rows, now):
    return [
        {"timestamp": now - row, "deviceId": f"d{row % 3}", "temperature": row / 8, "humidity": 40.0}
        for row in range(rows)
    ]


def fault(url, **facts):
    urlopen(f"{url}/_iotstream/faults", json.dumps(facts).encode()).close()


def test_rows_are_there_once_after_throttling_and_a_replay(make, url, ask):
    now = int(time.time() * 1000)
    batch = batch_of(SCHEMA, readings(1234, now), now)
    sink = make(SCHEMA, TABLE)
    fault(url, operation="WriteRecords", kind="throttle", times=20)
    fault(url, operation="WriteRecords", kind="unavailable", times=5)
    for _ in range(2):
        assert len(sink.write(batch)) == 0
    (row,) = ask(f'SELECT count(*) AS rows, sum(temperature) AS total FROM "{DATABASE}"."{TABLE}"')
    assert int(row["rows"]) == 1234
    assert float(row["total"]) == sum(row / 8 for row in range(1234))


def test_the_last_version_wins_whatever_comes_last(make, ask):
    now = int(time.time() * 1000)
    sink = make(SCHEMA, "versions")
    (item,) = readings(1, now)
    for temperature, arrival in ((1.0, now), (3.0, now + 2), (2.0, now + 1)):
        assert len(sink.write(batch_of(SCHEMA, [item | {"temperature": temperature}], arrival))) == 0
    assert [float(row["temperature"]) for row in ask(f'SELECT temperature FROM "{DATABASE}"."versions"')] == [
        3.0
    ]
    assert (sink.points, sink.superseded) == (2, 1)


def test_what_is_too_old_is_rejected_alone(make, ask):
    now = int(time.time() * 1000)
    items = readings(300, now)
    items[150]["timestamp"] = now - 7 * 3_600_000
    batch = batch_of(SCHEMA, items, now)
    (reject,) = make(SCHEMA, "old").write(batch)
    assert (reject.record, reject.item, reject.reason) == (150, 0, "sink")
    assert "retention" in reject.detail
    assert json.loads(reject.payload) == items[150]
    assert ask(f'SELECT count(*) AS rows FROM "{DATABASE}"."old"') == [{"rows": "299"}]


def test_every_type_and_every_gap_comes_back_as_it_was(make, ask):
    now = int(time.time() * 1000)
    texts = ['say "hi"\\', "ü水🌡", "line\nbreak\ttab", "\x01\x7f"]
    items = [
        {
            "at": now,
            "site": texts[0],
            "slot": 1,
            "ok": True,
            "count": -(2**63),
            "level": 5e-324,
            "note": texts[1],
        },
        {"at": now, "site": texts[2], "ok": False},
        {"at": now, "slot": 2, "level": 1.7976931348623157e308, "note": texts[3], "seen": now - 5},
        {"at": now, "site": "", "slot": 3, "note": "", "count": 2**63 - 1},
        {"at": now, "ok": True},
        {"at": now, "site": "x"},
    ]
    rejects = make(RICH, "rich").write(batch_of(RICH, items, now))
    assert [(one.record, one.detail.partition(" has")[0]) for one in rejects] == [
        (4, "no dimension"),
        (5, "no measure"),
    ]
    columns = "site, slot, ok, count, level, note"
    rows = ask(f'SELECT {columns}, seen FROM "{DATABASE}"."rich"')
    found = {(row["site"], row["slot"]): row for row in rows}
    assert set(found) == {(texts[0], "1"), (texts[2], None), (None, "2"), (None, "3")}
    first, third = found[texts[0], "1"], found[None, "2"]
    assert (first["ok"], int(first["count"]), float(first["level"]), first["note"]) == (
        "true",
        -(2**63),
        5e-324,
        texts[1],
    )
    assert (float(third["level"]), third["note"]) == (1.7976931348623157e308, texts[3])
    assert third["seen"] is not None
    assert int(found[None, "3"]["count"]) == 2**63 - 1
