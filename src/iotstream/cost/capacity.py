"""What a rate takes of every service, and which limit is met first: from measured figures and quotas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from iotstream.cost.flow import Flow
from iotstream.cost.limits import (
    DYNAMODB_WRITE_UNITS_PER_S,
    GIB,
    INFLUX_MAX_POINTS_PER_S,
    INFLUX_SERIES,
    IOT_CONNECTIONS,
    IOT_PUBLISHES_PER_S,
    IOT_RULES_PER_S,
    LAMBDA_CONCURRENCY,
    MIB,
    ON_DEMAND_BYTES_PER_S,
    S3_PUTS_PER_PREFIX_S,
    SECONDS,
    SHARDS,
)
from iotstream.cost.prices import Prices
from iotstream.cost.services import bill_of, fargate_tasks, write_units_per_s
from iotstream.cost.storage import influx_instances
from iotstream.cost.tables import Table, dollars, number
from iotstream.cost.usage import Usage

PACKED_ROWS = 100


class Limit(NamedTuple):
    """A limit and how much of it is needed.

    Attributes:
        name: in words.
        needed, allowed: in the same unit.
        way_out: what to do.
    """

    name: str
    needed: float
    allowed: float
    way_out: str

    @property
    def share(self) -> float:
        """Needed of allowed: above 1 it breaks."""
        return self.needed / self.allowed


def capacity(usage: Usage, prices: Prices) -> list[Table]:
    """What it takes, what it costs, what breaks first; one row a record beside the packed form."""
    usage = usage.in_private_subnets()
    rows = usage.rows_per_record if usage.rows_per_record > 1 else PACKED_ROWS
    forms = {
        "1 row a record": replace(usage, rows_per_record=1, compressed_to=1.0),
        f"{rows} rows a record": replace(usage, rows_per_record=rows),
    }
    return [_needs(forms, prices), _costs(forms, prices), *(_limits(*form, prices) for form in forms.items())]


def _needs(forms: Mapping[str, Usage], prices: Prices) -> Table:
    columns = [dict(_quantities(Flow(usage), prices)) for usage in forms.values()]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    return Table("What it takes", ("", *forms), tuple(rows))


def _quantities(flow: Flow, prices: Prices) -> Iterator[tuple[str, str]]:
    in_lambda = Flow(replace(flow.usage, consumer="lambda"))
    in_ecs = Flow(replace(flow.usage, consumer="ecs"))
    function, tasks, influx = in_lambda.function, fargate_tasks(in_ecs, prices), influx_instances(flow)
    yield "devices connected", number(flow.devices)
    yield "records a second", number(flow.records_per_s)
    yield "MiB a second into the stream", number(flow.bytes_per_s / MIB)
    yield "shards that the records ask for", number(flow.shards_by_records)
    yield "shards that the bytes ask for", number(flow.shards_by_bytes)
    yield "shards", number(flow.shards)
    yield "Lambda: records an invocation", number(function.batch)
    yield "Lambda: invocations a second", number(function.per_s)
    yield "Lambda: under way at once", number(function.concurrency)
    yield "Lambda: vCPUs busy", number(flow.records_per_s * in_lambda.lambda_us / 1e6)
    yield "ECS: vCPUs busy", number(flow.records_per_s * in_ecs.consumer_us / 1e6)
    yield "ECS: tasks", f"{tasks.number:,} of {tasks.vcpus:g} vCPU, {tasks.gb} GB"
    yield "InfluxDB: instances", f"{influx.number:,} x {influx.size}"
    yield "InfluxDB: storage, GB in all", number(influx.number * influx.storage_gb)
    yield "LiveAnalytics: WriteRecords calls a second (ECS)", number(in_ecs.store_calls_per_s)
    yield "objects put a second, Lambda", number(in_lambda.puts_per_s)
    yield "objects put a second, ECS", number(in_ecs.puts_per_s)
    yield "KiB of a Parquet object, Lambda", number(in_lambda.object_bytes / 1024)
    yield "KiB of a Parquet object, ECS", number(in_ecs.object_bytes / 1024)
    yield "lake, GB a month (ECS)", number(in_ecs.lake_bytes_per_s * SECONDS / GIB)
    yield "DynamoDB: writes a second (ECS)", number(write_units_per_s(in_ecs, prices))


def _costs(forms: Mapping[str, Usage], prices: Prices) -> Table:
    """Dollars a month by service, for the usage's own consumer and store."""
    bills = [bill_of(usage, prices) for usage in forms.values()]
    services = [name for name in bills[0].services if any(bill.services[name] >= 0.5 for bill in bills)]
    rows = [(name, *(dollars(bill.services[name]) for bill in bills)) for name in services]
    rows.append(("total", *(dollars(bill.total) for bill in bills)))
    per_million = [
        f"{bill.total / Flow(usage).rows * 1e6:.3f}"
        for bill, usage in zip(bills, forms.values(), strict=True)
    ]
    rows.append(("a million messages", *per_million))
    one = next(iter(forms.values()))
    title = f"What it costs, $ a month ({one.ingest}, {one.stream_mode}, {one.consumer}, {one.tsdb})"
    return Table(title, ("", *forms), tuple(rows))


