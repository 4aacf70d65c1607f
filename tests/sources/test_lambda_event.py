import json
from pathlib import Path

import pytest

import native_ways
from iotstream.pipeline import Progress
from iotstream.position import Position
from iotstream.sources import lambda_event
from iotstream.sources.lambda_event import failures, raw_batches
from iotstream.testing import FIRST_SEQUENCE_NUMBER, SHARD_ID, kinesis_event


@pytest.fixture(scope="module", params=["kernel", "python"], autouse=True)
def way(request):
    """Records are read by the compiled kernel, and without it."""
    with native_ways.used(request.param, lambda_event):
        yield


EVENT = json.loads((Path(__file__).parent / "kinesis-event.json").read_text())


def as_bytes(event):
    return json.dumps(event).encode()


forms = pytest.mark.parametrize("form", [lambda event: event, as_bytes], ids=["parsed", "bytes"])


@forms
def test_an_event_as_lambda_sends_it(form):
    (raw,) = raw_batches(form(EVENT))
    assert list(raw.payloads) == [b"Hello, this is a test.", b"This is only a test."]
    assert list(raw.sequence_numbers) == [
        "49590338271490256608559692538361571095921575989136588898",
        "49590338271490256608559692540925702759324208523137515618",
    ]
    assert raw.arrival_ms.to_pylist() == [1545084650987, 1545084711166]
    assert (raw.stream, raw.shard_id) == ("lambda-stream", "shardId-000000000006")


@forms
def test_a_stream_is_named_by_its_consumers_arn_too(form):
    event = kinesis_event([b"a"], arrival_ms=1)
    event["Records"][0]["eventSourceARN"] += "/consumer/lambda:1545084650"
    assert [raw.stream for raw in raw_batches(form(event))] == ["kinesis-stream"]


@forms
def test_shards_apart(form):
    one = kinesis_event([b"a", b"b"], arrival_ms=1)
    two = kinesis_event([b"c"], arrival_ms=2, shard_id="shardId-000000000007")
    mixed = {"Records": [one["Records"][0], *two["Records"], one["Records"][1]]}
    batches = raw_batches(form(mixed))
    assert [(raw.shard_id, list(raw.payloads)) for raw in batches] == [
        (SHARD_ID, [b"a", b"b"]),
        ("shardId-000000000007", [b"c"]),
    ]


@forms
@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "Records"),
        ({"Records": 3}, "Records"),
        ({"Records": [{"eventID": "a:1"}]}, "kinesis"),
        ({"Records": [1]}, "int"),
    ],
)
def test_anything_else_is_refused_by_name(form, event, named):
    with pytest.raises(ValueError, match=f"not an event of a Kinesis event source mapping.*{named}"):
        raw_batches(form(event))


@forms
def test_no_records_are_nothing(form):
    assert raw_batches(form({"Records": []})) == []


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{", b"\xff"])
def test_bytes_that_are_no_event(text):
    with pytest.raises(ValueError):
        raw_batches(text)


def test_the_first_record_not_done_is_reported():
    done = Progress(Position(5), None)
    stopped = Progress(Position(FIRST_SEQUENCE_NUMBER), Position(FIRST_SEQUENCE_NUMBER + 1, 7))
    assert failures([done]) == {"batchItemFailures": []}
    assert failures([done, stopped]) == {
        "batchItemFailures": [{"itemIdentifier": str(FIRST_SEQUENCE_NUMBER + 1)}]
    }
