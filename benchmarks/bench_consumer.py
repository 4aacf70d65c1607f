"""From the stream to the lake: `iotstream consume` by KCL and directly, async-kinesis, a loop that counts.

All read the same streams of a local Kinesis and write Parquet to a local S3, which are processes of their
own: their CPU is not counted, but they share the machine, so the rows a second are a lower bound.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from consumer.cost import Cost
from consumer.ours import Consumer, consume, kcl_properties, until_open
from consumer.stand import BUCKET, JOURNAL, SHARDS, Stand, payloads
from consumer.usage import resident_mb
from figures.results import Kind

import data
from iotstream.stream_calls import page_of, parse_pages

ROWS = {"plain": 400_000, "packed": 1_000_000}
ROWS_A_RECORD = 100
ROUNDS = {"direct": 2, "kcl, polling": 2, "kcl, fanout": 1}
PEER_ROWS = {"plain": 200_000, "packed": 400_000}
"""It takes its time, and reads no more of a stream."""
PAGE = 10_000
PROGRAMS = Path(__file__).with_name("consumer")
HOUR_BYTES = 3600 * 1_000_000
"""What a shard takes in an hour at most: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
ROW_BYTES = 98
STEP_RECORDS = 500
SPAN_BYTES = 128 * 1024 * 1024


@pytest.fixture(scope="module")
def rows(sized):
    return {stream: sized(count) for stream, count in ROWS.items()}


@pytest.fixture(scope="module")
def stand(rows, sized):
    stand = Stand()
    records = payloads(max(rows.values()))
    stand.fill("plain", records[: rows["plain"]])
    stand.fill("packed", data.packed(records, "array", ROWS_A_RECORD))
    stand.fill("page", payloads(sized(PAGE) * SHARDS))
    yield stand
    stand.close()


@pytest.fixture
def add(record):
    """What a way cost, into the table."""

    def run(stream, way, cost, kind=Kind.OTHER):
        row, note = f"consume-{stream}", f"{cost.rows_per_s:,.0f} rows/s"
        record(row, way, cost.python_us, kind=kind, note=note)
        if cost.jvm_warm_us is not None:
            record(row, f"the JVM beside {way}", cost.jvm_warm_us, note="warm")
            record(row, f"the JVM beside {way}, from its start", cost.jvm_us)

    return run


@pytest.mark.parametrize(
    ("way", "stream"),
    [
        ("direct", "plain"),
        ("direct", "packed"),
        ("kcl, polling", "plain"),
        ("kcl, fanout", "plain"),
        ("kcl, polling", "packed"),
    ],
)
def test_ours(stand, rows, add, tmp_path, request, way, stream):  # noqa: PLR0917 - fixtures
    """The best of the rounds; every row is in the lake each time."""
    source, _, retrieval = way.partition(", ")
    small = request.config.getoption("small")
    if small and source == "kcl":
        pytest.skip("the JVM takes its time to start: tests/sources/kcl and the whole benchmark run it")
    best = None
    for turn in range(1 if small else ROUNDS[way]):
        cost = consume(
            stand,
            tmp_path,
            stream,
            rows[stream],
            application="-".join([source, retrieval, stream, str(turn)]),
            source=source,
            retrieval=retrieval,
        )
        best = cost.least(best or cost)
    add(stream, f"ours, {way}", best, Kind.OURS)


@pytest.mark.parametrize("stream", ROWS)
def test_async_kinesis(stand, rows, sized, add, stream):
    """As many rows in an object as ours has in a span of plain records."""
    path, some, at_once = f"async-kinesis-{stream}", sized(PEER_ROWS[stream]), rows["plain"] // SHARDS
    found = run(stand, "async_kinesis", stream, str(some), str(at_once), f"s3://{BUCKET}/{path}")
    assert found["rows"] == some == stand.lake_rows(path)
    add(stream, "async-kinesis, Parquet by awswrangler", cost_of(found, some))


@pytest.mark.parametrize("stream", ROWS)
def test_bare_loop(stand, rows, add, stream):
    found = run(stand, "bare_loop", stream)
    assert found["records"] * (ROWS_A_RECORD if stream == "packed" else 1) == rows[stream]
    add(stream, "boto3's get_records in a loop, which only counts", cost_of(found, rows[stream]))


