"""What it costs to keep and to ask: InfluxDB, LiveAnalytics, S3, Athena. Pure, as `services`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from iotstream.cost.assumed import (
    GETS_PER_OBJECT,
    INFLUX_DAYS,
    INFLUX_ROW_BYTES,
    LIVEANALYTICS_ROW_BYTES,
    MAGNETIC_STORE_DAYS,
    MEMORY_STORE_HOURS,
    TIERING_MONTHS,
    UTILISATION,
)
from iotstream.cost.bill import Counter, Line
from iotstream.cost.flow import Flow
from iotstream.cost.limits import (
    ATHENA_MIN_BYTES,
    DAYS,
    GIB,
    HOURS,
    INFLUX_CLASSES,
    INFLUX_MAX_POINTS_PER_S,
    INFLUX_MAX_STORAGE_GB,
    INFLUX_MIN_STORAGE_GB,
    INFLUX_POINTS_PER_VCPU_S,
    QUERY_SECONDS,
    QUERY_TCUS,
    S3_TIERED_BYTES,
    SECONDS,
    TIB,
    WRITE_RECORDS,
    WRITE_UNIT_BYTES,
)
from iotstream.cost.measured import MESSAGE_BYTES
from iotstream.cost.prices import Prices

INFLUXDB, LIVEANALYTICS = "Timestream for InfluxDB", "Timestream LiveAnalytics"
S3, ATHENA = "S3", "Athena"
MAGNETIC_MINIMUM = "timestream.magnetic_minimum_gb"


class Instances(NamedTuple):
    """InfluxDB: so many, of a class, with storage each."""

    number: int
    size: str
    storage_gb: float


def influx_instances(flow: Flow) -> Instances:
    """The smallest class that takes the points; beyond the largest, several that share the devices."""
    size = max(flow.usage.bytes_per_message / MESSAGE_BYTES, 1)
    stored = flow.rows_per_s * 86_400 * INFLUX_DAYS * INFLUX_ROW_BYTES * size / GIB
    wanted = flow.rows_per_s / UTILISATION
    count = max(math.ceil(wanted / INFLUX_MAX_POINTS_PER_S), math.ceil(stored / INFLUX_MAX_STORAGE_GB))
    each = wanted / count / INFLUX_POINTS_PER_VCPU_S
    name = next((name for name, vcpus in INFLUX_CLASSES.items() if vcpus >= each), "16xlarge")
    return Instances(count, name, max(stored / count, INFLUX_MIN_STORAGE_GB))


def influxdb(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Instances in one zone, and their storage."""
    if "influxdb" not in flow.usage.stores:
        return
    count, found = Counter(INFLUXDB, prices), influx_instances(flow)
    hours = found.number * INFLUX_CLASSES[found.size] * HOURS
    yield count.line("influxdb.vcpu_hour", hours, f"{found.number:,} x db.influx.{found.size}")
    yield count.line("influxdb.storage_gb_month", found.number * found.storage_gb, "storage")


def liveanalytics(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Writes of 1 KiB, the memory store, the magnetic store when it is full, queries."""
    if "liveanalytics" not in flow.usage.stores:
        return
    count = Counter(LIVEANALYTICS, prices)
    row_bytes = LIVEANALYTICS_ROW_BYTES * max(flow.usage.bytes_per_message / MESSAGE_BYTES, 1)
    per_day = flow.rows_per_s * 86_400 * row_bytes / GIB
    yield count.line("timestream.write", _writes(flow, row_bytes), "writes of 1 KiB")
    in_memory = per_day * MEMORY_STORE_HOURS / 24
    yield count.line("timestream.memory_gb_hour", in_memory * HOURS, "the memory store")
    magnetic = count.line(
        "timestream.magnetic_gb_month", per_day * MAGNETIC_STORE_DAYS, "the magnetic store, full"
    )
    yield count.at_least(MAGNETIC_MINIMUM, prices.terms[MAGNETIC_MINIMUM].value, magnetic)
    busy = min(flow.usage.queries * QUERY_SECONDS, 86_400) * DAYS / 3600
    yield count.line("timestream.tcu_hour", busy * QUERY_TCUS, "queries")


def _writes(flow: Flow, row_bytes: float) -> float:
    """A push's full calls, and its last."""
    rows = flow.rows_per_s / flow.pushes_per_s
    full, rest = divmod(rows, WRITE_RECORDS)
    units = full * math.ceil(WRITE_RECORDS * row_bytes / WRITE_UNIT_BYTES)
    units += math.ceil(rest * row_bytes / WRITE_UNIT_BYTES)
    return units * flow.pushes_per_s * SECONDS


def s3(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Objects put, and the lake of so many months in its tiers."""
    count, months = Counter(S3, prices), flow.usage.lake_months
    per_month = flow.lake_bytes_per_s * SECONDS / GIB
    manifests = flow.manifest_bytes_per_s * SECONDS / GIB * months
    objects = flow.parquet_objects_per_s * SECONDS
    yield count.line("s3.put", flow.puts_per_s * SECONDS, "PUTs")
    if flow.object_bytes < S3_TIERED_BYTES:
        # Too small for Intelligent-Tiering and for the lifecycle rule.
        yield count.line("s3.standard_gb_month", per_month * months + manifests, "Standard: small objects")
    else:
        infrequent = min(months, TIERING_MONTHS) - 1
        yield count.line("s3.standard_gb_month", per_month + manifests, "the newest month")
        yield count.line("s3.infrequent_gb_month", per_month * infrequent, "not read for 30 days")
        yield count.line("s3.glacier_gb_month", per_month * max(months - TIERING_MONTHS, 0), "after 90 days")
        watched = objects * min(months, TIERING_MONTHS)
        yield count.line("s3.monitored_object", watched, "objects watched")
        yield count.line("s3.to_tiering", objects, "transitions")
        if months > TIERING_MONTHS:
            yield count.line("s3.to_glacier", objects, "transitions to Glacier Instant Retrieval")
    read = flow.parquet_objects_per_s * 86_400 * flow.usage.scanned_days
    gets = flow.usage.queries * DAYS * read * GETS_PER_OBJECT
    yield count.line("s3.get", gets, "GETs of Athena's queries")


def athena(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Queries, each over so many days of the lake."""
    day = flow.lake_bytes_per_s * 86_400
    scanned = max(day * flow.usage.scanned_days, ATHENA_MIN_BYTES)
    quantity = flow.usage.queries * DAYS * scanned / TIB
    yield Counter(ATHENA, prices).line("athena.scanned_tb", quantity, "TB scanned")
