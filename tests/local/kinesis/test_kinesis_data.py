from __future__ import annotations

import hashlib

import pytest
from kinesis_helpers import get, iterator, put, read_shard, refused

from iotstream.local.kinesis import Kinesis

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"


def test_a_record_comes_back_as_it_was_put(kinesis, clock):
    written = put(kinesis, (b"\x00\xff", "device-1"))["Records"][0]
    [record] = read_shard(kinesis, written["ShardId"])
    assert record == {
        "SequenceNumber": written["SequenceNumber"],
        "ApproximateArrivalTimestamp": clock.now,
        "Data": b"\x00\xff",
        "PartitionKey": "device-1",
    }


def test_the_partition_keys_md5_chooses_the_shard(kinesis):
    for n in range(20):
        key = f"device-{n}"
        upper_half = hashlib.md5(key.encode()).digest()[0] >= 0x80
        assert put(kinesis, (b"x", key))["Records"][0]["ShardId"] == (SECOND if upper_half else FIRST)


@pytest.mark.parametrize(
    ("key", "shard"), [(0, FIRST), (2**127 - 1, FIRST), (2**127, SECOND), (2**128 - 1, SECOND)]
)
def test_an_explicit_hash_key_overrides_it(kinesis, key, shard):
    request = {"StreamName": "s", "Data": b"x", "PartitionKey": "a", "ExplicitHashKey": str(key)}
    assert kinesis.call("PutRecord", request)["ShardId"] == shard


def test_one_wrong_explicit_hash_key_refuses_the_whole_call(kinesis):
    good = {"Data": b"x", "PartitionKey": "a", "ExplicitHashKey": "0"}
    error = refused(
        kinesis, "PutRecords", {"StreamName": "s", "Records": [good, good | {"ExplicitHashKey": str(2**128)}]}
    )
    assert error.code == "InvalidArgumentException"
    assert read_shard(kinesis, FIRST) == []


def test_sequence_numbers_look_like_the_services_and_rise(kinesis, clock):
    numbers = []
    for _ in range(5):
        answer = kinesis.call(
            "PutRecord", {"StreamName": "s", "Data": b"x", "PartitionKey": "a", "ExplicitHashKey": "0"}
        )
        numbers.append(answer["SequenceNumber"])
        clock.advance(0.5)
    assert all(len(number) == 56 and number.startswith("49") for number in numbers)
    assert numbers == sorted(set(numbers), key=int)


