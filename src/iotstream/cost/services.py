"""What each service charges for a flow, and the bill of all. Pure: flow and prices in, lines out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from iotstream.cost.assumed import (
    ALARMS,
    CLAIM_READ_UNITS,
    CLAIM_WRITE_UNITS,
    DASHBOARDS,
    ENDPOINTS,
    INFLUX_BODY_BYTES,
    LEASE_RENEWAL_S,
    LIVEANALYTICS_BODY_BYTES,
    LOG_BYTES_PER_INVOCATION,
    LOG_BYTES_PER_TASK_MINUTE,
    METRICS,
    MIN_TASKS,
    SPAN_WRITE_UNITS,
    TASK_REPORT_S,
    TOPIC_BYTES,
    UTILISATION,
    ZONES,
)
from iotstream.cost.bill import Bill, Counter, Line
from iotstream.cost.flow import Flow
from iotstream.cost.limits import (
    FARGATE_SIZES,
    FREE_RETENTION_HOURS,
    GIB,
    HOURS,
    INGESTED_UNIT_BYTES,
    IOT_METERED_BYTES,
    KIB,
    LONG_RETENTION_HOURS,
    MIB,
    PUT_UNIT_BYTES,
    SECONDS,
)
from iotstream.cost.measured import SHARD_MIB, TASK_MIB
from iotstream.cost.prices import Prices
from iotstream.cost.storage import athena, influxdb, liveanalytics, s3
from iotstream.cost.usage import Usage

IOT, KINESIS, LAMBDA, FARGATE = "IoT Core", "Kinesis", "Lambda", "Fargate"
DYNAMODB, CLOUDWATCH = "DynamoDB", "CloudWatch"
NETWORK, TRANSFER = "Endpoints, NAT", "Data transfer"
ADVANTAGE_MINIMUM = "kinesis_advantage.minimum_mib_per_s"


def bill_of(usage: Usage, prices: Prices | None = None) -> Bill:
    """The month's bill of a usage."""
    flow, prices = Flow(usage), prices or Prices.load()
    return Bill(
        (
            *iot(flow, prices),
            *kinesis(flow, prices),
            *compute(flow, prices),
            *influxdb(flow, prices),
            *liveanalytics(flow, prices),
            *s3(flow, prices),
            *athena(flow, prices),
            *dynamodb(flow, prices),
            *cloudwatch(flow, prices),
            *network(flow, prices),
        )
    )


