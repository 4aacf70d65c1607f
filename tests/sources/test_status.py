from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from iotstream.errors import ConfigurationError
from iotstream.pipeline import Pipeline
from iotstream.schema import Schema
from iotstream.sources.status import ShardStatus, Status, StatusLog, StatusServer, status_of
from iotstream.testing import MemorySink, raw_batch

GOOD = b'{"deviceId":"a","timestamp":"2026-01-01T00:00:00Z","temperature":1,"humidity":2}'
COUNTS = ["records", "rows", "payload_bytes", "spans", "deferred", "gaps", "skipped"]


def status(shard_id="shardId-0", updated=None, **values):
    return ShardStatus(shard_id=shard_id, updated=time.time() if updated is None else updated, **values)


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def serve():
    servers = []

    def start(status):
        servers.append(StatusServer(status, "127.0.0.1", 0))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_pipeline_says_what_went_through_it():
    pipeline = Pipeline(Schema.load(), lake=[MemorySink()])
    pipeline.push(raw_batch([GOOD, b"bad", GOOD]), 0.0, behind_ms=1500)
    one = status_of("shardId-7", pipeline, 1500)
    assert (one.shard_id, one.records, one.rows, one.rejects) == ("shardId-7", 3, 2, {"not_json": 1})
    assert (one.spans, one.last_span_rows, one.behind_ms) == (0, 0, 1500)
    assert one.buffered_bytes == pipeline.buffered_bytes > 0
    pipeline.drain()
    one = status_of("shardId-7", pipeline, None)
    assert (one.spans, one.last_span_rows, one.buffered_bytes, one.behind_ms) == (1, 2, 0, None)
    assert one.flush_seconds > 0
    assert set(one.seconds) == {"decode", "memory"}


def test_it_is_well_while_shards_report():
    all_shards = Status()
    assert all_shards.health() == (True, "reading 0 shards")
    all_shards.update(status("shardId-1"))
    all_shards.update(status("shardId-0"))
    assert all_shards.health() == (True, "reading 2 shards")
    assert [one.shard_id for one in all_shards.shards()] == ["shardId-0", "shardId-1"]


def test_a_silent_shard_is_not_well_until_it_reports_or_leaves():
    all_shards = Status()
    all_shards.update(status("shardId-0"))
    all_shards.update(status("shardId-1", updated=time.time() - 61))
    healthy, words = all_shards.health()
    assert not healthy
    assert "shardId-1" in words
    assert "shardId-0" not in words
    all_shards.remove("shardId-1")
    assert all_shards.health()[0]


def test_the_first_failure_stays():
    all_shards = Status()
    all_shards.fail("the lake is down")
    all_shards.fail("another")
    all_shards.update(status())
    assert all_shards.health() == (False, "the lake is down")


steps = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from(["go on", "begin anew", "leave"]), st.integers(1, 9)
    ),
    max_size=20,
)


@given(steps)
def test_totals_never_go_back_and_count_everything_once(steps):
    all_shards, live, expected = Status(), {}, 0
    for shard, step, count in steps:
        if step == "leave":
            all_shards.remove(shard)
            live.pop(shard, None)
        else:
            before = live.get(shard, 0) if step == "go on" else 0
            if step == "begin anew" and live.get(shard, 0) <= count:
                all_shards.remove(shard)  # a source says so where the counts alone can't
            live[shard] = before + count
            expected += count
            values = dict.fromkeys(COUNTS, live[shard])
            all_shards.update(
                status(shard, **values, rejects={"not_json": live[shard]}, seconds={"decode": live[shard]})
            )
        total = all_shards.totals()
        assert {getattr(total, name) for name in COUNTS} == {expected}
        assert total.rejects.get("not_json", 0) == expected
        assert total.seconds.get("decode", 0) == expected


def test_health_over_http(serve):
    all_shards = Status()
    server = serve(all_shards)
    all_shards.update(status("shardId-0"))
    code, body = get(server, "/health")
    assert code == 200
    assert json.loads(body) == {"healthy": True, "detail": "reading 1 shards", "shards": ["shardId-0"]}
    all_shards.fail("stopped")
    code, body = get(server, "/health?verbose")
    assert code == 503
    assert json.loads(body)["detail"] == "stopped"
    assert get(server, "/")[0] == 404


