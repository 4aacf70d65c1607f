"""The mapping on the local Kinesis, with functions run by the real runtime interface client."""

import json
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config

from iotstream.local.event_source import EventSource, EventSourceSettings
from iotstream.local.lambda_runtime import LambdaFunction
from iotstream.local.process import ServiceProcess

RECORDER = """
import base64, json, os
LOG = os.environ["SEEN"]

def _records(event):
    for record in event["Records"]:
        shard, sequence = record["eventID"].split(":")
        assert sequence == record["kinesis"]["sequenceNumber"]
        yield shard, sequence, base64.b64decode(record["kinesis"]["data"]).decode()

def _note(records):
    with open(LOG, "a") as file:
        file.writelines(json.dumps(record) + "\\n" for record in records)

def take(event, context):
    _note(_records(event))
    return {"batchItemFailures": []}

def stop_at_poison(event, context):
    records = list(_records(event))
    for index, (_, sequence, data) in enumerate(records):
        if data == "poison":
            _note(records[:index])
            return {"batchItemFailures": [{"itemIdentifier": sequence}]}
    _note(records)

def fail_twice(event, context):
    with open(LOG + ".tries", "a+") as tries:
        tries.write("x")
        count = tries.tell()
    if count <= 2:
        os._exit(1)
    _note(_records(event))
"""


@pytest.fixture(scope="module")
def endpoint():
    service = ServiceProcess("iotstream.local.kinesis", ["--limits", "off"])
    yield f"http://127.0.0.1:{service.port}"
    service.stop()


@pytest.fixture
def kinesis(endpoint):
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )


def wait_until_active(kinesis, name):
    while True:
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            return
        time.sleep(0.05)


@pytest.fixture
def stream(kinesis, request):
    name = f"s{abs(hash(request.node.name))}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    return name


@pytest.fixture
def run(endpoint, stream, tmp_path):
    (tmp_path / "recorder.py").write_text(RECORDER)
    started = []

    def start(handler, **settings):
        function = LambdaFunction(
            handler=f"recorder.{handler}",
            task_root=tmp_path,
            environment={"SEEN": str(tmp_path / "seen")},
            concurrency=2,
        )
        source = EventSource(
            endpoint=endpoint,
            stream_name=stream,
            function=function,
            settings=EventSourceSettings(**settings),
            on_failure=tmp_path / "failed",
            poll_s=0.05,
        )
        started.append((source, function))
        source.start()
        return source

    yield start
    for source, function in started:
        source.stop()
        function.close()


def put(kinesis, stream, data):
    for start in range(0, len(data), 500):
        records = [
            {"Data": one.encode(), "PartitionKey": f"k{i % 50}"}
            for i, one in enumerate(data[start : start + 500])
        ]
        assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def seen(tmp_path):
    path = tmp_path / "seen"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def assert_in_order(records):
    for shard in {one[0] for one in records}:
        numbers = [int(sequence) for name, sequence, _ in records if name == shard]
        assert numbers == sorted(numbers)


def test_every_record_once_in_order(kinesis, stream, run, tmp_path):
    source = run("take", batch_size=300)
    put(kinesis, stream, [str(number) for number in range(2000)])
    assert source.drain(60)
    assert sorted(int(data) for _, _, data in seen(tmp_path)) == list(range(2000))
    assert_in_order(seen(tmp_path))
    stats = source.stats()
    assert (stats["processed"], stats["read"], stats["failures"], stats["buffered"]) == (2000, 2000, 0, 0)


def test_lanes_keep_the_order_of_each_partition_key(kinesis, stream, run, tmp_path):
    source = run("take", batch_size=50, parallelization=3)
    put(kinesis, stream, [str(number) for number in range(600)])
    assert source.drain(60)
    found = seen(tmp_path)
    assert sorted(int(data) for _, _, data in found) == list(range(600))
    for key in range(50):
        numbers = [int(data) for _, _, data in found if int(data) % 50 == key]
        assert numbers == sorted(numbers)


def test_a_poisonous_record_is_given_up_alone(kinesis, stream, run, tmp_path):
    data = [str(number) for number in range(20)]
    data[7] = "poison"
    put(kinesis, stream, data)
    source = run("stop_at_poison", max_retries=1, bisect=True, batch_size=10)
    assert source.drain(60)
    assert sorted(d for _, _, d in seen(tmp_path)) == sorted(one for one in data if one != "poison")
    (document,) = [json.loads(path.read_text()) for path in (tmp_path / "failed").rglob("*.json")]
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert json.loads(document["payload"])["Records"][0]["kinesis"]["data"] == "cG9pc29u"
    assert source.stats()["discarded"] == 1