@pytest.mark.parametrize("way", ["ours", "botocore's parser"])
def test_page(measure, stand, sized, way):
    client = stand.new_client("kinesis")
    shard = stand.shards("page")[0]["ShardId"]
    request = {"StreamName": "page", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = client.get_shard_iterator(**request)["ShardIterator"]
    if way == "ours":
        parse_pages(client)

    def read(_):
        raw = page_of(client.get_records(ShardIterator=iterator)).raw("page", shard)
        assert len(raw) == sized(PAGE)

    kind = Kind.OURS if way == "ours" else Kind.OTHER
    measure(read, [None], sized(PAGE), row="page", way=way, kind=kind)
    client.close()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("source", ["direct", "kcl"])
def test_memory(record, tmp_path, request, source):
    """An hour's worth of records of a full shard within some minutes; the consumer's memory all the while."""
    minutes = request.config.getoption("steady")
    if not minutes:
        pytest.skip("takes minutes: --steady MINUTES")
    stand = Stand()
    try:
        samples, spans = steady(stand, tmp_path, minutes, source)
    finally:
        stand.close()
    highest = [
        max(part)
        for part in (
            samples,
            samples[len(samples) // 6 : len(samples) // 2],
            samples[len(samples) * 2 // 3 :],
        )
    ]
    way = {"direct": "ours, direct", "kcl": "ours, kcl, a shard's process"}[source]
    note = f"{spans} spans of {SHARDS} shards, median {sorted(samples)[len(samples) // 2]:,.0f} MB"
    record("steady-memory", way, highest[0], kind=Kind.OURS, note=note)
    # From the first half to the last third: half of the run.
    growth = max(highest[2] - highest[1], 0) * 2
    record("steady-growth", way, growth, kind=Kind.OURS)


def steady(stand, directory, minutes, source):
    """The memory of the consumer's largest process but Java, MB, as it reads what comes in at an even rate;
    and how many spans it wrote."""
    stand.fill("steady", [])
    if source == "kcl":
        stand.prime("steady", "steady")
    settings = {
        "IOTSTREAM_STREAM_NAME": "steady",
        "IOTSTREAM_JOURNAL_APPLICATION": "steady",
        "IOTSTREAM_JOURNAL_URI": f"dynamodb://{JOURNAL}",
        "IOTSTREAM_LAKE_URI": f"s3://{BUCKET}/steady",
        "IOTSTREAM_SPAN_MAX_ROWS": "1000000000",
        "IOTSTREAM_SPAN_MAX_BYTES": str(SPAN_BYTES),
        "IOTSTREAM_SPAN_MAX_AGE_S": "3600",
        "IOTSTREAM_CONSUMER_SOURCE": source,
        "IOTSTREAM_CONSUMER_KCL_PROPERTIES": kcl_properties(directory),
        "IOTSTREAM_CONSUMER_PORT": "0",
    }
    consumer, samples, sent, first = Consumer(stand, directory, settings), [], 0, 0
    step = STEP_RECORDS * ROWS_A_RECORD
    # An hour's event time, from an hour ago on, in as many rows as an hour's worth of bytes makes.
    begin_ms, step_ms = round(time.time() * 1000) - 3_600_000, 3_600_000 * ROW_BYTES / HOUR_BYTES
    try:
        processes = until_open(consumer)
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < minutes * 60:
            samples.append(max(map(resident_mb, processes)))
            if sent > HOUR_BYTES * elapsed / (minutes * 60):
                time.sleep(0.05)
                continue
            records = data.packed(
                data.telemetry(step, first=first, begin_ms=begin_ms, step_ms=step_ms), "array", ROWS_A_RECORD
            )
            stand.put("steady", records)
            sent, first = sent + sum(map(len, records)), first + step
        consumer.stop()
        return samples, sum(1 for _ in stand.keys("steady/spans/"))
    finally:
        consumer.kill()


def run(stand, program, *arguments):
    """What a program prints at its end."""
    environment = {**os.environ, **stand.environment}
    command = [sys.executable, PROGRAMS / f"{program}.py", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def cost_of(found, rows):
    return Cost(rows / found["seconds"], found["cpu_s"] / rows * 1e6)
