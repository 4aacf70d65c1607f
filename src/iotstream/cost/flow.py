"""From usage to quantities: rates, shards, invocations, spans, objects. Pure arithmetic, no prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from iotstream.cost.assumed import (
    EVENT_BYTES,
    LAMBDA_WAIT_S,
    MANIFEST_BYTES,
    OTHER_OBJECTS_PER_SPAN,
    PARTITIONS_PER_SPAN,
    POLL_S,
)
from iotstream.cost.limits import (
    KIB,
    LAMBDA_BATCH_BYTES,
    LAMBDA_BATCH_RECORDS,
    LAMBDA_VCPU_MB,
    MIB,
    ON_DEMAND_SHARDS,
    SECONDS,
    SHARD_BYTES_PER_S,
    SHARD_RECORDS_PER_S,
    WRITE_RECORDS,
)
from iotstream.cost.measured import (
    COLUMN_BYTES,
    CONSUMER_JVM,
    CONSUMER_PYTHON,
    INFLUX_US,
    LAMBDA_HANDLER,
    LAMBDA_PARSE,
    MESSAGE_BYTES,
    TIMESTREAM_US,
    parquet_bytes,
)
from iotstream.cost.usage import Usage

SPAN_ROWS, SPAN_BYTES = 1_000_000, 128 * MIB
"""The settings `span.max_rows` and `span.max_bytes` by default."""


class Lambda(NamedTuple):
    """The function.

    Attributes:
        batch: records of an invocation, on average.
        per_s: invocations a second.
        duration_s: of one.
        gb_seconds: a month.
        concurrency: invocations under way at once, on average.
    """

    batch: float
    per_s: float
    duration_s: float
    gb_seconds: float
    concurrency: float


@dataclass(frozen=True)
class Flow:
    """The quantities of a usage. Rates are by second, sums by month of 730 hours."""

    usage: Usage

    @property
    def rows_per_s(self) -> float:
        """Rows: one of each message."""
        return self.usage.messages_per_day / 86_400

    @property
    def rows(self) -> float:
        """A month's."""
        return self.rows_per_s * SECONDS

    @property
    def records_per_s(self) -> float:
        """Records into the stream; by IoT Core they are the publishes too."""
        return self.rows_per_s / self.usage.rows_per_record

    @property
    def records(self) -> float:
        """A month's."""
        return self.records_per_s * SECONDS

    @property
    def bytes_per_s(self) -> float:
        """Into the stream."""
        return self.records_per_s * self.usage.record_bytes

    @property
    def devices(self) -> float:
        """Connections."""
        return self.usage.devices or math.ceil(self.rows_per_s)

    @property
    def shards_by_records(self) -> int:
        """What the rate of records asks for."""
        return math.ceil(self.usage.headroom * self.records_per_s / SHARD_RECORDS_PER_S)

    @property
    def shards_by_bytes(self) -> int:
        """What the bytes ask for."""
        return math.ceil(self.usage.headroom * self.bytes_per_s / SHARD_BYTES_PER_S)

    @property
    def shards(self) -> int:
        """Of the stream; an on-demand stream begins with four."""
        least = 1 if self.usage.stream_mode == "provisioned" else ON_DEMAND_SHARDS
        return max(self.shards_by_records, self.shards_by_bytes, least)

    @property
    def store_us(self) -> float:
        """CPU µs of a row for the time-series stores."""
        by_store = {"influxdb": INFLUX_US, "liveanalytics": TIMESTREAM_US}
        return sum(by_store[store] for store in self.usage.stores)

    @property
    def function(self) -> Lambda:
        """Lambda, if it is the consumer."""
        usage = self.usage
        fits = math.floor(LAMBDA_BATCH_BYTES / (usage.record_bytes * 4 / 3 + EVENT_BYTES))
        waiting = self.records_per_s / self.shards * usage.window_s
        batch = max(1.0, min(LAMBDA_BATCH_RECORDS, fits, waiting))
        per_s = self.records_per_s / batch
        vcpus = min(usage.lambda_memory_mb / LAMBDA_VCPU_MB, 1)
        duration = batch * self.lambda_us / 1e6 / vcpus + LAMBDA_WAIT_S
        gb_seconds = per_s * SECONDS * duration * usage.lambda_memory_mb / KIB
        return Lambda(batch, per_s, duration, gb_seconds, per_s * duration)

    @property
    def lambda_us(self) -> float:
        """CPU µs of a record in Lambda."""
        rows, size = self.usage.rows_per_record, self.usage.bytes_per_message
        return LAMBDA_PARSE.us(rows, size) + LAMBDA_HANDLER.us(rows, size) + rows * self.store_us

    @property
    def consumer_us(self) -> float:
        """CPU µs of a record in the KCL consumer, its JVM included."""
        rows, size = self.usage.rows_per_record, self.usage.bytes_per_message
        return CONSUMER_PYTHON.us(rows, size) + CONSUMER_JVM.us(rows, size) + rows * self.store_us

    @property
    def spans_per_s(self) -> float:
        """Spans closed: an invocation's, or those of the consumer by rows, bytes or age."""
        if self.usage.consumer == "lambda":
            return self.function.per_s
        full = min(SPAN_ROWS, SPAN_BYTES / COLUMN_BYTES)
        # A shard closes one at its age at least, but none without a record.
        return min(self.records_per_s, max(self.shards / self.usage.span_age_s, self.rows_per_s / full))

    @property
    def pushes_per_s(self) -> float:
        """Deliveries to the time-series store: an invocation's, or reads of a shard that found records."""
        if self.usage.consumer == "lambda":
            return self.function.per_s
        return min(self.records_per_s, self.shards / POLL_S)

    @property
    def store_calls_per_s(self) -> float:
        """WriteRecords calls, of 100 rows at most."""
        return self.pushes_per_s * math.ceil(self.rows_per_s / self.pushes_per_s / WRITE_RECORDS)

    @property
    def parquet_objects_per_s(self) -> float:
        """Objects of rows."""
        return self.spans_per_s * PARTITIONS_PER_SPAN

    @property
    def puts_per_s(self) -> float:
        """All objects: rows, manifests, dead letters."""
        return self.spans_per_s * (PARTITIONS_PER_SPAN + OTHER_OBJECTS_PER_SPAN)

    @property
    def object_bytes(self) -> float:
        """Of a Parquet object, on average. Taken to grow with the bytes of a message."""
        rows = self.rows_per_s / self.parquet_objects_per_s
        return parquet_bytes(rows) * max(self.usage.bytes_per_message / MESSAGE_BYTES, 1)

    @property
    def lake_bytes_per_s(self) -> float:
        """Parquet."""
        return self.object_bytes * self.parquet_objects_per_s

    @property
    def manifest_bytes_per_s(self) -> float:
        """Manifests; they stay where they are."""
        return self.spans_per_s * MANIFEST_BYTES
