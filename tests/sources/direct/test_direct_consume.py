"""The program against the real local Kinesis: a lake in a directory, a journal in SQLite."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time

import pytest
from direct_world import until

from iotstream.assembly import Assembly
from iotstream.errors import SinkUnavailable
from iotstream.retry import Backoff
from iotstream.settings import Settings
from iotstream.stream_reader import StreamReader

HALF = 2**127


def test_several_shards_stop_and_go_on(make_world):
    """Rows that are only collected are written at SIGTERM; the next run reads on after them."""
    world = make_world(shards=3)
    world.send(300)
    world.send(100, pack=7)
    world.stand.put(b"not json")
    consumer = world.consume(SPAN_MAX_AGE_S="3600")
    until(lambda: b"iotstream_records_total 401.0" in consumer.get("/metrics"), 20)
    assert world.rows() == []

    assert consumer.stop() == 0

    world.check_rows()
    letters = [path.read_bytes() for path in world.directory.glob("lake/quarantine/**/*") if path.is_file()]
    assert len(letters) == 1
    world.send(200)
    again = world.consume()
    world.wait_for_rows()
    assert json.loads(again.get("/health"))["detail"] == "reading 3 shards"
    assert b"iotstream_records_total 200.0" in again.get("/metrics")
    assert again.stop() == 0
    assert world.claims() == {"00": 2, "01": 2, "02": 2}
    assert world.gaps() == []


def test_killed_in_the_middle(make_world):
    """Again and again: what was written in part is finished, and nothing is written twice."""
    world = make_world(shards=2)
    sender = threading.Thread(target=lambda: [world.send(10, pack=2) for _ in range(150)])
    sender.start()
    for round_number in range(3):
        before = len(world.rows())
        consumer = world.consume(SPAN_MAX_ROWS="25")
        until(lambda before=before: len(world.rows()) > before, 20)
        time.sleep(0.1 * round_number)
        consumer.signal(signal.SIGKILL)
        assert consumer.end() == -signal.SIGKILL
        sender.join(0 if round_number < 2 else 60)
        world.send(10)
    sender.join()

    consumer = world.consume()
    world.wait_for_rows()

    assert consumer.stop() == 0
    world.check_rows()
    assert world.gaps() == []


def test_split_and_merge_while_it_runs(make_world):
    world = make_world(shards=1)
    consumer = world.consume()
    world.send(50)
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(0), NewStartingHashKey=str(HALF))
    world.send(50, hash_key=0)
    world.send(50, hash_key=HALF)
    world.wait_for_rows()
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(1), NewStartingHashKey=str(HALF // 2))
    world.stand.call("MergeShards", ShardToMerge=world.shard_of(4), AdjacentShardToMerge=world.shard_of(2))
    world.send(100)
    world.wait_for_rows()

    health = json.loads(consumer.get("/health"))

    assert (health["detail"], [one[-1] for one in health["shards"]]) == ("reading 2 shards", ["3", "5"])
    ended = [line["message"][:20][-1] for line in consumer.log() if "read to its end" in line["message"]]
    assert ended[0] == "0"
    assert sorted(ended) == ["0", "1", "2", "4"]
    assert consumer.stop() == 0

    again = world.consume()
    world.send(20)
    world.wait_for_rows()
    assert again.stop() == 0
    assert world.claims() == {"00": 1, "01": 1, "02": 1, "03": 2, "04": 1, "05": 2}
    assert world.gaps() == []


def test_resharded_while_it_was_down(make_world):
    """A parent is read to its end, also records of before, and its children begin at their first record."""
    world = make_world(shards=1)
    read_and_stop(world, 10)
    world.send(10)
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(0), NewStartingHashKey=str(HALF))
    world.send(10)

    read_and_stop(world, 10, CONSUMER_INITIAL_POSITION="LATEST")

    assert world.claims() == {"00": 2, "01": 1, "02": 1}
    assert world.gaps() == []


def read_and_stop(world, count, **settings):
    consumer = world.consume(**settings)
    world.send(count)
    world.wait_for_rows()
    assert consumer.stop() == 0


def test_from_latest_the_children_lose_nothing(make_world):
    world = make_world(shards=1)
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(0), NewStartingHashKey=str(HALF))
    world.send(40)
    world.sent.clear()
    consumer = world.consume(CONSUMER_INITIAL_POSITION="LATEST")
    until(lambda: json.loads(consumer.get("/health"))["detail"] == "reading 2 shards", 20)
    time.sleep(0.5)  # the first iterators

    world.stand.call("SplitShard", ShardToSplit=world.shard_of(1), NewStartingHashKey=str(HALF // 2))
    world.send(60)
    world.wait_for_rows()

    assert consumer.stop() == 0
    assert world.claims() == {"01": 1, "02": 1, "03": 1, "04": 1}


def test_from_a_moment(make_world):
    """Also the children of a shard that ended after it."""
    world = make_world(shards=1)
    world.send(10)
    world.sent.clear()
    world.stand.clock.advance(50)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(world.stand.clock()))
    world.stand.clock.advance(50)
    world.send(10)
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(0), NewStartingHashKey=str(HALF))
    world.send(10)

    consumer = world.consume(CONSUMER_INITIAL_POSITION=moment)
    world.wait_for_rows()

    assert consumer.stop() == 0
    assert world.claims() == {"00": 1, "01": 1, "02": 1}


def test_a_shard_that_expired_before_it_was_read_is_a_gap(make_world):
    world = make_world(shards=1)
    read_and_stop(world, 10)
    kept = list(world.sent)
    world.send(10)
    world.stand.call("SplitShard", ShardToSplit=world.shard_of(0), NewStartingHashKey=str(HALF))
    world.stand.clock.advance(86_401)
    world.sent = kept

    read_and_stop(world, 10)

    (gap,) = world.gaps()
    assert json.loads(gap.read_bytes())["cause"] == "resumed_beyond"
    assert gap.parent.name == world.shard_of(0)
    read_and_stop(world, 10)
    assert world.gaps() == [gap]


def test_on_after_a_span_that_was_intended(make_world, monkeypatch):
    """The first span of a shard read from LATEST on, written in part: it is finished, and there is no gap."""
    world = make_world(shards=1)
    environment = world.environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world.send(10)
    assembly = Assembly(Settings.load(environment))
    pipeline = assembly.pipeline(stream="s", shard_id=world.shard_of(0), read_after="LATEST")
    reader = StreamReader.open(backoff=Backoff())
    for raw in reader.read_retained("s", world.shard_of(0)):
        pipeline.push(raw, 0.0)
    reader.close()
    monkeypatch.setattr(type(assembly.lake), "put_new", unavailable)
    with pytest.raises(SinkUnavailable):
        pipeline.drain()
    assembly.close()
    assert world.rows() == []

    read_and_stop(world, 10, CONSUMER_INITIAL_POSITION="LATEST")

    assert world.gaps() == []


def unavailable(*_, **__):
    raise SinkUnavailable("the lake is down")


def test_troubles_of_the_service(make_world):
    world = make_world(shards=2)
    for number, error in enumerate(
        (
            "ProvisionedThroughputExceededException",
            "ExpiredIteratorException",
            "InternalFailureException",
            "ConnectionLost",
        )
    ):
        world.stand.fault("GetRecords", error=error, probability=0.15, seed=number)
        world.stand.fault("GetShardIterator", error=error, probability=0.1, seed=number, count=5)
    consumer = world.consume(RETRY_BASE_S="0.01", RETRY_CAP_S="0.1")
    for _ in range(20):
        world.send(25, pack=3)
        time.sleep(0.05)
    world.wait_for_rows()

    struck = sum(fault["struck"] for fault in world.stand.kinesis.faults.report())

    assert struck > 3
    assert consumer.stop() == 0
    world.check_rows()


def test_the_service_limits(make_world):
    """Two consumers of other kinds may read too: ours keeps within its 5 calls a second."""
    world = make_world(shards=1, limits=True)
    consumer = world.consume()
    for _ in range(10):
        world.send(50)
        time.sleep(0.2)
    world.wait_for_rows()

    assert consumer.stop() == 0
    assert not [line for line in consumer.log() if line["level"] in {"WARNING", "ERROR"}]


def test_the_later_claim_wins(make_world):
    world = make_world(shards=2)
    first = world.consume()
    world.send(50)
    world.wait_for_rows()

    second = world.consume()
    second.wait_for("reading from")
    until(lambda: world.claims() == {"00": 2, "01": 2}, 10)
    for _ in range(10):
        world.send(20)
        time.sleep(0.1)

    assert first.end() == 1
    assert [line for line in first.log() if "ClaimLost" in line["message"]]
    world.wait_for_rows()
    assert second.stop() == 0
    world.check_rows()
    assert world.gaps() == []


def test_a_shard_that_fails_ends_the_process_and_the_others_cleanly(make_world):
    world = make_world(shards=2)
    consumer = world.consume(SPAN_MAX_AGE_S="3600")
    world.send(100)
    until(lambda: b"iotstream_records_total 100.0" in consumer.get("/metrics"), 20)

    world.stand.fault("GetRecords", error="AccessDeniedException", message="no right", count=1)

    assert consumer.end() == 1
    rows = world.rows()
    assert 0 < len(rows) < 100  # of the other shard
    assert [line["message"] for line in consumer.log() if "no right" in line["message"]]
    assert world.consume().wait_for("reading from")
    world.wait_for_rows()


def test_a_stream_that_is_not_there(make_world):
    world = make_world()
    consumer = world.consume(STREAM_NAME="other")

    assert consumer.end() == 1
    assert any("'other'" in line["message"] and "stream.name" in line["message"] for line in consumer.log())


def test_stopped_before_the_service_answers(make_world):
    world = make_world()
    world.stand.fault("DescribeStreamSummary", error="ServiceUnavailable")
    consumer = world.consume()
    consumer.wait_for("consuming")
    time.sleep(0.2)

    began = time.monotonic()

    assert consumer.stop() == 0
    assert time.monotonic() - began < 5


def test_a_write_that_hangs_does_not_hold_up_the_stop(make_world):
    world = make_world()
    consumer = world.consume(SPAN_MAX_AGE_S="3600", CONSUMER_SHUTDOWN_S="1")
    world.send(10)
    until(lambda: b"iotstream_records_total 10.0" in consumer.get("/metrics"), 20)
    lock = sqlite3.connect(world.directory / "journal.sqlite", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()

    assert consumer.stop() == 1

    assert time.monotonic() - began < 6
    assert any("consumer.shutdown_s" in line["message"] for line in consumer.log())
    lock.close()
    assert world.rows() == []
    world.consume()
    world.wait_for_rows()
