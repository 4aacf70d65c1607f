"""`iotstream consume` with the real daemon: what is put is in the lake, once, whatever happens."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from harness import TIMEOUT_S, aggregate, all_once, devices, payloads
from prometheus_client.parser import text_string_to_metric_families

MIB = 1 << 20
HANDLER = Path(__file__).parents[3] / "handlers" / "kcl_consumer.py"


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


def test_eight_shards_exactly_once_over_a_stop_and_a_crash(stack, consume, tmp_path):
    stack.create("eight", 8)
    stack.prime("eight", "eight")
    stack.put("eight", payloads("a", 4000))
    one = consume(
        "eight",
        settings={
            "IOTSTREAM_CONSUMER_MEMORY_BYTES": str(2048 * MIB),
            "IOTSTREAM_CONSUMER_METRICS_EVERY_S": "1",
        },
    )
    # All is open until its age, 1 s, is reached; the shards are idle then.
    one.until(lambda: rows(tmp_path) == 4000, "all rows")
    one.until(lambda: samples(one)[("iotstream_spans_total",)] >= 8, "spans closed by age")
    assert len(one.shard_processes()) == 8
    code, body = one.get("/health")
    assert code == 200
    assert len(json.loads(body)["shards"]) == 8
    found = samples(one)
    assert found[("iotstream_records_total",)] == 4000
    assert found[("iotstream_shards",)] == 8
    assert {key[1] for key in found if key[0] == "iotstream_lag_seconds"} == set(json.loads(body)["shards"])

    # User records of a KPL aggregate, also of keys that belong to other shards.
    stack.put("eight", [aggregate(payloads("kpl", 300))], shard=5)
    stack.put("eight", [b"not json"], shard=2)
    one.until(lambda: rows(tmp_path) == 4300, "the aggregate's rows")
    stack.put("eight", payloads("b", 1000))
    one.until(lambda: samples(one)[("iotstream_records_total",)] == 5301, "everything read")
    assert one.stop() == 0
    assert devices(tmp_path) == all_once(("a", 4000), ("kpl", 300), ("b", 1000))
    assert sum(line["Rows"] for line in one.metrics) == 5300
    assert sum(line["Rejects.not_json"] for line in one.metrics if "Rejects.not_json" in line) == 1
    assert {line["Application"] for line in one.metrics} == {"eight"}
    checkpoints = {name: int(one["checkpoint"]) for name, one in stack.leases("eight").items()}
    last = {}
    for span in spans(tmp_path):
        number = int(span["last"].partition(".")[0])
        last[span["shard_id"]] = max(last.get(span["shard_id"], 0), number)
    assert checkpoints == last

    # Nothing comes twice; a parent that is killed takes everything with it.
    two = consume("eight")
    two.until(lambda: samples(two)[("iotstream_shards",)] == 8, "all shards again")
    stack.put("eight", payloads("c", 1000))
    two.until(lambda: rows(tmp_path) == 6300, "the further rows")
    assert samples(two)[("iotstream_records_total",)] == 1000
    family = [two.daemon, *two.shard_processes()]
    two.process.kill()
    assert two.wait() == -signal.SIGKILL
    deadline = time.monotonic() + TIMEOUT_S
    while not all(map(gone, family)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(map(gone, family))
    assert devices(tmp_path) == all_once(("a", 4000), ("kpl", 300), ("b", 1000), ("c", 1000))


def test_split_and_merge(stack, consume, tmp_path):
    stack.create("resharded", 2)
    stack.prime("resharded", "resharded")
    one = consume("resharded")
    stack.put("resharded", payloads("a", 500))
    one.until(lambda: rows(tmp_path) == 500, "rows of the first shards")
    first, second = stack.shards("resharded")
    middle = str(int(first["HashKeyRange"]["EndingHashKey"]) // 2)
    stack.kinesis.split_shard(
        StreamName="resharded", ShardToSplit=first["ShardId"], NewStartingHashKey=middle
    )
    stack.put("resharded", payloads("b", 500))
    one.until(lambda: rows(tmp_path) == 1000, "rows of the split shard's children")
    upper = stack.shards("resharded")[3]
    stack.kinesis.merge_shards(
        StreamName="resharded", ShardToMerge=upper["ShardId"], AdjacentShardToMerge=second["ShardId"]
    )
    stack.put("resharded", payloads("c", 500))
    one.until(lambda: rows(tmp_path) == 1500, "rows of the merged shard")
    assert one.stop() == 0
    assert devices(tmp_path) == all_once(("a", 500), ("b", 500), ("c", 500))
    assert {span["shard_id"][-1] for span in spans(tmp_path)} == {"0", "1", "2", "3", "4"}
    # Children begin at their start, and only where all before is durable.
    firsts = [span for span in spans(tmp_path) if span["previous"] is None]
    assert {span["read_after"] for span in firsts} == {"TRIM_HORIZON"}
    assert one.messages("ERROR") == []


def test_a_shards_process_that_is_killed_ends_the_daemon_and_a_restart_recovers(stack, consume, tmp_path):
    stack.create("killed", 2)
    stack.prime("killed", "killed")
    stack.put("killed", payloads("a", 2000))
    # Spans are long: everything is open when the process is killed, but for what the other one writes.
    one = consume("killed", settings={"IOTSTREAM_SPAN_MAX_AGE_S": "600"})
    one.until(lambda: samples(one).get(("iotstream_records_total",)) == 2000, "everything read")
    assert rows(tmp_path) == 0
    victim, _ = one.shard_processes()
    victim.kill()
    assert one.wait() == 1
    assert any(f"process {victim.pid} of shardId" in line for line in one.messages("ERROR"))
    assert 0 < rows(tmp_path) < 2000  # the other shard was handed over
    two = consume("killed")
    two.until(lambda: rows(tmp_path) == 2000, "all rows")
    assert two.stop(signal.SIGINT) == 0
    assert devices(tmp_path) == all_once(("a", 2000))


def test_a_sink_that_stays_down_ends_it_and_nothing_is_passed_over(stack, consume, tmp_path):
    stack.create("down", 1)
    stack.prime("down", "down")
    stack.put("down", payloads("a", 100))
    one = consume(
        "down",
        settings={
            "IOTSTREAM_RETRY_DEADLINE_S": "1",
            "IOTSTREAM_TIMESTREAM_DATABASE": "nowhere",
            "IOTSTREAM_TIMESTREAM_ON_UNAVAILABLE": "stop",
            "IOTSTREAM_TIMESTREAM_DEADLINE_S": "1",
            "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": "http://127.0.0.1:9",
        },
    )
    assert one.wait() == 1
    assert any("SinkUnavailable" in line for line in one.messages("ERROR"))
    assert {lease["checkpoint"] for lease in stack.leases("down").values()} == {"TRIM_HORIZON"}
    assert rows(tmp_path) == 0
    two = consume("down")
    two.until(lambda: rows(tmp_path) == 100, "all rows")
    assert two.stop() == 0
    assert devices(tmp_path) == all_once(("a", 100))


def test_a_run_with_nothing_prepared_from_a_directory_with_blanks(stack, consume, tmp_path):
    """Tables are made by KCL; a run has its own; fan-out; the program for containers."""
    directory = tmp_path / "with blanks & ümlauts"
    stack.create("fresh", 1)
    stack.put("fresh", payloads("before", 10))
    time.sleep(1.1)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    stack.put("fresh", payloads("after", 10))
    directory.mkdir()
    one = consume(
        "fresh",
        directory=directory,
        command=(str(HANDLER),),
        settings={
            "IOTSTREAM_JOURNAL_RUN": "again",
            "IOTSTREAM_CONSUMER_INITIAL_POSITION": moment,
            "IOTSTREAM_CONSUMER_RETRIEVAL": "fanout",
            "TMPDIR": str(directory),
        },
    )
    lake = directory / "lake" / "runs" / "again"
    one.until(lambda: list(lake.glob("data/**/*.parquet")), "rows")
    assert one.stop() == 0
    (span,) = [json.loads(path.read_bytes()) for path in lake.glob("spans/**/*.json")]
    assert (span["rows"], span["read_after"], span["application"]) == (10, "AT_TIMESTAMP", "fresh@again")
    assert "fresh-again" in stack.dynamodb.list_tables()["TableNames"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_memory_is_shared_so_that_spans_close_early(stack, consume, tmp_path):
    stack.create("tight", 2)
    stack.prime("tight", "tight")
    one = consume(
        "tight",
        settings={"IOTSTREAM_CONSUMER_MEMORY_BYTES": str(64 * MIB), "IOTSTREAM_SPAN_MAX_AGE_S": "600"},
    )
    one.until(lambda: samples(one).get(("iotstream_shards",)) == 2, "both shards")
    time.sleep(1.5)  # until the shares are told
    for part in range(4):
        stack.put("tight", payloads(f"p{part}", 20_000))
    one.until(lambda: samples(one)[("iotstream_records_total",)] == 80_000, "everything read")
    # 64 MiB are too few for two shards: spans close at the least size, 1 MiB, long before their age.
    assert samples(one)[("iotstream_spans_total",)] >= 2
    assert one.stop() == 0
    assert sum(devices(tmp_path).values()) == 80_000
