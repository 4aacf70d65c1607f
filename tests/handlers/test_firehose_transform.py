import base64
import gzip
import json

import pytest

from iotstream.schema import Schema
from iotstream.sources.firehose import transform
from iotstream.testing import firehose_event

SCHEMA = Schema.load()
ARRIVAL_MS = 1_734_604_200_000
GOOD = b'{"deviceId":"test-001","temperature":23.5,"humidity":65,"timestamp":"2024-12-19T10:30:00Z"}'


def answers(*payloads):
    event = firehose_event(payloads, arrival_ms=ARRIVAL_MS)
    records = transform(event, SCHEMA)["records"]
    assert [one["recordId"] for one in records] == [one["recordId"] for one in event["records"]]
    assert all(set(one) == {"recordId", "result", "data"} for one in records)
    return [(one["result"], base64.b64decode(one["data"])) for one in records]


def test_a_record_becomes_what_the_original_made_of_it():
    ((result, data),) = answers(GOOD)
    assert result == "Ok"
    assert json.loads(data) == {
        "timestamp": "2024-12-19T10:30:00.000Z",
        "device_id": "test-001",
        "temperature": 23.5,
        "humidity": 65.0,
    }
    assert data.endswith(b"\n")


def test_packed_records_become_lines():
    packed = gzip.compress(b"[" + b",".join([GOOD] * 3) + b"]", mtime=0)
    ((result, data),) = answers(packed)
    assert (result, len(data.splitlines())) == ("Ok", 3)


def test_bad_records_fail_and_keep_their_bytes_and_leave_their_neighbours_alone():
    mixed = GOOD + b"\n{}"
    late = GOOD.replace(b"2024", b"2023")
    assert [result for result, _ in answers(GOOD, b"bad", mixed, b"", late, GOOD)] == [
        "Ok",
        "ProcessingFailed",
        "ProcessingFailed",
        "Dropped",
        "ProcessingFailed",
        "Ok",
    ]
    assert answers(mixed)[0][1] == mixed


def test_no_records():
    assert transform({"records": []}, SCHEMA) == {"records": []}


def test_another_event_is_refused():
    with pytest.raises(ValueError, match="Firehose transformation"):
        transform({"Records": []}, SCHEMA)


def test_the_file_itself(monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "handlers")
    import firehose_transform

    answer = firehose_transform.handler(firehose_event([GOOD], arrival_ms=ARRIVAL_MS), None)
    assert answer["records"][0]["result"] == "Ok"