def _limits(name: str, usage: Usage, prices: Prices) -> Table:
    found = sorted(limits(usage, prices), key=lambda limit: -limit.share)
    rows = tuple(
        (one.name, number(one.needed), number(one.allowed), _times(one.share), one.way_out) for one in found
    )
    return Table(f"What breaks first: {name}", ("limit", "needed", "allowed", "share", "way out"), rows, ())


def _times(share: float) -> str:
    return f"{share:.3g} times" if share > 1 else f"{share:.1%}"


def limits(usage: Usage, prices: Prices) -> Sequence[Limit]:
    """The quotas that a rate meets, as they are before anything is raised."""
    usage = usage.in_private_subnets()
    flow = Flow(usage)
    in_lambda, in_ecs = Flow(replace(usage, consumer="lambda")), Flow(replace(usage, consumer="ecs"))
    raise_it = "raise the quota"
    found = [
        Limit("Kinesis: shards of an account", flow.shards, SHARDS, f"pack rows; {raise_it}"),
        Limit(
            "Kinesis: MiB/s of one on-demand stream",
            usage.headroom * flow.bytes_per_s / MIB,
            ON_DEMAND_BYTES_PER_S / MIB,
            "several streams",
        ),
        Limit("Lambda: invocations at once", in_lambda.function.concurrency, LAMBDA_CONCURRENCY, raise_it),
        Limit(
            "Lambda: busy share of a shard's one invocation",
            in_lambda.function.concurrency,
            flow.shards,
            "more shards, or ECS",
        ),
        Limit(
            "InfluxDB: points/s of one instance",
            flow.rows_per_s,
            INFLUX_MAX_POINTS_PER_S,
            "several instances, devices shared out among them",
        ),
        Limit("InfluxDB 2: series of one instance", flow.devices, INFLUX_SERIES, "the same; or InfluxDB 3"),
        Limit(
            "S3: PUTs/s of one prefix, Lambda",
            in_lambda.puts_per_s,
            S3_PUTS_PER_PREFIX_S,
            "a longer window, packing; S3 splits busy prefixes by itself",
        ),
        Limit(
            "S3: PUTs/s of one prefix, ECS",
            in_ecs.puts_per_s,
            S3_PUTS_PER_PREFIX_S,
            "a longer span.max_age_s, packing; S3 splits busy prefixes by itself",
        ),
        Limit(
            "DynamoDB: writes/s of a table, ECS",
            write_units_per_s(in_ecs, prices),
            DYNAMODB_WRITE_UNITS_PER_S,
            raise_it,
        ),
    ]
    if usage.ingest != "producer":
        found += [
            Limit("IoT Core: connections", flow.devices, IOT_CONNECTIONS, f"gateways; {raise_it}"),
            Limit("IoT Core: rules/s", flow.records_per_s, IOT_RULES_PER_S, f"pack rows; {raise_it}"),
        ]
    if usage.ingest == "iot":
        found.append(
            Limit("IoT Core: publishes/s", flow.records_per_s, IOT_PUBLISHES_PER_S, f"pack rows; {raise_it}")
        )
    return found
