import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.errors import ConfigurationError
from iotstream.local.event_source.batching import Record, Source, encode, event, fitting, lane
from iotstream.local.event_source.outcome import Piece, after, first_failure, given_up
from iotstream.local.event_source.settings import EventSourceSettings
from iotstream.local.lambda_runtime import MAX_PAYLOAD_BYTES

SOURCE = Source("arn:aws:kinesis:us-east-1:123456789012:stream/s", "shardId-000000000000", "us-east-1")


def records(count, arrival_s=0.0):
    return [Record(str(10 + index), f"k{index % 3}", "e30=", arrival_s) for index in range(count)]


@pytest.mark.parametrize(
    ("payload", "done"),
    [
        (b"", 3),
        (b"null", 3),
        (b"{}", 3),
        (b'{"batchItemFailures":null}', 3),
        (b'{"batchItemFailures":[]}', 3),
        (b'""', 3),
        (b"[]", 3),
        (b'"fine"', 0),
        (b'["x"]', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":"11"}]}', 1),
        (b'{"batchItemFailures":[{"itemIdentifier":"12"},{"itemIdentifier":"11"}]}', 1),
        (b'{"batchItemFailures":[{"itemIdentifier":"10"}]}', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":""}]}', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":null}]}', 0),
        (b'{"batchItemFailures":[{"wrong":"12"}]}', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":"99"}]}', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":12}]}', 0),
        (b'{"batchItemFailures":["12"]}', 0),
        (b'{"batchItemFailures":"12"}', 0),
        (b"not json", 0),
    ],
)
def test_where_to_go_on_after_an_answer(payload, done):
    assert first_failure(payload, records(3)) == done


def test_a_moved_checkpoint_starts_a_batch_of_its_own():
    piece = Piece(records(5), failures=4, invocations=4)
    assert after(piece, 2, EventSourceSettings(bisect=True)) == [Piece(records(5)[2:])]


def test_splitting_does_not_use_up_retries():
    halves = after(Piece(records(5), failures=2), 0, EventSourceSettings(bisect=True))
    assert [(len(half.records), half.failures) for half in halves] == [(2, 2), (3, 2)]
    assert after(Piece(records(1)), 0, EventSourceSettings(bisect=True))[0].failures == 1


def test_retries_and_age_give_up():
    settings = EventSourceSettings(max_retries=2)
    assert given_up(Piece(records(2), failures=2), settings, 0.0)[1] is not None
    (discard,), left = given_up(Piece(records(2), failures=3), settings, 0.0)
    assert (discard.condition, left) == ("RetryAttemptsExhausted", None)
    mixed = [*records(2, arrival_s=0.0), *records(2, arrival_s=100.0)]
    (discard,), left = given_up(Piece(mixed), EventSourceSettings(max_record_age_s=60), 130.0)
    assert (discard.condition, len(discard.piece.records), len(left.records)) == ("RecordAgeExceeded", 2, 2)


@given(st.integers(1, 20), st.sets(st.integers(0, 19)), st.booleans(), st.integers(-1, 3), st.booleans())
def test_every_record_is_done_or_given_up_exactly_once_and_in_order(count, poison, bisect, retries, reports):
    """A function that fails at poisonous records, by report or by error, under any settings."""
    if retries == -1:
        poison = set()  # unlimited retries never get past them
    settings = EventSourceSettings(bisect=bisect, max_retries=retries)
    pieces, done, lost = [Piece(records(count))], [], []
    bad = {str(10 + index) for index in poison}
    for _ in range(10_000):
        if not pieces:
            break
        discards, piece = given_up(pieces.pop(0), settings, 0.0)
        lost += [record for discard in discards for record in discard.piece.records]
        if piece is None:
            continue
        first = next(
            (i for i, one in enumerate(piece.records) if one.sequence_number in bad), len(piece.records)
        )
        good = first if reports or first == len(piece.records) else 0
        done += piece.records[:good]
        pieces = after(piece, good, settings) + pieces
    assert pieces == []
    assert sorted(done + lost) == records(count)
    assert done == sorted(done)
    if reports and bisect:
        assert {one.sequence_number for one in lost} == bad & {one.sequence_number for one in records(count)}


def test_an_event_is_what_lambda_sends():
    record = Record("495", "device-1", "SGk=", 1545084650.987)
    assert json.loads(event([record], SOURCE)) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "device-1",
                    "sequenceNumber": "495",
                    "data": "SGk=",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000000:495",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": SOURCE.role_arn,
                "awsRegion": "us-east-1",
                "eventSourceARN": SOURCE.stream_arn,
            }
        ]
    }


@given(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=12), st.integers(1, 12))
def test_batches_fit_the_payload_and_the_first_record_always_goes(sizes, batch_size):
    many = [Record(str(index), "k", "A" * size, 0.0) for index, size in enumerate(sizes)]
    count = fitting(many, SOURCE, batch_size)
    assert 1 <= count <= min(batch_size, len(many))
    assert count == 1 or len(event(many[:count], SOURCE)) <= MAX_PAYLOAD_BYTES
    if count < min(batch_size, len(many)):
        assert len(event(many[: count + 1], SOURCE)) > MAX_PAYLOAD_BYTES
    assert len(encode(many[0], SOURCE)) > sizes[0]


@given(st.text(min_size=1), st.integers(1, 10))
def test_a_partition_key_stays_in_its_lane(key, lanes):
    assert lane(key, lanes) == lane(key, lanes) < lanes


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 10_001},
        {"window_s": 301},
        {"max_retries": -2},
        {"max_retries": 10_001},
        {"max_record_age_s": 59},
        {"max_record_age_s": 604_801},
        {"parallelization": 11},
        {"starting_position": "AFTER"},
        {"starting_timestamp": 1.0},
        {"tumbling_window_s": 1},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        EventSourceSettings(**wrong)