def test_a_function_that_crashes_gets_its_batch_again(kinesis, stream, run, tmp_path):
    put(kinesis, stream, ["a", "b", "c"])
    source = run("fail_twice", batch_size=10)
    assert source.drain(60)
    assert sorted(d for _, _, d in seen(tmp_path)) == ["a", "b", "c"]
    assert source.stats()["failures"] == 2


def split_first(kinesis, stream):
    """Split the first shard; its id."""
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    low, high = (int(shard["HashKeyRange"][key]) for key in ("StartingHashKey", "EndingHashKey"))
    middle = str((low + high) // 2)
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)
    wait_until_active(kinesis, stream)
    return shard["ShardId"]


def test_children_come_after_their_parents(kinesis, stream, run, tmp_path):
    put(kinesis, stream, [f"before-{number}" for number in range(200)])
    parent = split_first(kinesis, stream)
    put(kinesis, stream, [f"after-{number}" for number in range(200)])
    source = run("take", batch_size=30)
    assert source.drain(60)
    found = seen(tmp_path)
    assert len(found) == 400
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    children = {one["ShardId"] for one in shards if one.get("ParentShardId")}
    first_child = min(i for i, one in enumerate(found) if one[0] in children)
    last_parent = max(i for i, one in enumerate(found) if one[0] == parent)
    assert last_parent < first_child


def test_latest_begins_at_the_tip_also_after_a_split(kinesis, stream, run, tmp_path):
    split_first(kinesis, stream)
    put(kinesis, stream, [f"old-{number}" for number in range(50)])
    source = run("take", starting_position="LATEST")
    assert source.drain(60)
    put(kinesis, stream, [f"new-{number}" for number in range(50)])
    assert source.drain(60)
    assert sorted(data for _, _, data in seen(tmp_path)) == sorted(f"new-{number}" for number in range(50))


def test_a_record_that_no_invocation_can_hold_is_given_up_alone(run, tmp_path):
    from iotstream.local.event_source.batching import Record

    source = run("take", max_retries=0)
    reader = next(iter(source._readers.values()))
    data = ["QQ==", "A" * 7_000_000, "Qg=="]
    reader._see_through([Record(str(number), "k", one, 1.0) for number, one in enumerate(data)])
    assert [data for _, _, data in seen(tmp_path)] == ["A", "B"]
    (document,) = [json.loads(path.read_text()) for path in (tmp_path / "failed").rglob("*.json")]
    assert document["requestContext"]["condition"] == "PayloadTooLarge"
    assert "responseContext" not in document


def test_a_window_collects(kinesis, stream, run, tmp_path):
    source = run("take", batch_size=10_000, window_s=1)
    for number in range(5):
        put(kinesis, stream, [str(number)])
        time.sleep(0.05)
    assert source.drain(60)
    assert len(seen(tmp_path)) == 5
    assert source.stats()["invocations"] <= 4  # without a window it would be one for each put


def test_the_program(kinesis, stream, endpoint, tmp_path):
    (tmp_path / "recorder.py").write_text(RECORDER)
    service = ServiceProcess(
        "iotstream.local.event_source",
        ["--stream", stream, "--handler", "recorder.take", "--task-root", str(tmp_path), "--poll", "0.05"],
        environment={"AWS_ENDPOINT_URL_KINESIS": endpoint, "AWS_SEEN": "", "IOTSTREAM_X": ""},
    )
    try:
        url = f"http://127.0.0.1:{service.port}/stats"
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert json.load(answer)["processed"] == 0
    finally:
        assert service.stop() == 0


def test_a_wrong_setting_ends_the_program_with_one_line(endpoint, tmp_path):
    from iotstream.errors import LocalStackError

    with pytest.raises(LocalStackError, match="batch_size = 0: allowed is 1 to 10000"):
        ServiceProcess(
            "iotstream.local.event_source",
            ["--stream", "s", "--handler", "x.y", "--task-root", str(tmp_path), "--batch-size", "0"],
            environment={"AWS_ENDPOINT_URL_KINESIS": endpoint},
        )