def test_iterator_types(kinesis, clock):
    numbers = []
    for n in range(4):
        request = {"StreamName": "s", "Data": str(n).encode(), "PartitionKey": "a", "ExplicitHashKey": "0"}
        numbers.append(kinesis.call("PutRecord", request)["SequenceNumber"])
        clock.advance(10)

    def read(kind, **start):
        clock.advance(1)
        return [r["Data"] for r in get(kinesis, iterator(kinesis, FIRST, kind, **start))["Records"]]

    arrival_of_third = clock.now - 20
    assert read("TRIM_HORIZON") == [b"0", b"1", b"2", b"3"]
    assert read("LATEST") == []
    assert read("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"1", b"2", b"3"]
    assert read("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"2", b"3"]
    assert read("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[3]) == []
    assert read("AT_TIMESTAMP", Timestamp=arrival_of_third) == [b"2", b"3"]
    assert read("AT_TIMESTAMP", Timestamp=arrival_of_third + 0.001) == [b"3"]
    assert read("AT_TIMESTAMP", Timestamp=0) == [b"0", b"1", b"2", b"3"]
    assert read("AT_TIMESTAMP", Timestamp=clock.now) == []


def test_latest_and_a_late_timestamp_read_what_comes_after(kinesis, clock):
    put(kinesis, (b"before", "a"))
    clock.advance(5)
    shard_id = put(kinesis, (b"before too", "a"))["Records"][0]["ShardId"]
    clock.advance(5)
    tokens = [
        iterator(kinesis, shard_id, "LATEST"),
        iterator(kinesis, shard_id, "AT_TIMESTAMP", Timestamp=clock.now),
    ]
    put(kinesis, (b"after", "a"))
    for token in tokens:
        assert [record["Data"] for record in get(kinesis, token)["Records"]] == [b"after"]


def test_the_same_iterator_reads_the_same(kinesis):
    shard_id = put(kinesis, (b"1", "a"), (b"2", "a"))["Records"][0]["ShardId"]
    token = iterator(kinesis, shard_id)
    assert get(kinesis, token, Limit=1)["Records"] == get(kinesis, token, Limit=1)["Records"]


def test_millis_behind_latest(kinesis, clock):
    for n in range(3):
        shard_id = put(kinesis, (str(n).encode(), "a"))["Records"][0]["ShardId"]
        clock.advance(2)
    first = get(kinesis, iterator(kinesis, shard_id), Limit=1)
    assert first["MillisBehindLatest"] == 6000
    assert get(kinesis, first["NextShardIterator"])["MillisBehindLatest"] == 0


def test_behind_is_never_0_while_records_are_left(kinesis):
    shard_id = put(kinesis, (b"1", "a"), (b"2", "a"))["Records"][0]["ShardId"]
    assert get(kinesis, iterator(kinesis, shard_id), Limit=1)["MillisBehindLatest"] == 1


def test_an_iterator_expires_after_5_minutes(kinesis, clock):
    token = iterator(kinesis, FIRST)
    clock.advance(300)
    fresh = get(kinesis, token)["NextShardIterator"]
    clock.advance(0.001)
    assert refused(kinesis, "GetRecords", {"ShardIterator": token}).code == "ExpiredIteratorException"
    assert get(kinesis, fresh)["Records"] == []


def test_an_iterator_cannot_be_made_up(kinesis):
    token = iterator(kinesis, FIRST)
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in ("x", "AAAA", changed, "é"):
        error = refused(kinesis, "GetRecords", {"ShardIterator": wrong})
        assert error.code == "InvalidArgumentException"


def test_an_iterator_does_not_outlive_its_stream(kinesis):
    token = iterator(kinesis, FIRST)
    kinesis.call("DeleteStream", {"StreamName": "s"})
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    assert refused(kinesis, "GetRecords", {"ShardIterator": token}).code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("AT_SEQUENCE_NUMBER", {}),
        ("AFTER_SEQUENCE_NUMBER", {}),
        ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": "1"}),
        ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": "9" * 56}),
        ("AT_TIMESTAMP", {}),
        ("AT_TIMESTAMP", {"Timestamp": 4_000_000_000.0}),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(kinesis, kind, start):
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": kind, **start}
    assert refused(kinesis, "GetShardIterator", request).code == "InvalidArgumentException"


def test_another_shards_number_is_refused(kinesis):
    written = kinesis.call(
        "PutRecord", {"StreamName": "s", "Data": b"", "PartitionKey": "a", "ExplicitHashKey": "0"}
    )
    request = {
        "StreamName": "s",
        "ShardId": SECOND,
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": written["SequenceNumber"],
    }
    assert refused(kinesis, "GetShardIterator", request).code == "InvalidArgumentException"


def test_retention_trims(kinesis, clock):
    shard_id = put(kinesis, (b"old", "a"))["Records"][0]["ShardId"]
    clock.advance(3600)
    put(kinesis, (b"new", "a"))
    clock.advance(23 * 3600)
    assert [r["Data"] for r in read_shard(kinesis, shard_id)] == [b"old", b"new"]
    clock.advance(1)
    assert [r["Data"] for r in read_shard(kinesis, shard_id)] == [b"new"]


def test_more_retention_does_not_bring_back_what_was_trimmed(kinesis, clock):
    shard_id = put(kinesis, (b"old", "a"))["Records"][0]["ShardId"]
    clock.advance(25 * 3600)
    put(kinesis, (b"new", "a"))
    kinesis.call("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 168})
    assert [r["Data"] for r in read_shard(kinesis, shard_id)] == [b"new"]
    clock.advance(167 * 3600)
    assert [r["Data"] for r in read_shard(kinesis, shard_id)] == [b"new"]


def test_reading_goes_on_after_trims(kinesis, clock):
    first = put(kinesis, (b"old", "a"))["Records"][0]
    shard_id, last = first["ShardId"], first["SequenceNumber"]
    for hour in range(30):
        clock.advance(3600)
        put(kinesis, *[(b"%d" % hour, "a")] * 200)
        token = iterator(kinesis, shard_id, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=last)
        records = get(kinesis, token)["Records"]
        assert [record["Data"] for record in records] == [b"%d" % hour] * 200
        last = records[-1]["SequenceNumber"]
    kept = [record["Data"] for record in read_shard(kinesis, shard_id, limit=10_000)]
    assert kept == [b"%d" % hour for hour in range(5, 30) for _ in range(200)]
    # Trimmed long ago: reading starts at the oldest that is left.
    token = iterator(kinesis, shard_id, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first["SequenceNumber"])
    assert get(kinesis, token, Limit=1)["Records"][0]["Data"] == b"5"


def test_time_does_not_go_backwards(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    put(kinesis, (b"1", "a"))
    clock.advance(-100)
    put(kinesis, (b"2", "a"))
    arrivals = [record["ApproximateArrivalTimestamp"] for record in read_shard(kinesis, FIRST)]
    assert arrivals == sorted(arrivals)


def test_encryption_marks_the_records_written_under_it(kinesis):
    shard_id = put(kinesis, (b"plain", "a"))["Records"][0]["ShardId"]
    key = {"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.call("StartStreamEncryption", key)
    assert put(kinesis, (b"secret", "a"))["EncryptionType"] == "KMS"
    kinesis.call("StopStreamEncryption", key)
    put(kinesis, (b"plain", "a"))
    marks = [record.get("EncryptionType") for record in read_shard(kinesis, shard_id)]
    assert marks == [None, "KMS", None]


@pytest.mark.parametrize(
    ("record", "at", "words"),
    [
        ({"Data": b"x", "PartitionKey": ""}, "partitionKey", "length greater than or equal to 1"),
        ({"Data": b"x", "PartitionKey": "k" * 257}, "partitionKey", "length less than or equal to 256"),
        ({"PartitionKey": "k"}, "data", "must not be null"),
        ({"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "01"}, "explicitHashKey", "pattern"),
    ],
)
def test_a_members_constraints(kinesis, record, at, words):
    request = {"StreamName": "s", "Records": [{"Data": b"", "PartitionKey": "k"}, record]}
    error = refused(kinesis, "PutRecords", request)
    assert error.code == "ValidationException"
    assert f"'records.2.member.{at}'" in error.message
    assert words in error.message


@pytest.mark.parametrize(
    "request_",
    [{}, {"StreamName": "nope"}, {"StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/nope"}],
)
def test_the_stream_must_be_there(kinesis, request_):
    error = refused(kinesis, "PutRecord", {**request_, "Data": b"", "PartitionKey": "k"})
    assert error.code == ("ResourceNotFoundException" if request_ else "InvalidArgumentException")


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:kinesis:eu-west-1:123456789012:stream/s", "arn:aws:kinesis:us-east-1:999999999999:stream/s"],
)
def test_an_arn_of_elsewhere_is_not_found(kinesis, arn):
    error = refused(kinesis, "DescribeStream", {"StreamARN": arn})
    assert error.code == "ResourceNotFoundException"
    assert arn.split(":")[4] in error.message


def test_an_arn_stands_for_the_name_and_must_agree_with_it(kinesis):
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    record = {"Data": b"", "PartitionKey": "k"}
    assert kinesis.call("PutRecord", {"StreamARN": arn, **record})
    assert kinesis.call("PutRecord", {"StreamARN": arn, "StreamName": "s", **record})
    error = refused(kinesis, "PutRecord", {"StreamARN": arn, "StreamName": "t", **record})
    assert error.code == "InvalidArgumentException"
