from __future__ import annotations

import pytest
from kinesis_helpers import put, refused

from iotstream.local.kinesis import Kinesis, Settings

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"


def summary(kinesis, name="s"):
    return kinesis.call("DescribeStreamSummary", {"StreamName": name})["StreamDescriptionSummary"]


@pytest.fixture
def slow(clock):
    """Changes take 10 seconds."""
    return Kinesis(clock, Settings(status_delay=10))


def test_a_stream_is_created_updated_and_deleted_in_time(slow, clock):
    slow.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    assert summary(slow)["StreamStatus"] == "CREATING"
    record = {"StreamName": "s", "Data": b"", "PartitionKey": "k"}
    assert refused(slow, "PutRecord", record).code == "ResourceNotFoundException"
    clock.advance(10)
    assert summary(slow)["StreamStatus"] == "ACTIVE"

    reshard = {"StreamName": "s", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}
    slow.call("UpdateShardCount", reshard)
    assert summary(slow)["StreamStatus"] == "UPDATING"
    slow.call("PutRecord", record)
    for operation, request in {
        "UpdateShardCount": reshard,
        "SplitShard": {"StreamName": "s", "ShardToSplit": "shardId-000000000002", "NewStartingHashKey": "9"},
        "IncreaseStreamRetentionPeriod": {"StreamName": "s", "RetentionPeriodHours": 48},
    }.items():
        assert refused(slow, operation, request).code == "ResourceInUseException"
    clock.advance(10)

    slow.call("DeleteStream", {"StreamName": "s"})
    assert summary(slow)["StreamStatus"] == "DELETING"
    assert (
        refused(slow, "CreateStream", {"StreamName": "s", "ShardCount": 1}).code == "ResourceInUseException"
    )
    clock.advance(10)
    error = refused(slow, "DescribeStreamSummary", {"StreamName": "s"})
    assert error.code == "ResourceNotFoundException"
    assert error.message == "Stream s under account 123456789012 not found."
    slow.call("CreateStream", {"StreamName": "s", "ShardCount": 1})


def test_5_streams_at_once_in_creation(slow, clock):
    for n in range(5):
        slow.call("CreateStream", {"StreamName": f"s{n}", "ShardCount": 1})
    clock.advance(5)
    sixth = {"StreamName": "s5", "ShardCount": 1}
    assert refused(slow, "CreateStream", sixth).code == "LimitExceededException"
    clock.advance(5)
    slow.call("CreateStream", sixth)


def test_a_name_is_taken_once(kinesis):
    error = refused(kinesis, "CreateStream", {"StreamName": "s", "ShardCount": 1})
    assert error.code == "ResourceInUseException"


