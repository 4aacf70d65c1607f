"""`iotstream consume` with the real daemon: what is put is in the lake, once, whatever happens."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import psutil
import pytest
from harness import TIMEOUT_S, Consumer, aggregate, all_once, devices, payloads
from prometheus_client.parser import text_string_to_metric_families

MIB = 1 << 20
HANDLER = Path(__file__).parents[3] / "handlers" / "kcl_consumer.py"


@pytest.fixture(scope="module", autouse=True)
def unprepared(stack, tmp_path_factory):
    """A consumer without a lease table, for which KCL waits 1 to 30 s: begun first, looked at last."""
    directory = tmp_path_factory.mktemp("unprepared") / "with blanks & ümlauts"
    directory.mkdir()
    stack.create("fresh", 1)
    stack.put("fresh", payloads("before", 10))
    time.sleep(1.1)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    stack.put("fresh", payloads("after", 10))
    one = Consumer(
        stack,
        directory,
        "fresh",
        command=(str(HANDLER),),
        settings={
            "IOTSTREAM_JOURNAL_RUN": "again",
            "IOTSTREAM_CONSUMER_INITIAL_POSITION": moment,
            "IOTSTREAM_CONSUMER_RETRIEVAL": "fanout",
            "TMPDIR": str(directory),
        },
    )
    yield one, directory
    one.close()


def rows(directory):
    return sum(devices(directory).values())


def samples(consumer):
    code, text = consumer.get("/metrics")
    assert code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def spans(directory):
    return [json.loads(path.read_bytes()) for path in (directory / "lake" / "spans").rglob("*.json")]


def gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_eight_shards_once_over_a_stop_a_split_and_a_merge(stack, consume, tmp_path):
    stack.create("eight", 8)
    stack.prime("eight", "eight")
    stack.put("eight", payloads("a", 4000))
    one = consume("eight", settings={"IOTSTREAM_CONSUMER_METRICS_EVERY_S": "1"})
    # All is open until its age, 1 s, is reached; the shards are idle then.
    one.until(lambda: rows(tmp_path) == 4000, "all rows")
    one.until(lambda: samples(one)[("iotstream_spans_total",)] >= 8, "spans closed by age")
    assert len(one.shard_processes()) == 8
    code, body = one.get("/health")
    assert code == 200
    found = samples(one)
    assert found[("iotstream_records_total",)] == 4000
    assert found[("iotstream_shards",)] == len(json.loads(body)["shards"]) == 8
    assert {key[1] for key in found if key[0] == "iotstream_lag_seconds"} == set(json.loads(body)["shards"])

    # User records of a KPL aggregate, also of keys that belong to other shards.
    stack.put("eight", [aggregate(payloads("kpl", 300))], shard=5)
    stack.put("eight", [b"not json"], shard=2)
    one.until(lambda: rows(tmp_path) == 4300, "the aggregate's rows")
    stack.put("eight", payloads("b", 1000))
    one.until(lambda: samples(one)[("iotstream_records_total",)] == 5301, "everything read")
    assert one.messages("ERROR") == []
    assert one.stop() == 0, one.log()
    assert devices(tmp_path) == all_once(("a", 4000), ("kpl", 300), ("b", 1000))
    assert sum(line["Rows"] for line in one.metrics) == 5300
    assert sum(line.get("Rejects.not_json", 0) for line in one.metrics) == 1
    assert {line["Application"] for line in one.metrics} == {"eight"}
    last = {}
    for span in spans(tmp_path):
        number = int(span["last"].partition(".")[0])
        last[span["shard_id"]] = max(last.get(span["shard_id"], 0), number)
    assert {name: int(lease["checkpoint"]) for name, lease in stack.leases("eight").items()} == last

    two = consume("eight", settings={"IOTSTREAM_CONSUMER_SHUTDOWN_S": "25"})
    two.until(lambda: samples(two)[("iotstream_shards",)] == 8, "all shards again")
    first, second = stack.shards("eight")[:2]
    middle = str(int(first["HashKeyRange"]["EndingHashKey"]) // 2)
    stack.kinesis.split_shard(StreamName="eight", ShardToSplit=first["ShardId"], NewStartingHashKey=middle)
    stack.put("eight", payloads("c", 1000))
    two.until(lambda: rows(tmp_path) == 6300, "rows of the split shard's children")
    upper = stack.shards("eight")[9]
    stack.kinesis.merge_shards(
        StreamName="eight", ShardToMerge=upper["ShardId"], AdjacentShardToMerge=second["ShardId"]
    )
    stack.put("eight", payloads("d", 1000))
    two.until(lambda: rows(tmp_path) == 7300, "rows of the merged shard")
    two.until(lambda: samples(two)[("iotstream_records_total",)] == 2000, "no record but the new ones")
    assert two.messages("ERROR") == []
    began = time.monotonic()
    assert two.stop(signal.SIGINT) == 0, two.log()
    assert time.monotonic() - began < 20  # KCL would wait all its grace, 23 s, for the shards that have ended
    everything = [("a", 4000), ("kpl", 300), ("b", 1000), ("c", 1000), ("d", 1000)]
    assert devices(tmp_path) == all_once(*everything)
    assert {int(span["shard_id"][-2:]) for span in spans(tmp_path)} == set(range(11))
    firsts = [span for span in spans(tmp_path) if span["previous"] is None]
    assert {span["read_after"] for span in firsts} == {"TRIM_HORIZON"}


def test_a_stop_before_anything_is_read(stack, consume):
    stack.create("early", 1)
    stack.prime("early", "early")
    one = consume("early", settings={"IOTSTREAM_CONSUMER_SHUTDOWN_S": "25"})
    assert one.daemon.is_running()
    began = time.monotonic()
    assert one.stop() == 0, one.log()
    assert time.monotonic() - began < 15  # not KCL's whole grace either


def test_what_fails_ends_it_and_a_restart_recovers(stack, consume, tmp_path):
    stack.create("failing", 2)
    stack.prime("failing", "failing")
    stack.put("failing", payloads("a", 2000))

    # A sink that is down. No directory can be made where a file is.
    (tmp_path / "lake").mkdir()
    blocked = tmp_path / "lake" / "data"
    blocked.touch()
    one = consume("failing", settings={"IOTSTREAM_RETRY_DEADLINE_S": "1"})
    assert one.wait() == 1
    assert any("SinkUnavailable" in line for line in one.messages("ERROR"))
    assert {lease["checkpoint"] for lease in stack.leases("failing").values()} == {"TRIM_HORIZON"}
    blocked.unlink()

    # A shard's process that is killed, while what came last is open.
    long = {"IOTSTREAM_SPAN_MAX_AGE_S": "600"}
    two = consume("failing", settings=long)
    two.until(lambda: samples(two)[("iotstream_shards",)] == 2, "both shards")
    stack.put("failing", payloads("b", 2000))
    two.until(lambda: samples(two)[("iotstream_records_total",)] >= 2000, "everything read")
    victim, _ = two.shard_processes()
    victim.kill()
    assert two.wait() == 1
    assert any(f"process {victim.pid} of shardId" in line for line in two.messages("ERROR"))
    assert "leadership given back" in two.messages()
    assert rows(tmp_path) < 4000

    # Too little memory for two shards: spans close at their least size, long before their age.
    three = consume("failing", settings={**long, "IOTSTREAM_CONSUMER_MEMORY_BYTES": str(64 * MIB)})
    three.until(lambda: samples(three)[("iotstream_shards",)] == 2, "both shards")
    assert any("IOTSTREAM_CONSUMER_MEMORY_BYTES" in line for line in three.messages("WARNING"))
    time.sleep(1.5)  # until the shares are told
    for shard in (0, 1):
        # Each record is an array of 1,000 items: some 6 MiB of columns in each shard.
        items = payloads(f"{shard}-" + "x" * 200, 25_000)
        packed = [b"[" + b",".join(items[at : at + 1000]) + b"]" for at in range(0, len(items), 1000)]
        stack.put("failing", packed, shard=shard)
    three.until(lambda: rows(tmp_path) > 30_000, "spans closed early in both shards")
    found = devices(tmp_path)
    assert set(found.values()) == {1}
    assert all_once(("a", 2000), ("b", 2000)) <= found

    # A parent that is killed takes everything with it.
    family = [three.daemon, *three.shard_processes()]
    three.process.kill()
    assert three.wait() == -signal.SIGKILL
    deadline = time.monotonic() + TIMEOUT_S
    while not all(map(gone, family)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(map(gone, family))


def test_a_run_with_nothing_prepared_from_a_directory_with_blanks(stack, unprepared):
    """Tables are made by KCL; a run has its own; fan-out; the program for containers."""
    one, directory = unprepared
    lake = directory / "lake" / "runs" / "again"
    one.until(lambda: list(lake.glob("data/**/*.parquet")), "rows")
    assert one.stop() == 0, one.log()
    (span,) = [json.loads(path.read_bytes()) for path in lake.glob("spans/**/*.json")]
    assert (span["rows"], span["read_after"], span["application"]) == (10, "AT_TIMESTAMP", "fresh@again")
    assert "fresh-again" in stack.dynamodb.list_tables()["TableNames"]
