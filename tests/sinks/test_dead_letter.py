import base64
import gzip
import json

import obstore
from obstore.store import MemoryStore

import iotstream
from iotstream.batch import Batch, DeadLetter
from iotstream.pipeline import to_batch
from iotstream.rejects import Reason, Reject
from iotstream.sinks.dead_letter import DeadLetterSink
from iotstream.sinks.objects import Store
from iotstream.testing import FIRST_SEQUENCE_NUMBER, SHARD_ID, raw_batch

SCHEMA = iotstream.Schema.load()
DAY_MS = 1_734_604_200_000  # 2024-12-19T10:30:00Z
NEXT_DAY_MS = DAY_MS + 86_400_000
SPAN = f"{SHARD_ID}-{FIRST_SEQUENCE_NUMBER}-{FIRST_SEQUENCE_NUMBER + 2}"


def written(batch):
    inner = MemoryStore()
    sink = DeadLetterSink(Store(uri="memory://", store=inner), SCHEMA.fingerprint)
    sink.write(batch)
    sink.write(batch)  # again: harmless
    return {
        meta["path"]: [
            json.loads(line)
            for line in gzip.decompress(obstore.get(inner, meta["path"]).bytes()).splitlines()
        ]
        for page in obstore.list(inner)
        for meta in page
    }


def batch_of(payloads, arrival_ms):
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=arrival_ms), SCHEMA))


def test_a_line_says_all_that_is_needed():
    objects = written(batch_of([b"\xff", b"{}", b"nope"], [DAY_MS + 7] * 3))
    (lines,) = objects.values()
    assert list(objects) == [f"dt=2024-12-19/{SPAN}.jsonl.gz"]
    assert lines[0] == {
        "stream": "kinesis-stream",
        "shard_id": SHARD_ID,
        "sequence_number": str(FIRST_SEQUENCE_NUMBER),
        "sub_sequence_number": 0,
        "item": 0,
        "arrival_time": "2024-12-19T10:30:00.007Z",
        "sink": "",
        "reason": "not_utf8",
        "field": "",
        "detail": lines[0]["detail"],
        "schema": SCHEMA.fingerprint,
        "payload": base64.b64encode(b"\xff").decode(),
    }
    assert [(line["reason"], line["field"]) for line in lines[1:]] == [
        ("missing", "timestamp"),
        ("not_json", ""),
    ]


def test_days_are_of_the_arrival():
    assert sorted(written(batch_of([b"1", b"2", b"3"], [DAY_MS, NEXT_DAY_MS, DAY_MS]))) == [
        f"dt=2024-12-19/{SPAN}.jsonl.gz",
        f"dt=2024-12-20/{SPAN}.jsonl.gz",
    ]


def test_an_unknown_arrival_has_a_place_too():
    ((key, (line, *_)),) = written(batch_of([b"1", b"2", b"3"], None)).items()
    assert key == f"dt=unknown/{SPAN}.jsonl.gz"
    assert line["arrival_time"] is None


def test_a_sinks_refusals_stand_beside():
    raw = raw_batch([b"1", b"2", b"3"], arrival_ms=DAY_MS)
    refused = DeadLetter.of(Reject(1, 0, Reason.SINK, "", "too old", b"2"), raw, sink="timestream")
    batch = batch_of([b"1", b"2", b"3"], DAY_MS)
    batch = Batch(data=batch.data, span=batch.span, records=3, dead_letters=[*batch.dead_letters, refused])
    objects = written(batch)
    assert sorted(objects) == [f"dt=2024-12-19/{SPAN}.jsonl.gz", f"dt=2024-12-19/{SPAN}.timestream.jsonl.gz"]
    (line,) = objects[f"dt=2024-12-19/{SPAN}.timestream.jsonl.gz"]
    assert (line["sink"], line["reason"], line["detail"]) == ("timestream", "sink", "too old")


def test_no_dead_letters_make_no_object():
    assert written(batch_of([b'{"timestamp":0,"deviceId":"a","temperature":1,"humidity":2}'], None)) == {}
