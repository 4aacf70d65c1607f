"""The Lambda handler with the span journal: exactly once, however the runtime cuts the stream."""

import base64
import json
import time
from collections import Counter

import pyarrow.dataset as ds

from iotstream.errors import ClaimLost, SinkUnavailable
from iotstream.journal.base import ShardKey
from iotstream.journal.sqlite import SqliteJournal
from iotstream.settings import Settings
from iotstream.shard_lake import ShardLake
from iotstream.sources.lambda_handler import STEP_BYTES, KinesisHandler
from iotstream.testing import LambdaContext, kpl_aggregate

SHARD = "shardId-000000000000"


def handler(tmp_path):
    """A function of its own each time, as after a cold start."""
    environ = {
        "IOTSTREAM_LAKE_URI": f"file://{tmp_path}/lake",
        "IOTSTREAM_JOURNAL_URI": f"sqlite://{tmp_path}/journal.db",
    }
    return KinesisHandler(Settings.load(environ), emit=lambda _: None)


def item(n, padding=""):
    return json.dumps(
        {"timestamp": time.time(), "deviceId": "a", "temperature": n, "humidity": 2, "x": padding}
    ).encode()


def event(kinesis, start=0, stop=None):
    """What Lambda makes of the shard's records of these places."""
    iterator = kinesis.call("GetShardIterator", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    records = kinesis.client.get_records(ShardIterator=iterator, Limit=10_000)["Records"][start:stop]
    return {
        "Records": [
            {
                "eventID": f"{SHARD}:{one['SequenceNumber']}",
                "eventSourceARN": kinesis.arn,
                "kinesis": {
                    "sequenceNumber": one["SequenceNumber"],
                    "data": base64.b64encode(one["Data"]).decode(),
                    "approximateArrivalTimestamp": one["ApproximateArrivalTimestamp"].timestamp(),
                },
            }
            for one in records
        ]
    }


def temperatures(tmp_path):
    table = ds.dataset(tmp_path / "lake/data", format="parquet", partitioning="hive").to_table()
    return Counter(int(t) for t in table["temperature"].to_pylist())


def manifests(tmp_path):
    files = sorted((tmp_path / "lake/spans/s" / SHARD).glob("*.json"))
    return [json.loads(one.read_text()) for one in files]


def test_batches_cut_anew_leave_every_item_once(kinesis, tmp_path):
    kinesis.put(*(item(n) for n in range(40)), kpl_aggregate([item(40), item(41)]), b"bad")
    for start, stop in ((0, 10), (5, 30), (0, 3), (20, 42), (0, 42)):
        assert handler(tmp_path)(event(kinesis, start, stop), LambdaContext()) == {"batchItemFailures": []}
    assert temperatures(tmp_path) == Counter(range(42))
    spans = manifests(tmp_path)
    assert [one["previous"] for one in spans] == [None, *(one["last"] for one in spans[:-1])]
    assert [one["records"] for one in spans] == [10, 20, 13]
    assert spans[-1]["kinesis_records"] == 12
    assert spans[-1]["rejects"] == {"not_json": 1}
    assert {one["read_after"] for one in spans} == {None}


def test_a_span_left_half_done_is_finished_by_the_next_invocation(kinesis, tmp_path, monkeypatch):
    kinesis.put(*(item(n) for n in range(30)))
    with monkeypatch.context() as patched:
        patched.setattr(ShardLake, "_finish", lambda *_: (_ for _ in ()).throw(SinkUnavailable("down")))
        (failure,) = handler(tmp_path)(event(kinesis, 0, 20), LambdaContext())["batchItemFailures"]
    assert failure["itemIdentifier"] == event(kinesis)["Records"][0]["kinesis"]["sequenceNumber"]
    # The runtime cuts the stream elsewhere; the first twenty are one span all the same.
    assert handler(tmp_path)(event(kinesis, 0, 7), LambdaContext()) == {"batchItemFailures": []}
    assert [one["records"] for one in manifests(tmp_path)] == [20]
    assert handler(tmp_path)(event(kinesis, 7, 30), LambdaContext()) == {"batchItemFailures": []}
    assert temperatures(tmp_path) == Counter(range(30))
    assert [one["records"] for one in manifests(tmp_path)] == [20, 10]


def test_what_there_is_no_time_for_is_reported(kinesis, tmp_path):
    class Hurried(LambdaContext):
        looks = 0

        def get_remaining_time_in_millis(self):
            # Plenty at first; after a step there is none.
            self.looks += 1
            return 60_000 if self.looks == 1 else 100

    padding = "x" * 50_000
    kinesis.put(*(item(n, padding) for n in range(3 * STEP_BYTES // 50_000)))
    whole = event(kinesis)
    run, context = handler(tmp_path), Hurried()
    (failure,) = run(whole, context)["batchItemFailures"]
    numbers = [one["kinesis"]["sequenceNumber"] for one in whole["Records"]]
    done = numbers.index(failure["itemIdentifier"])
    assert 0 < done < len(numbers)
    assert temperatures(tmp_path) == Counter(range(done))
    assert run(event(kinesis, done), LambdaContext()) == {"batchItemFailures": []}
    assert temperatures(tmp_path) == Counter(range(len(numbers)))


def test_a_lost_claim_reports_the_batch(kinesis, tmp_path, monkeypatch):
    kinesis.put(item(1))
    with monkeypatch.context() as patched:
        patched.setattr(
            SqliteJournal, "intend", lambda *_: (_ for _ in ()).throw(ClaimLost("another has the shard"))
        )
        assert len(handler(tmp_path)(event(kinesis), LambdaContext())["batchItemFailures"]) == 1
    assert handler(tmp_path)(event(kinesis), LambdaContext()) == {"batchItemFailures": []}
    assert temperatures(tmp_path) == Counter([1])


def test_a_stream_that_cannot_be_read_reports_the_batch(kinesis, tmp_path):
    kinesis.put(item(1))
    whole = event(kinesis)
    for record in whole["Records"]:
        record["eventSourceARN"] = kinesis.arn.replace("/s", "/no-such-stream")
    assert len(handler(tmp_path)(whole, LambdaContext())["batchItemFailures"]) == 1


def test_the_journal_names_the_shard(kinesis, tmp_path):
    numbers = kinesis.put(item(1), item(2))
    handler(tmp_path)(event(kinesis), LambdaContext())
    created = kinesis.call("DescribeStreamSummary")["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    journal = SqliteJournal(tmp_path / "journal.db")
    (state,) = journal.shards(ShardKey("iotstream", kinesis.arn, round(created * 1000), "").group).values()
    journal.close()
    assert state.committed.sequence_number == numbers[-1]
    assert state.intent is None
    owner = json.loads((tmp_path / "lake/owner.json").read_text())
    assert (owner["application"], owner["consumer"]) == ("iotstream", "lambda")