def iot(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Connections, the broker's messages, the rule and its action."""
    if flow.usage.ingest == "producer":
        return
    count = Counter(IOT, prices)
    pieces = math.ceil((flow.usage.record_bytes + TOPIC_BYTES) / IOT_METERED_BYTES)
    yield count.line("iot.connection_minute", flow.devices * HOURS * 60, "connections")
    if flow.usage.ingest == "iot":
        yield count.line("iot.message", flow.records * pieces, "messages")
    yield count.line("iot.rule", flow.records * pieces, "rules triggered")
    yield count.line("iot.action", flow.records * pieces, "actions")


def kinesis(flow: Flow, prices: Prices) -> Iterator[Line]:
    """The stream, read by one consumer."""
    count, usage = Counter(KINESIS, prices), flow.usage
    extended = min(usage.retention_hours, LONG_RETENTION_HOURS) - FREE_RETENTION_HOURS
    long_term = max(usage.retention_hours - LONG_RETENTION_HOURS, 0)
    stored = flow.bytes_per_s * 3600 / GIB
    if usage.stream_mode == "provisioned":
        yield count.line("kinesis.shard_hour", flow.shards * HOURS, f"{flow.shards:,} shards")
        units = math.ceil(usage.record_bytes / PUT_UNIT_BYTES)
        yield count.line("kinesis.put_unit", flow.records * units, "PUT payload units")
        if extended:
            yield count.line("kinesis.extended_shard_hour", flow.shards * HOURS, "kept beyond 24 h")
        yield count.line("kinesis.long_term_gb_month", stored * long_term, "kept beyond 7 days")
        return
    counted = math.ceil(usage.record_bytes / INGESTED_UNIT_BYTES) * INGESTED_UNIT_BYTES
    ingested, retrieved = flow.records * counted / GIB, flow.bytes_per_s * SECONDS / GIB
    service, least = "kinesis_advantage", 0.0
    if usage.stream_mode == "on-demand":
        service = "kinesis"
        yield count.line("kinesis.stream_hour", HOURS, "the stream")
    else:
        least = prices.terms[ADVANTAGE_MINIMUM].value * MIB * SECONDS / GIB
    incoming = count.line(f"{service}.ingested_gb", ingested, "GB in")
    outgoing = count.line(f"{service}.retrieved_gb", retrieved, "GB out")
    yield from (count.at_least(ADVANTAGE_MINIMUM, least, line) for line in (incoming, outgoing))
    yield count.line(f"{service}.extended_gb_month", stored * extended, "kept beyond 24 h")
    yield count.line(f"{service}.long_term_gb_month", stored * long_term, "kept beyond 7 days")


def compute(flow: Flow, prices: Prices) -> Iterator[Line]:
    """The consumer: invocations, or tasks."""
    if flow.usage.consumer == "lambda":
        count, function = Counter(LAMBDA, prices), flow.function
        yield count.line("lambda.request", function.per_s * SECONDS, "invocations")
        yield count.line("lambda.gb_second", function.gb_seconds, "GB-seconds")
        return
    count, tasks = Counter(FARGATE, prices), fargate_tasks(flow, prices)
    what = f"{tasks.number:,} tasks of {tasks.vcpus:g} vCPU, {tasks.gb} GB"
    yield count.line("fargate.vcpu_hour", tasks.number * tasks.vcpus * HOURS, what)
    yield count.line("fargate.gb_hour", tasks.number * tasks.gb * HOURS, "their memory")


class Tasks(NamedTuple):
    """A service of equal tasks."""

    number: int
    vcpus: float
    gb: int


def fargate_tasks(flow: Flow, prices: Prices) -> Tasks:
    """The cheapest size of task that has the CPU and, for the shards' processes, the memory."""
    busy = flow.records_per_s * flow.consumer_us / 1e6
    shards = flow.shards
    vcpu_hour, gb_hour = prices["fargate.vcpu_hour"].cost(1), prices["fargate.gb_hour"].cost(1)
    found = []
    for vcpus, memories in FARGATE_SIZES.items():
        for gb in memories:
            shards_each = int((gb * KIB - TASK_MIB) // SHARD_MIB)
            if shards_each < 1:
                continue
            by_cpu, by_memory = math.ceil(busy / UTILISATION / vcpus), math.ceil(shards / shards_each)
            tasks = Tasks(max(MIN_TASKS, by_cpu, by_memory), vcpus, gb)
            hourly = tasks.number * (vcpus * vcpu_hour + gb * gb_hour)
            found.append((hourly, tasks.number, tasks))
    return min(found)[2]


def dynamodb(flow: Flow, prices: Prices) -> Iterator[Line]:
    """The journal, and KCL's tables."""
    count = Counter(DYNAMODB, prices)
    yield count.line("dynamodb.write_unit", write_units_per_s(flow, prices) * SECONDS, "writes")
    if flow.usage.consumer == "lambda":
        reads = flow.function.per_s * SECONDS * CLAIM_READ_UNITS
        yield count.line("dynamodb.read_unit", reads, "reads")


def write_units_per_s(flow: Flow, prices: Prices) -> float:
    """Of the journal and, with KCL, of its leases."""
    units = flow.spans_per_s * SPAN_WRITE_UNITS
    if flow.usage.consumer == "lambda":
        return units + flow.function.per_s * CLAIM_WRITE_UNITS
    tasks = fargate_tasks(flow, prices).number
    checkpoints = flow.spans_per_s
    return units + checkpoints + flow.shards / LEASE_RENEWAL_S + tasks / TASK_REPORT_S


def cloudwatch(flow: Flow, prices: Prices) -> Iterator[Line]:
    """Logs, metrics, alarms, a dashboard."""
    count = Counter(CLOUDWATCH, prices)
    if flow.usage.consumer == "lambda":
        logs = flow.function.per_s * SECONDS * LOG_BYTES_PER_INVOCATION
    else:
        logs = fargate_tasks(flow, prices).number * HOURS * 60 * LOG_BYTES_PER_TASK_MINUTE
    yield count.line("cloudwatch.log_gb", logs / GIB, "logs")
    yield count.line("cloudwatch.metric", METRICS, "metrics")
    yield count.line("cloudwatch.alarm", ALARMS, "alarms")
    yield count.line("cloudwatch.dashboard", DASHBOARDS, "dashboard")


def network(flow: Flow, prices: Prices) -> Iterator[Line]:
    """How private subnets reach AWS, and what crosses zones."""
    usage = flow.usage
    through = 0.0
    if usage.consumer == "ecs":
        through += flow.bytes_per_s
    if "liveanalytics" in usage.stores:
        through += flow.rows_per_s * LIVEANALYTICS_BODY_BYTES
    gb = through * SECONDS / GIB
    count = Counter(NETWORK, prices)
    if usage.network == "endpoints":
        needed = len(ENDPOINTS[usage.consumer]) + ("liveanalytics" in usage.stores)
        what = f"{needed} endpoints in {ZONES} zones"
        yield count.line("network.endpoint_hour", needed * ZONES * HOURS, what)
        yield count.line("network.endpoint_gb", gb, "GB through them")
    elif usage.network == "nat":
        yield count.line("network.nat_hour", ZONES * HOURS, f"{ZONES} NAT gateways")
        yield count.line("network.nat_gb", gb, "GB through them")
    if "influxdb" in usage.stores:
        # Half of the writers are in the other zone; each way is paid.
        crossing = flow.rows_per_s * INFLUX_BODY_BYTES * SECONDS / GIB * (ZONES - 1) / ZONES
        yield Counter(TRANSFER, prices).line("network.cross_zone_gb", 2 * crossing, "between zones")
