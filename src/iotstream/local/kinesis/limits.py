"""What Kinesis Data Streams limits, as numbers.

Sources: "Quotas and limits" (docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html), "Handle
large records" (.../dev/large-records.html) and the API reference
(docs.aws.amazon.com/kinesis/latest/APIReference); the operation in brackets is the page that says it.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Writing, for each shard [PutRecord]. Partition keys count as bytes.
SHARD_WRITE_BYTES_PER_S: Final = MIB
SHARD_WRITE_RECORDS_PER_S: Final = 1_000

# One call [PutRecords]: data and partition keys together.
PUT_RECORDS_MAX_RECORDS: Final = 500
PUT_RECORDS_MAX_BYTES: Final = 10 * MIB

# One record: data and partition key together. A stream takes 1 MiB unless it was told otherwise
# [UpdateMaxRecordSize].
RECORD_MIN_LIMIT_KIB: Final = 1024
RECORD_MAX_LIMIT_KIB: Final = 10_240
PARTITION_KEY_MAX_CHARACTERS: Final = 256

# Reading, for each shard, by all consumers that poll [GetRecords].
SHARD_READ_BYTES_PER_S: Final = 2 * MIB
SHARD_READ_CALLS_PER_S: Final = 5
GET_RECORDS_MAX_RECORDS: Final = 10_000
GET_RECORDS_MAX_BYTES: Final = 10 * MIB
ITERATOR_LIFETIME_S: Final = 300

# Reading by enhanced fan-out, for each consumer and shard [SubscribeToShard, RegisterStreamConsumer].
FAN_OUT_BYTES_PER_S: Final = 2 * MIB
SUBSCRIPTION_LIFETIME_S: Final = 300
SUBSCRIPTION_MIN_AGE_S: Final = 5
CONSUMERS_PER_STREAM: Final = 20
CONSUMERS_IN_CREATION: Final = 5

# Streams [CreateStream, IncreaseStreamRetentionPeriod, UpdateShardCount, AddTagsToStream]. The shard quota is
# the one of the largest regions.
STREAMS_IN_CREATION: Final = 5
SHARDS_PER_ACCOUNT: Final = 20_000
ON_DEMAND_STREAMS: Final = 50
ON_DEMAND_FIRST_SHARDS: Final = 4
RETENTION_MIN_HOURS: Final = 24
RETENTION_MAX_HOURS: Final = 8_760
SHARD_COUNT_UPDATES_PER_DAY: Final = 10
SHARD_COUNT_MAX: Final = 10_000
MODE_CHANGES_PER_DAY: Final = 2
TAGS_PER_RESOURCE: Final = 50

# Listing [DescribeStream, ListShards, ListStreams, ListStreamConsumers, ListTagsForStream].
DESCRIBE_STREAM_MAX_SHARDS: Final = 100
LIST_SHARDS_MAX: Final = 1_000
LIST_STREAMS_DEFAULT: Final = 100
LIST_CONSUMERS_MAX: Final = 100
LIST_TAGS_MAX: Final = 50
NEXT_TOKEN_LIFETIME_S: Final = 300

# Calls a second for an account, by operation; those of `PER_STREAM_CALLS` for each stream. GetShardIterator's
# is for each shard.
CALLS_PER_S: Final = {
    "AddTagsToStream": 5,
    "CreateStream": 5,
    "DecreaseStreamRetentionPeriod": 5,
    "DeleteStream": 5,
    "DescribeLimits": 1,
    "DescribeStream": 10,
    "DescribeStreamSummary": 20,
    "IncreaseStreamRetentionPeriod": 5,
    "ListStreams": 5,
    "ListTagsForStream": 5,
    "MergeShards": 5,
    "RegisterStreamConsumer": 5,
    "RemoveTagsFromStream": 5,
    "SplitShard": 5,
    "UpdateShardCount": 10,
}
PER_STREAM_CALLS: Final = {
    "DeregisterStreamConsumer": 5,
    "DescribeStreamConsumer": 20,
    "ListShards": 1_000,
    "ListStreamConsumers": 5,
}
GET_SHARD_ITERATOR_CALLS_PER_S: Final = 5
SUBSCRIBE_CALLS_PER_S: Final = 1

HASH_KEYS: Final = 2**128
