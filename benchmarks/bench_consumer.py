"""From the stream to the lake: `iotstream consume` by KCL and directly, async-kinesis, a loop that counts.

All read the same streams of a local Kinesis and write Parquet to a local S3, which are processes of their
own: their CPU is not counted, but they share the machine, so the rows a second are a lower bound.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from consumer.cost import Cost, table
from consumer.ours import consume
from consumer.stand import BUCKET, SHARDS, Stand, payloads

import data
from iotstream.stream_calls import page_of, parse_pages

ROWS = {"plain": 400_000, "packed": 1_000_000}
ROWS_A_RECORD = 100
ROUNDS = {"direct": 2, "kcl, polling": 2, "kcl, fanout": 1}
PEER_ROWS = {"plain": 200_000, "packed": 400_000}
"""It takes its time, and reads no more of a stream."""
STREAMS = {
    "plain": "Records of 100 bytes: CPU µs a record",
    "packed": f"Records of {ROWS_A_RECORD} rows of 100 bytes: CPU µs a row",
}
GOALS = {"plain": 2.2, "packed": 0.8}
PAGE = 10_000
PAGE_GROUP = f"GetRecords: an answer of {PAGE:,} records of 100 bytes to a RawBatch, HTTP client included"
PROGRAMS = Path(__file__).with_name("consumer")


@pytest.fixture(scope="module")
def stand():
    stand = Stand()
    rows = payloads(max(ROWS.values()))
    stand.fill("plain", rows[: ROWS["plain"]])
    stand.fill("packed", data.packed(rows, "array", ROWS_A_RECORD))
    stand.fill("page", rows[: PAGE * SHARDS])
    yield stand
    stand.close()


@pytest.fixture(scope="module")
def costs(remark):
    """Of each stream by the name of the way; becomes the tables."""
    found = {stream: {} for stream in STREAMS}
    yield found
    for stream, ways in found.items():
        for line in table(STREAMS[stream], ways, GOALS[stream]) if ways else ():
            remark(line)


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
def test_ours(stand, costs, tmp_path, way, stream):
    """The best of the rounds; every row is in the lake each time."""
    source, _, retrieval = way.partition(", ")
    for turn in range(ROUNDS[way]):
        cost = consume(
            stand,
            tmp_path,
            stream,
            ROWS[stream],
            application="-".join([source, retrieval, stream, str(turn)]),
            source=source,
            retrieval=retrieval,
        )
        name = f"ours: --source {way}"
        costs[stream][name] = cost.least(costs[stream].get(name, cost))


@pytest.mark.parametrize("stream", ROWS)
def test_async_kinesis(stand, costs, stream):
    """As many rows in an object as ours has in a span of plain records."""
    path, rows, at_once = f"async-kinesis-{stream}", PEER_ROWS[stream], ROWS["plain"] // SHARDS
    found = run(stand, "async_kinesis", stream, str(rows), str(at_once), f"s3://{BUCKET}/{path}")
    assert found["rows"] == rows == stand.lake_rows(path)
    costs[stream]["async-kinesis, Parquet by awswrangler"] = cost_of(found, rows)


@pytest.mark.parametrize("stream", ROWS)
def test_bare_loop(stand, costs, stream):
    found = run(stand, "bare_loop", stream)
    assert found["records"] * (ROWS_A_RECORD if stream == "packed" else 1) == ROWS[stream]
    costs[stream]["boto3's get_records in a loop, which only counts"] = cost_of(found, ROWS[stream])


@pytest.mark.parametrize("way", ["ours: msgspec", "botocore's parser"])
def test_page(measure, stand, way):
    client = stand.new_client("kinesis")
    shard = stand.shards("page")[0]["ShardId"]
    request = {"StreamName": "page", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = client.get_shard_iterator(**request)["ShardIterator"]
    if way.startswith("ours"):
        parse_pages(client)

    def read(_):
        raw = page_of(client.get_records(ShardIterator=iterator)).raw("page", shard)
        assert len(raw) == PAGE

    measure(read, [None], PAGE, group=PAGE_GROUP, name=way)
    client.close()


def run(stand, program, *arguments):
    """What a program prints at its end."""
    environment = {**os.environ, **stand.environment}
    command = [sys.executable, PROGRAMS / f"{program}.py", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def cost_of(found, rows):
    return Cost(rows / found["seconds"], found["cpu_s"] / rows * 1e6)
