"""The same requests to moto's Kinesis, another reading of the service: equal codes and equal shapes."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from iotstream.local.kinesis import Kinesis, KinesisError, Settings

FIRST = "shardId-000000000000"
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
RECORD = {"Data": b"x", "PartitionKey": "k"}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("CreateStream", {"StreamName": "s", "ShardCount": 2}),
    ("CreateStream", {"StreamName": "s", "ShardCount": 2}),
    ("CreateStream", {"StreamName": "demand", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}),
    ("ListStreams", {}),
    ("DescribeStream", {"StreamName": "s"}),
    ("DescribeStream", {"StreamARN": ARN}),
    ("DescribeStream", {"StreamName": "nope"}),
    ("DescribeStreamSummary", {"StreamName": "s"}),
    ("PutRecord", {"StreamName": "s", **RECORD}),
    ("PutRecord", {"StreamName": "nope", **RECORD}),
    ("PutRecord", {"StreamName": "s", **RECORD, "ExplicitHashKey": str(2**128)}),
    ("PutRecords", {"StreamName": "s", "Records": [RECORD, RECORD]}),
    ("PutRecords", {"StreamName": "nope", "Records": [RECORD]}),
    ("PutRecords", {"StreamName": "s", "Records": [RECORD] * 501}),
    ("PutRecords", {"StreamName": "s", "Records": [RECORD | {"Data": b"x" * (2**20 + 1)}]}),
    ("GetShardIterator", {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}),
    ("GetShardIterator", {"StreamName": "s", "ShardId": "shardId-9", "ShardIteratorType": "LATEST"}),
    ("GetShardIterator", {"StreamName": "nope", "ShardId": FIRST, "ShardIteratorType": "LATEST"}),
    ("SplitShard", {"StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": "1000"}),
    ("SplitShard", {"StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": "1000"}),
    ("SplitShard", {"StreamName": "s", "ShardToSplit": "shardId-000000000077", "NewStartingHashKey": "9"}),
    ("SplitShard", {"StreamName": "s", "ShardToSplit": "shardId-000000000001", "NewStartingHashKey": "9"}),
    ("SplitShard", {"StreamName": "nope", "ShardToSplit": FIRST, "NewStartingHashKey": "9"}),
    ("DescribeStream", {"StreamName": "s"}),
    ("ListShards", {"StreamName": "s"}),
    ("ListShards", {"StreamName": "nope"}),
    (
        "MergeShards",
        {
            "StreamName": "s",
            "ShardToMerge": "shardId-000000000002",
            "AdjacentShardToMerge": "shardId-000000000001",
        },
    ),
    (
        "UpdateShardCount",
        {"StreamName": "demand", "TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"},
    ),
    ("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 23}),
    ("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 48}),
    ("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 30}),
    ("DecreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 72}),
    ("DecreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 24}),
    ("AddTagsToStream", {"StreamName": "s", "Tags": {"a": "1"}}),
    ("ListTagsForStream", {"StreamName": "s"}),
    ("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"}),
    ("DescribeStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"}),
    ("DescribeStreamConsumer", {"StreamARN": ARN, "ConsumerName": "nobody"}),
    ("ListStreamConsumers", {"StreamARN": ARN}),
    ("DeregisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"}),
    ("StartStreamEncryption", {"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/k"}),
    ("DescribeStreamSummary", {"StreamName": "s"}),
    ("DeleteStream", {"StreamName": "s"}),
    ("DeleteStream", {"StreamName": "s"}),
]

# Fields of the service's answers that moto leaves out. (It also lists closed shards AT_LATEST: not compared.)
MOTO_LACKS = {
    "DescribeStream": {"StreamModeDetails"},
    "DescribeStreamSummary": {"MaxRecordSizeInKiB", "ConsumerCount"},
    "ListStreams": {"StreamSummaries"},
}


def shape(value: Any, ignored: set[str]) -> Any:
    """The names and types of an answer; of a list its first item stands for all."""
    if isinstance(value, dict):
        return {name: shape(inner, ignored) for name, inner in value.items() if name not in ignored}
    if isinstance(value, list):
        return [shape(inner, ignored) for inner in value[:1]]
    return "number or time" if not isinstance(value, str | bytes | bool) else type(value).__name__


@pytest.fixture(scope="module")
def answers() -> list[tuple[str, Any, Any]]:
    with mock_aws():
        client = boto3.client("kinesis", region_name="us-east-1")
        kinesis = Kinesis(settings=Settings(limits=False))
        return [
            (name, ours(kinesis, name, request), motos(client, name, request)) for name, request in REQUESTS
        ]


def ours(kinesis: Kinesis, operation: str, request: dict[str, Any]) -> Any:
    try:
        return kinesis.call(operation, request)
    except KinesisError as error:
        return error.code


def motos(client: Any, operation: str, request: dict[str, Any]) -> Any:
    from botocore import xform_name

    try:
        answer = getattr(client, xform_name(operation))(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    del answer["ResponseMetadata"]
    return answer


@pytest.mark.parametrize("index", range(len(REQUESTS)))
def test_moto_answers_alike(answers, index):
    operation, our_answer, motos_answer = answers[index]
    ignored = MOTO_LACKS.get(operation, set())
    assert shape(our_answer, ignored) == shape(motos_answer, ignored)
