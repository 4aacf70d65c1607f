"""What the services allow and how they count: quotas, sizes, rates. Where a region matters, us-east-1's."""

from __future__ import annotations

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

HOURS = 730.0
"""In a month, as AWS's own estimates have it."""
SECONDS = HOURS * 3600
DAYS = HOURS / 24

# https://docs.aws.amazon.com/general/latest/gr/iot-core.html#limits_iot
IOT_METERED_BYTES = 5 * KIB
"""Messages, rules and actions are counted in such pieces of payload and topic."""
IOT_MAX_PAYLOAD_BYTES = 128 * KIB
IOT_PUBLISHES_PER_S = 20_000
"""Inbound, an account; adjustable."""
IOT_RULES_PER_S = 20_000
"""Rule evaluations, an account; adjustable."""
IOT_CONNECTIONS = 500_000
"""At once, an account; adjustable."""
IOT_PUBLISHES_PER_CONNECTION_S = 100

# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_BYTES_PER_S = MIB
SHARD_RECORDS_PER_S = 1000
SHARDS = 20_000
"""Provisioned, an account; adjustable."""
ON_DEMAND_SHARDS = 4
"""What a new on-demand stream can take: 4 MB/s."""
ON_DEMAND_BYTES_PER_S = 10_000 * MIB
"""Of a stream."""
MAX_RECORD_BYTES = MIB
"""As a stream takes it unless it was told otherwise, and as the schema file's limits have it by default."""
PUT_UNIT_BYTES = 25 * KIB
INGESTED_UNIT_BYTES = KIB
FREE_RETENTION_HOURS = 24
LONG_RETENTION_HOURS = 168
MAX_RETENTION_HOURS = 8760

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, …/dg/with-kinesis.html
LAMBDA_BATCH_RECORDS = 10_000
LAMBDA_BATCH_BYTES = 6 * MIB
LAMBDA_MAX_WINDOW_S = 300
LAMBDA_VCPU_MB = 1769
"""The memory that brings one vCPU."""
LAMBDA_CONCURRENCY = 1000
"""An account's; adjustable."""

FARGATE_SIZES: dict[float, tuple[int, ...]] = {
    0.25: (1, 2),
    0.5: (1, 2, 3, 4),
    1: tuple(range(2, 9)),
    2: tuple(range(4, 17)),
    4: tuple(range(8, 31)),
    8: tuple(range(16, 61, 4)),
    16: tuple(range(32, 121, 8)),
}
"""vCPUs, and the GB that may go with them.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""

# https://docs.aws.amazon.com/timestream/latest/developerguide/metering-and-pricing.writes.html
WRITE_UNIT_BYTES = KIB
WRITE_RECORDS = 100
"""In one WriteRecords call."""
QUERY_TCUS = 4
QUERY_SECONDS = 30
"""A query takes at least four compute units for half a minute.
https://docs.aws.amazon.com/timestream/latest/developerguide/metering-and-pricing.queries.html"""

INFLUX_CLASSES: dict[str, int] = {
    "medium": 1,
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
}
"""`db.influx.…` and its vCPUs.
https://docs.aws.amazon.com/timestream/latest/developerguide/supported-instance-types.html"""
INFLUX_POINTS_PER_VCPU_S = 150_000 / 8
"""A 2xlarge takes up to 150,000 writes a second, and instances 50,000 to more than 500,000: a line between.
https://docs.aws.amazon.com/prescriptive-guidance/latest/timestream-for-influxdb-well-architected-framework/cost-optimization.html"""
INFLUX_MAX_POINTS_PER_S = 500_000
"""Of one instance, as the same page has it."""
INFLUX_SERIES = 10_000_000
"""InfluxDB 2 slows down above that, InfluxDB 3 doesn't:
https://github.com/aws/agent-toolkit-for-aws/blob/main/skills/core-skills/aws-database/assets/timestream.md"""
INFLUX_MIN_STORAGE_GB = 20
INFLUX_MAX_STORAGE_GB = 16 * KIB

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
S3_PUTS_PER_PREFIX_S = 3500
S3_TIERED_BYTES = 128 * KIB
"""Smaller objects are neither watched by Intelligent-Tiering nor moved by a lifecycle rule.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""

ATHENA_MIN_BYTES = 10 * MIB
"""A query counts as that at least: https://aws.amazon.com/athena/pricing/"""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
DYNAMODB_WRITE_UNITS_PER_S = 40_000
"""Of an on-demand table; adjustable."""
