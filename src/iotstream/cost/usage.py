"""What is asked about: how much comes in, in which form, and how it is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from iotstream.cost.limits import (
    IOT_MAX_PAYLOAD_BYTES,
    LAMBDA_MAX_WINDOW_S,
    MAX_RECORD_BYTES,
    MAX_RETENTION_HOURS,
)
from iotstream.errors import ConfigurationError

INGESTS = ("iot", "basic-ingest", "producer")
CONSUMERS = ("lambda", "ecs")
STORES = ("influxdb", "liveanalytics", "both", "none")
STREAM_MODES = ("on-demand", "on-demand-advantage", "provisioned")
NETWORKS = ("endpoints", "nat", "none")
_CHOICES = {
    "ingest": INGESTS,
    "consumer": CONSUMERS,
    "tsdb": STORES,
    "stream_mode": STREAM_MODES,
    "network": NETWORKS,
}
_WHOLE = ("rows_per_record", "devices", "retention_hours", "lambda_memory_mb", "lake_months")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One month of a deployment.

    Attributes:
        messages_per_day: readings that devices make; each is a row.
        bytes_per_message: of one, as JSON.
        rows_per_record: so many are packed into one record by the device or its gateway.
        compressed_to: a record's size after compression, as a share (gzip makes it 0.16 for 100 rows of the
            default schema: benchmarks/data.py).
        devices: connected all the time; 0: one for each message a second.
        ingest: `iot` (the broker and a rule), `basic-ingest` (the rule alone, without the broker's price), or
            `producer` (straight into the stream).
        consumer: `lambda` or `ecs`.
        tsdb: the time-series store.
        stream_mode: of Kinesis.
        headroom: shards for so many times the mean rate: the peaks.
        retention_hours: how long the stream keeps records.
        window_s: the event source mapping's batching window.
        lambda_memory_mb: the function's.
        span_age_s: the consumer's `span.max_age_s`.
        queries: of Athena a day, and as many of the time-series store.
        scanned_days: what one query of Athena reads: so many days of the lake.
        lake_months: the bill is that of the month after so many, when the lake holds them all.
        network: how private subnets reach AWS: interface endpoints, NAT, or none of both.

    Raises:
        ConfigurationError: a value is out of range, or two do not go together.
    """

    messages_per_day: float
    bytes_per_message: float = 100
    rows_per_record: int = 1
    compressed_to: float = 1.0
    devices: int = 0
    ingest: str = "iot"
    consumer: str = "lambda"
    tsdb: str = "influxdb"
    stream_mode: str = "on-demand"
    headroom: float = 1.25
    retention_hours: int = 168
    window_s: float = 60
    lambda_memory_mb: int = 1769
    span_age_s: float = 60
    queries: float = 100
    scanned_days: float = 1
    lake_months: int = 12
    network: str = "endpoints"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise _refusal(name, getattr(self, name), "one of " + ", ".join(allowed))
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in _CHOICES and not (isinstance(value, int | float) and math.isfinite(value)):
                raise _refusal(one.name, value, "a finite number")
            if one.name in _WHOLE and value != int(value):
                raise _refusal(one.name, value, "a whole number")
        self._within("messages_per_day", 0, 1e13, above=True)
        self._within("bytes_per_message", 1, MAX_RECORD_BYTES)
        self._within("rows_per_record", 1, 10_000)
        self._within("compressed_to", 0, 1, above=True)
        self._within("devices", 0, 1e9)
        self._within("headroom", 1, 1000)
        self._within("retention_hours", 24, MAX_RETENTION_HOURS)
        self._within("window_s", 0, LAMBDA_MAX_WINDOW_S)
        self._within("lambda_memory_mb", 128, 10_240)
        self._within("span_age_s", 0, 3600, above=True)
        self._within("queries", 0, 1e7)
        self._within("scanned_days", 0, 3650)
        self._within("lake_months", 1, 120)
        self._fit()

    def _within(self, name: str, low: float, high: float, *, above: bool = False) -> None:
        value = getattr(self, name)
        if not low <= value <= high or (above and value == low):
            raise _refusal(name, value, f"{'above' if above else 'at least'} {low:g}, at most {high:,.0f}")

    def _fit(self) -> None:
        limit = MAX_RECORD_BYTES if self.ingest == "producer" else IOT_MAX_PAYLOAD_BYTES
        if self.record_bytes > limit:
            raise _refusal(
                "rows_per_record",
                self.rows_per_record,
                f"small enough for records of at most {limit:,} bytes; these have {self.record_bytes:,.0f}: "
                "pack fewer rows, or compress them (compressed_to)",
            )
        if self.network == "none" and (self.consumer == "ecs" or self.tsdb in {"influxdb", "both"}):
            raise _refusal(
                "network",
                self.network,
                "endpoints or nat: tasks and InfluxDB are in private subnets; none is for Lambda with "
                "LiveAnalytics or without a time-series store",
            )

    def in_private_subnets(self) -> Usage:
        """The same with endpoints where there was no way to AWS: fit for any consumer and any store."""
        return replace(self, network="endpoints") if self.network == "none" else self

    @property
    def record_bytes(self) -> float:
        """Of one record in the stream."""
        return max(self.bytes_per_message * self.rows_per_record * self.compressed_to, 1)

    @property
    def stores(self) -> tuple[str, ...]:
        """The time-series stores, by name."""
        return {"both": ("influxdb", "liveanalytics"), "none": ()}.get(self.tsdb, (self.tsdb,))


def _refusal(name: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is {value!r}; it must be {allowed}")