@pytest.mark.parametrize(
    "request_",
    [
        {"StreamName": "t"},
        {"StreamName": "t", "ShardCount": 0},
        {"StreamName": "a b", "ShardCount": 1},
        {"StreamName": "", "ShardCount": 1},
        {"StreamName": "t" * 129, "ShardCount": 1},
        {"ShardCount": 1},
        {"StreamName": "t", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
        {"StreamName": "t", "StreamModeDetails": {"StreamMode": "FREE"}},
        {"StreamName": "t", "ShardCount": 1, "MaxRecordSizeInKiB": 1023},
        {"StreamName": "t", "ShardCount": 1, "MaxRecordSizeInKiB": 10_241},
        {"StreamName": "t", "ShardCount": 1, "Tags": {"k": "v" * 257}},
    ],
)
def test_what_is_no_stream(kinesis, request_):
    assert refused(kinesis, "CreateStream", request_).code == "ValidationException"
    assert kinesis.call("ListStreams")["StreamNames"] == ["s"]


def test_the_shard_quota(kinesis):
    too_many = {"StreamName": "t", "ShardCount": 19_999}
    assert refused(kinesis, "CreateStream", too_many).code == "LimitExceededException"


def test_a_wrong_type_is_a_serialization_exception(kinesis):
    error = refused(kinesis, "CreateStream", {"StreamName": "t", "ShardCount": "two"})
    assert error.code == "SerializationException"
    assert "ShardCount" in error.message


def test_streams_are_listed_by_name_in_pages(clock):
    kinesis = Kinesis(clock, Settings(limits=False))
    names = [f"s{n}" for n in range(5)]
    for name in reversed(names):
        kinesis.call("CreateStream", {"StreamName": name, "ShardCount": 1})
    first = kinesis.call("ListStreams", {"Limit": 2})
    assert (first["StreamNames"], first["HasMoreStreams"]) == (names[:2], True)
    second = kinesis.call("ListStreams", {"Limit": 2, "NextToken": first["NextToken"]})
    assert second["StreamNames"] == names[2:4]
    last = kinesis.call("ListStreams", {"ExclusiveStartStreamName": "s3"})
    assert (last["StreamNames"], last["HasMoreStreams"]) == (["s4"], False)
    assert last["StreamSummaries"][0]["StreamStatus"] == "ACTIVE"


@pytest.mark.parametrize(
    ("operation", "hours"),
    [
        ("IncreaseStreamRetentionPeriod", 23),
        ("IncreaseStreamRetentionPeriod", 47),
        ("IncreaseStreamRetentionPeriod", 8761),
        ("DecreaseStreamRetentionPeriod", 49),
        ("DecreaseStreamRetentionPeriod", 23),
    ],
)
def test_retention_between_a_day_and_a_year_in_the_right_direction(kinesis, operation, hours):
    kinesis.call("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 48})
    error = refused(kinesis, operation, {"StreamName": "s", "RetentionPeriodHours": hours})
    assert error.code == "InvalidArgumentException"
    assert str(hours) in error.message
    assert summary(kinesis)["RetentionPeriodHours"] == 48


def test_what_is_recorded_is_described(kinesis):
    kinesis.call("StartStreamEncryption", {"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/k"})
    kinesis.call("EnableEnhancedMonitoring", {"StreamName": "s", "ShardLevelMetrics": ["IncomingBytes"]})
    kinesis.call("UpdateMaxRecordSize", {"StreamARN": ARN, "MaxRecordSizeInKiB": 2048})
    kinesis.call("UpdateStreamMode", {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}})
    described = summary(kinesis)
    assert described["EncryptionType"] == "KMS"
    assert described["KeyId"] == "alias/k"
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
    assert described["MaxRecordSizeInKiB"] == 2048
    assert described["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert described["OpenShardCount"] == 2
    assert put(kinesis, (b"x" * 2**20, "k"))["FailedRecordCount"] == 0
    kinesis.call("DisableEnhancedMonitoring", {"StreamName": "s", "ShardLevelMetrics": ["ALL"]})
    assert summary(kinesis)["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]


def test_mode_changes_twice_a_day(kinesis, clock):
    for mode in ("ON_DEMAND", "PROVISIONED"):
        kinesis.call("UpdateStreamMode", {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": mode}})
    third = {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    assert refused(kinesis, "UpdateStreamMode", third).code == "LimitExceededException"
    clock.advance(86_401)
    kinesis.call("UpdateStreamMode", third)


def test_tags_of_a_stream(kinesis):
    kinesis.call("AddTagsToStream", {"StreamName": "s", "Tags": {"b": "2", "a": "1", "c": ""}})
    kinesis.call("AddTagsToStream", {"StreamName": "s", "Tags": {"b": "3"}})
    kinesis.call("RemoveTagsFromStream", {"StreamName": "s", "TagKeys": ["a", "absent"]})
    tags = [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}]
    assert kinesis.call("ListTagsForStream", {"StreamName": "s"}) == {"Tags": tags, "HasMoreTags": False}
    page = kinesis.call("ListTagsForStream", {"StreamName": "s", "Limit": 1})
    assert page == {"Tags": tags[:1], "HasMoreTags": True}
    rest = kinesis.call("ListTagsForStream", {"StreamName": "s", "ExclusiveStartTagKey": "b"})
    assert rest == {"Tags": tags[1:], "HasMoreTags": False}


def test_tags_of_a_resource(kinesis):
    consumer = kinesis.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})["Consumer"]
    for arn in (ARN, consumer["ConsumerARN"]):
        kinesis.call("TagResource", {"ResourceARN": arn, "Tags": {"a": arn[-8:], "b": "2"}})
        kinesis.call("UntagResource", {"ResourceARN": arn, "TagKeys": ["b"]})
        tags = kinesis.call("ListTagsForResource", {"ResourceARN": arn})["Tags"]
        assert tags == [{"Key": "a", "Value": arn[-8:]}]


def test_50_tags(kinesis):
    kinesis.call("AddTagsToStream", {"StreamName": "s", "Tags": {f"k{n}": "" for n in range(50)}})
    kinesis.call("AddTagsToStream", {"StreamName": "s", "Tags": {"k7": "changed"}})
    one_more = {"StreamName": "s", "Tags": {"k50": ""}}
    assert refused(kinesis, "AddTagsToStream", one_more).code == "LimitExceededException"


def test_limits_are_described(kinesis):
    answer = kinesis.call("DescribeLimits")
    assert answer["OpenShardCount"] == 2
    assert answer["OnDemandStreamCount"] == 0


def test_an_unknown_operation(kinesis):
    assert refused(kinesis, "CreateChannel", {}).code == "UnknownOperationException"
