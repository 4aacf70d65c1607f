"""The requests of the API, each named after its operation, with the constraints of the API's model.

Source: the API reference (docs.aws.amazon.com/kinesis/latest/APIReference). Names are the service's. A field
that may be left out is None then. Timestamps are epoch seconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from iotstream.local.kinesis import limits

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[a-zA-Z0-9_.-]+$")]
StreamArn = Annotated[str, Meta(max_length=2048, pattern=r"^arn:aws.*:kinesis:.*:\d{12}:stream/\S+$")]
ConsumerArn = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^arn:aws.*:kinesis:.*:\d{12}:.*stream/[a-zA-Z0-9_.-]+/consumer/[a-zA-Z0-9_.-]+:[0-9]+$",
    ),
]
ResourceArn = Annotated[str, Meta(max_length=2048, pattern=r"^arn:aws.*:kinesis:.*:\d{12}:.*stream/\S+$")]
PartitionKey = Annotated[str, Meta(min_length=1, max_length=limits.PARTITION_KEY_MAX_CHARACTERS)]
HashKey = Annotated[str, Meta(pattern=r"^(0|([1-9]\d{0,38}))$")]
SequenceNumber = Annotated[str, Meta(pattern=r"^(0|([1-9]\d{0,128}))$")]
Positive = Annotated[int, Meta(ge=1)]
Token = Annotated[str, Meta(min_length=1, max_length=1_048_576)]
TagKey = Annotated[str, Meta(min_length=1, max_length=128)]
TagValue = Annotated[str, Meta(max_length=256)]
Tags = Annotated[dict[TagKey, TagValue], Meta(min_length=1, max_length=200)]
TagKeys = Annotated[list[TagKey], Meta(min_length=1, max_length=50)]
MaxResults = Annotated[int, Meta(ge=1, le=10_000)]
RecordSizeKib = Annotated[int, Meta(ge=limits.RECORD_MIN_LIMIT_KIB, le=limits.RECORD_MAX_LIMIT_KIB)]
Metric = Literal[
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
    "ALL",
]
PositionType = Literal[
    "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"
]
FilterType = Literal[
    "AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"
]


class StreamModeDetails(Struct):
    """How a stream's capacity is managed."""

    StreamMode: Literal["PROVISIONED", "ON_DEMAND"]


class OfStream(Struct, kw_only=True):
    """What names its stream by name, ARN or both."""

    StreamName: Name | None = None
    StreamARN: StreamArn | None = None


class CreateStream(Struct, kw_only=True):
    """Make a stream."""

    StreamName: Name
    ShardCount: Positive | None = None
    StreamModeDetails: StreamModeDetails | None = None
    Tags: Tags | None = None
    MaxRecordSizeInKiB: RecordSizeKib | None = None


class DeleteStream(OfStream):
    """Delete a stream."""

    EnforceConsumerDeletion: bool | None = None


class DescribeStream(OfStream):
    """A stream and its shards."""

    Limit: MaxResults | None = None
    ExclusiveStartShardId: Name | None = None


class DescribeStreamSummary(OfStream):
    """A stream without its shards."""


class DescribeLimits(Struct):
    """The account's quotas."""


class ListStreams(Struct, kw_only=True):
    """The account's streams."""

    Limit: MaxResults | None = None
    ExclusiveStartStreamName: Name | None = None
    NextToken: Token | None = None


class ShardFilter(Struct):
    """Which shards are listed."""

    Type: FilterType
    ShardId: Name | None = None
    Timestamp: float | None = None


class ListShards(OfStream):
    """A stream's shards."""

    NextToken: Token | None = None
    ExclusiveStartShardId: Name | None = None
    MaxResults: MaxResults | None = None
    StreamCreationTimestamp: float | None = None
    ShardFilter: ShardFilter | None = None


class PutRecord(OfStream):
    """Write one record."""

    Data: bytes
    PartitionKey: PartitionKey
    ExplicitHashKey: HashKey | None = None
    SequenceNumberForOrdering: SequenceNumber | None = None


class PutRecordsEntry(Struct, kw_only=True, gc=False):
    """One record of PutRecords."""

    Data: bytes
    PartitionKey: PartitionKey
    ExplicitHashKey: HashKey | None = None


class PutRecords(OfStream):
    """Write up to 500 records."""

    Records: Annotated[list[PutRecordsEntry], Meta(min_length=1, max_length=limits.PUT_RECORDS_MAX_RECORDS)]


