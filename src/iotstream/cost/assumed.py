"""What the cost model takes for granted: neither measured nor a service's own figure.

Change it here where yours differ.
"""

from __future__ import annotations

UTILISATION = 0.6
"""How busy tasks and instances may be on average, so that they catch up after an hour's outage."""
MIN_TASKS = 2
"""Of the consumer: one zone may fail."""
LAMBDA_WAIT_S = 0.25
"""In an invocation, for S3, the journal and the time-series store, while no CPU is used."""
EVENT_BYTES = 577
"""What a Kinesis event holds of a record beside its data (benchmarks/data.py's events)."""
POLL_S = 1.0
"""Between the consumer's reads of a shard (`idleTimeBetweenReadsInMillis`), each a push to the hot stores."""

TOPIC_BYTES = 24
"""`topic/mqtt/<device>`: IoT Core counts it with the payload."""

PARTITIONS_PER_SPAN = 1.1
"""Parquet objects: one for each hour of event time. A span now and then holds two."""
OTHER_OBJECTS_PER_SPAN = 2
"""The manifest, and dead letters."""
MANIFEST_BYTES = 2_000
TIERING_MONTHS = 3
"""Objects stay so long in Intelligent-Tiering (the first month in its frequent tier), then Glacier Instant
Retrieval: the lake's lifecycle rule of 90 days."""

GETS_PER_OBJECT = 3
"""Of a query: the footer, and the columns."""

SPAN_WRITE_UNITS = 4
"""The journal's intent and commit, items of 1 to 2 KB."""
CLAIM_WRITE_UNITS = 1
CLAIM_READ_UNITS = 1
"""A Lambda invocation claims its shard; the consumer does so once for a lease."""
LEASE_RENEWAL_S = 10 / 3
"""KCL renews each lease at a third of `failoverTimeMillis`, by a write unit (CommonCalculations.java)."""
TASK_REPORT_S = 10
"""Each task reports what it can bear, by a write unit (`workerMetricsReporterFreqInMillis`)."""

ALARMS = 20
DASHBOARDS = 1
METRICS = 15
"""Custom ones, by the embedded metric format."""
LOG_BYTES_PER_INVOCATION = 1_300
LOG_BYTES_PER_TASK_MINUTE = 2_000

ZONES = 2
ENDPOINTS = {
    "lambda": ("kinesis-streams", "secretsmanager"),
    "ecs": ("kinesis-streams", "secretsmanager", "ecr.api", "ecr.dkr", "logs"),
}
"""Interface endpoints by consumer; S3's and DynamoDB's are gateways, and free. LiveAnalytics needs one
more."""

LIVEANALYTICS_ROW_BYTES = 70
"""As it counts a row of the default schema with ten letters of `device_id`: time 8, dimension 9 + 10, the
measure's name 8, two measures of 11 + 8 and 8 + 8."""
LIVEANALYTICS_BODY_BYTES = 150
"""A row in a WriteRecords call."""
MEMORY_STORE_HOURS = 24
MAGNETIC_STORE_DAYS = 365
"""The table's settings by default."""
INFLUX_ROW_BYTES = 20
"""A row on disk, compressed, with its part of the index."""
INFLUX_BODY_BYTES = 15
"""A row on the wire, compressed."""
INFLUX_DAYS = 30
"""How long InfluxDB keeps points; the lake keeps them all."""