def test_metrics_over_http(serve):
    all_shards = Status()
    server = serve(all_shards)
    all_shards.update(
        status(
            "shardId-0",
            records=10,
            rows=8,
            payload_bytes=1000,
            spans=2,
            last_span_rows=3,
            buffered_bytes=77,
            behind_ms=2500,
            rejects={"not_json": 2},
            refused={"timestream": 1},
            seconds={"decode": 0.5},
            flush_seconds=0.25,
            deferred=4,
            gaps=5,
            claims_lost=7,
            skipped=6,
        )
    )
    all_shards.update(status("shardId-1", records=1, rejects={"empty": 1}))
    code, text = get(server, "/metrics")
    assert code == 200
    expected = {
        ("iotstream_records_total",): 11,
        ("iotstream_rows_total",): 8,
        ("iotstream_payload_bytes_total",): 1000,
        ("iotstream_spans_total",): 2,
        ("iotstream_gaps_total",): 5,
        ("iotstream_claims_lost_total",): 7,
        ("iotstream_deferred_total",): 4,
        ("iotstream_skipped_total",): 6,
        ("iotstream_rejects_total", "not_json"): 2,
        ("iotstream_rejects_total", "empty"): 1,
        ("iotstream_refused_total", "timestream"): 1,
        ("iotstream_stage_seconds_total", "decode"): 0.5,
        ("iotstream_healthy",): 1,
        ("iotstream_shards",): 2,
        ("iotstream_lag_seconds", "shardId-0"): 2.5,
        ("iotstream_buffered_bytes", "shardId-0"): 77,
        ("iotstream_buffered_bytes", "shardId-1"): 0,
        ("iotstream_last_span_rows", "shardId-0"): 3,
        ("iotstream_last_span_rows", "shardId-1"): 0,
        ("iotstream_flush_seconds", "shardId-0"): 0.25,
        ("iotstream_flush_seconds", "shardId-1"): 0,
    }
    assert samples(text) == expected
    all_shards.remove("shardId-0")
    after = samples(get(server, "/metrics")[1])
    assert after["iotstream_records_total",] == 11
    assert ("iotstream_lag_seconds", "shardId-0") not in after


def test_a_port_that_is_taken_is_named(serve):
    port = serve(Status()).port
    with pytest.raises(ConfigurationError, match=f"consumer.port = {port}.*IOTSTREAM_CONSUMER_PORT"):
        StatusServer(Status(), "127.0.0.1", port)


def test_lines_of_emf_hold_what_came_since_the_line_before():
    all_shards, lines = Status(), []
    written = StatusLog(
        all_shards, namespace="n", application="app", stream="s", every_s=0.05, emit=lines.append
    )
    all_shards.update(
        status(
            "shardId-0",
            records=10,
            rejects={"empty": 2},
            behind_ms=5,
            gaps=1,
            deferred=2,
            seconds={"decode": 0.5},
        )
    )
    deadline = time.monotonic() + 5
    while sum(json.loads(line)["Records"] for line in list(lines)) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    all_shards.update(status("shardId-0", records=15, rejects={"empty": 2}, behind_ms=9, gaps=1, deferred=2))
    all_shards.update(status("shardId-1", records=1, behind_ms=None, buffered_bytes=3))
    written.close()
    documents = [json.loads(line) for line in lines]
    assert sum(one["Records"] for one in documents) == 16
    assert sum(one.get("Rejects.empty", 0) for one in documents) == 2
    assert [sum(one[name] for one in documents) for name in ("Gaps", "Deferred")] == [1, 2]
    last = documents[-1]
    assert last["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Application", "Stream"]]
    assert (last["Application"], last["Stream"]) == ("app", "s")
    assert (last["MaxLag"], last["Shards"], last["BufferedBytes"]) == (9, 2, 3)
    count = len(lines)
    time.sleep(0.15)
    assert len(lines) == count  # closed