class GetShardIterator(OfStream):
    """Where to start reading a shard."""

    ShardId: Name
    ShardIteratorType: PositionType
    StartingSequenceNumber: SequenceNumber | None = None
    Timestamp: float | None = None


class GetRecords(Struct, kw_only=True):
    """Read a shard from an iterator on."""

    ShardIterator: Annotated[str, Meta(min_length=1, max_length=512)]
    Limit: Annotated[int, Meta(ge=1, le=limits.GET_RECORDS_MAX_RECORDS)] | None = None
    StreamARN: StreamArn | None = None


class SplitShard(OfStream):
    """Open two shards in place of one."""

    ShardToSplit: Name
    NewStartingHashKey: HashKey


class MergeShards(OfStream):
    """Open one shard in place of two neighbours."""

    ShardToMerge: Name
    AdjacentShardToMerge: Name


class UpdateShardCount(OfStream):
    """Split and merge evenly to a number of shards."""

    TargetShardCount: Positive
    ScalingType: Literal["UNIFORM_SCALING"]


class IncreaseStreamRetentionPeriod(OfStream):
    """Keep records longer."""

    RetentionPeriodHours: int


class DecreaseStreamRetentionPeriod(OfStream):
    """Keep records less long."""

    RetentionPeriodHours: int


class UpdateStreamMode(Struct, kw_only=True):
    """Change between on-demand and provisioned capacity."""

    StreamARN: StreamArn
    StreamModeDetails: StreamModeDetails


class UpdateMaxRecordSize(Struct, kw_only=True):
    """Change how large a record may be."""

    StreamARN: StreamArn
    MaxRecordSizeInKiB: RecordSizeKib


class StartStreamEncryption(OfStream):
    """Encrypt with a key of KMS; recorded only."""

    EncryptionType: Literal["NONE", "KMS"]
    KeyId: Annotated[str, Meta(min_length=1, max_length=2048)]


class StopStreamEncryption(StartStreamEncryption):
    """Stop encrypting."""


class EnableEnhancedMonitoring(OfStream):
    """Switch shard-level metrics on; recorded only."""

    ShardLevelMetrics: Annotated[list[Metric], Meta(min_length=1, max_length=7)]


class DisableEnhancedMonitoring(EnableEnhancedMonitoring):
    """Switch shard-level metrics off."""


class RegisterStreamConsumer(Struct, kw_only=True):
    """Register a consumer for enhanced fan-out."""

    StreamARN: StreamArn
    ConsumerName: Name
    Tags: Tags | None = None


class DescribeStreamConsumer(Struct, kw_only=True):
    """A registered consumer, by its ARN or by its name and its stream's ARN."""

    StreamARN: StreamArn | None = None
    ConsumerName: Name | None = None
    ConsumerARN: ConsumerArn | None = None


class DeregisterStreamConsumer(DescribeStreamConsumer):
    """Forget a registered consumer."""


class ListStreamConsumers(Struct, kw_only=True):
    """A stream's registered consumers."""

    StreamARN: StreamArn
    NextToken: Token | None = None
    MaxResults: MaxResults | None = None
    StreamCreationTimestamp: float | None = None


class StartingPosition(Struct):
    """Where a subscription starts."""

    Type: PositionType
    SequenceNumber: SequenceNumber | None = None
    Timestamp: float | None = None


class SubscribeToShard(Struct, kw_only=True):
    """Have a shard's records pushed."""

    ConsumerARN: ConsumerArn
    ShardId: Name
    StartingPosition: StartingPosition


class AddTagsToStream(OfStream):
    """Add or change tags."""

    Tags: Tags


class RemoveTagsFromStream(OfStream):
    """Remove tags."""

    TagKeys: TagKeys


class ListTagsForStream(OfStream):
    """A stream's tags, paged."""

    ExclusiveStartTagKey: TagKey | None = None
    Limit: Annotated[int, Meta(ge=1, le=50)] | None = None


class TagResource(Struct, kw_only=True):
    """Add or change tags of a stream or consumer."""

    ResourceARN: ResourceArn
    Tags: Tags


class UntagResource(Struct, kw_only=True):
    """Remove tags of a stream or consumer."""

    ResourceARN: ResourceArn
    TagKeys: TagKeys


class ListTagsForResource(Struct, kw_only=True):
    """The tags of a stream or consumer."""

    ResourceARN: ResourceArn
