from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinesis_helpers import get, iterator, put, refused

from iotstream.local.kinesis import Kinesis, Settings, limits
from iotstream.local.kinesis.rates import Bucket

EXCEEDED = "ProvisionedThroughputExceededException"
FIRST = "shardId-000000000000"


@pytest.fixture
def one_shard(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    return kinesis


def test_1000_records_a_second_then_partial_failure(one_shard, clock):
    put(one_shard, *[(b"x", "k")] * 500)
    clock.advance(0.0004)
    put(one_shard, *[(b"x", "k")] * 499)
    answer = put(one_shard, *[(b"x", "k")] * 10)
    codes = [record.get("ErrorCode") for record in answer["Records"]]
    assert codes == [None] + [EXCEEDED] * 9
    assert answer["FailedRecordCount"] == 9
    assert FIRST in answer["Records"][1]["ErrorMessage"]
    assert "SequenceNumber" not in answer["Records"][1]
    clock.advance(1)
    assert put(one_shard, *[(b"x", "k")] * 500)["FailedRecordCount"] == 0


def test_put_record_raises_when_the_shard_is_full(one_shard):
    for _ in range(2):
        put(one_shard, *[(b"x", "k")] * 500)
    error = refused(one_shard, "PutRecord", {"StreamName": "s", "Data": b"x", "PartitionKey": "k"})
    assert (error.code, error.status) == (EXCEEDED, 400)


def test_a_mebibyte_a_second_keys_included(one_shard, clock):
    half = b"x" * (limits.MIB // 2 - 1)
    answer = put(one_shard, (half, "k"), (half, "k"), (b"", "k"))
    assert [record.get("ErrorCode") for record in answer["Records"]] == [None, None, EXCEEDED]
    clock.advance(0.25)
    answer = put(one_shard, (half, "k"), (half[: limits.MIB // 4 - 1], "k"))
    assert [record.get("ErrorCode") for record in answer["Records"]] == [EXCEEDED, None]


def test_shards_have_limits_of_their_own(kinesis):
    for key in ("0", str(2**127)):
        entry = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": key}
        for _ in range(2):
            answer = kinesis.call("PutRecords", {"StreamName": "s", "Records": [entry] * 500})
            assert answer["FailedRecordCount"] == 0


def test_limits_off_takes_throughput_but_not_size(clock):
    kinesis = Kinesis(clock, Settings(limits=False))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    for _ in range(5):
        assert put(kinesis, *[(b"x" * 2000, "k")] * 500)["FailedRecordCount"] == 0
    for _ in range(20):
        get(kinesis, iterator(kinesis, FIRST))
    too_large = {"StreamName": "s", "Data": b"x" * limits.MIB, "PartitionKey": "k"}
    assert refused(kinesis, "PutRecord", too_large).code == "ValidationException"


def test_a_record_and_its_key_are_at_most_a_mebibyte(one_shard):
    largest = b"x" * (limits.MIB - 2)
    assert put(one_shard, (largest, "é"))["FailedRecordCount"] == 0
    request = {"StreamName": "s", "Records": [{"Data": largest + b"x", "PartitionKey": "é"}]}
    error = refused(one_shard, "PutRecords", request)
    assert error.code == "ValidationException"
    assert "records.1.member.data" in error.message


def test_large_records_need_to_be_allowed_and_leave_a_debt(one_shard, clock):
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    one_shard.call("UpdateMaxRecordSize", {"StreamARN": arn, "MaxRecordSizeInKiB": 10_240})
    assert put(one_shard, (b"x" * 4 * limits.MIB, "k"))["FailedRecordCount"] == 0
    assert put(one_shard, (b"x", "k"))["FailedRecordCount"] == 1
    clock.advance(2.9)
    assert put(one_shard, (b"x", "k"))["FailedRecordCount"] == 1
    clock.advance(0.2)
    assert put(one_shard, (b"x", "k"))["FailedRecordCount"] == 0


def test_500_records_and_10_mebibytes_a_call(one_shard):
    entry = {"Data": b"", "PartitionKey": "k"}
    error = refused(one_shard, "PutRecords", {"StreamName": "s", "Records": [entry] * 501})
    assert error.code == "ValidationException"
    assert "'records'" in error.message
    assert "less than or equal to 500" in error.message
    assert refused(one_shard, "PutRecords", {"StreamName": "s", "Records": []}).code == "ValidationException"
    big = {"Data": b"x" * (limits.MIB - 1), "PartitionKey": "k"}
    error = refused(one_shard, "PutRecords", {"StreamName": "s", "Records": [*[big] * 10, entry]})
    assert error.code == "InvalidArgumentException"
    assert one_shard.call("PutRecords", {"StreamName": "s", "Records": [big] * 10})["FailedRecordCount"] == 9


def test_5_reads_a_second(kinesis, clock):
    token = iterator(kinesis, FIRST)
    for _ in range(5):
        get(kinesis, token)
    assert refused(kinesis, "GetRecords", {"ShardIterator": token}).code == EXCEEDED
    clock.advance(0.21)
    get(kinesis, token)


def test_5_iterators_a_second_and_shard(kinesis):
    for _ in range(5):
        iterator(kinesis, FIRST)
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "LATEST"}
    assert refused(kinesis, "GetShardIterator", request).code == EXCEEDED
    iterator(kinesis, "shardId-000000000001")


def test_a_read_is_at_most_10_mebibytes_and_10_of_them_block_for_5_seconds(one_shard, clock):
    for _ in range(12):
        put(one_shard, (b"x" * (limits.MIB - 1), "k"))
        clock.advance(1)
    answer = get(one_shard, iterator(one_shard, FIRST))
    assert len(answer["Records"]) == 10
    rest = {"ShardIterator": answer["NextShardIterator"]}
    clock.advance(4.99)
    assert refused(one_shard, "GetRecords", rest).code == EXCEEDED
    clock.advance(0.02)
    assert len(one_shard.call("GetRecords", rest)["Records"]) == 2


def test_a_read_is_at_most_10_000_records(clock):
    kinesis = Kinesis(clock, Settings(limits=False))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    for _ in range(21):
        put(kinesis, *[(b"", "k")] * 500)
    assert len(get(kinesis, iterator(kinesis, FIRST))["Records"]) == 10_000
    token = iterator(kinesis, FIRST)
    assert (
        refused(kinesis, "GetRecords", {"ShardIterator": token, "Limit": 10_001}).code
        == "ValidationException"
    )


def test_control_plane_calls_are_rationed(kinesis, clock):
    for _ in range(10):
        kinesis.call("DescribeStream", {"StreamName": "s"})
    assert refused(kinesis, "DescribeStream", {"StreamName": "s"}).code == "LimitExceededException"
    clock.advance(0.11)
    kinesis.call("DescribeStream", {"StreamName": "s"})


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 150)), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate_and_one_second(steps):
    bucket, now, given_at = Bucket(100, 0.0), 0.0, []
    for wait, amount in steps:
        now += wait
        if bucket.take(amount, now):
            given_at.append((now, amount))
    for start, (since, _) in enumerate(given_at):
        for end in range(start, len(given_at)):
            # A record larger than the bucket takes a debt: leave the last one out.
            taken = sum(amount for _, amount in given_at[start:end])
            debt = sum(max(0, amount - 100) for _, amount in given_at[start:end])
            assert taken - debt <= 100 + 100 * (given_at[end][0] - since) + 1e-6


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 40)), max_size=80))
def test_a_bucket_gives_what_has_been_saved(steps):
    bucket, now, level = Bucket(100, 0.0), 0.0, 100.0
    for wait, amount in steps:
        now += wait
        level = min(100.0, level + wait * 100)
        taken = bucket.take(amount, now)
        if abs(level - amount) > 1e-6:
            assert taken == (level > amount)
        level -= amount if taken else 0
