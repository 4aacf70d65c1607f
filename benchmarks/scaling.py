"""How CPU, memory and latency grow: with records, bytes, fields, bad records, hours, devices, shards.

    python benchmarks/scaling.py --report docs/benchmarks              # everything, some ten minutes
    python benchmarks/scaling.py --only fields devices --most 100000   # two of them, with fewer rows

Each point is a process of its own, so that its memory is its own too. The inputs are made outside of what is
measured; the memory is the highest that the process held while it worked, less what it held before.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import report
from figures import charts, sections
from figures.charts import Panel
from figures.tables import number

import data
import iotstream
from iotstream.batch import Batch, BatchLimits
from iotstream.partition import split
from iotstream.pipeline import Pipeline, to_batch
from iotstream.position import Position, Span
from iotstream.records import Column, RawBatch
from iotstream.row_hash import row_hash
from iotstream.schema import Schema
from iotstream.sinks.dead_letter import DeadLetterSink
from iotstream.sinks.parquet import ParquetSink
from iotstream.sinks.timestream.mapping import Mapping
from iotstream.sinks.timestream.points import points_of, versions_of
from iotstream.sinks.timestream.request import Target, bodies

PUSH = 10_000
"""Records of a push, as sources deliver them at most."""
DEFAULT_MOST = 10_000_000
TOLERANCE = 0.15
"""An exponent may be so much higher than it should be: machines are noisy."""
LONG = 1e9
COMMAND = "python benchmarks/scaling.py --report docs/benchmarks"
GROWTH = "fitted to the upper half of the points"


class Discard:
    """An object store that counts what it is given."""

    def __init__(self) -> None:
        self.objects = self.bytes = 0

    def put_new(self, objects, *, not_after_s=None):  # noqa: ARG002
        for one in objects:
            self.objects += 1
            self.bytes += len(one.body)
        return 0


@dataclass
class Work:
    """What is measured at a point: calls, one after the other.

    Attributes:
        units: what the CPU is divided by.
        extra: further numbers of the point.
    """

    units: int = 0
    seconds: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    extra: dict[str, float] = field(default_factory=dict)

    def __call__(self, call: Callable[[], object], units: int) -> None:
        """Measure the call."""
        before = memory()
        forget_peak()
        began, used = time.perf_counter(), time.process_time()
        call()
        self.cpu_s += time.process_time() - used
        self.seconds.append(time.perf_counter() - began)
        self.memory_mb = max(self.memory_mb, peak() - min(before, self.base))
        self.units += units

    def begin(self) -> Work:
        """From here on memory counts."""
        self.base = memory()
        return self

    def point(self, value: float) -> dict[str, float]:
        """The numbers."""
        ordered = sorted(self.seconds)
        return {
            "value": value,
            "units": self.units,
            "cpu_us": self.cpu_s / self.units * 1e6,
            "memory_mb": max(self.memory_mb, 0.1),
            "p50_ms": ordered[len(ordered) // 2] * 1000,
            "p99_ms": ordered[min(math.ceil(len(ordered) * 0.99), len(ordered)) - 1] * 1000,
            **self.extra,
        }


def memory() -> float:
    """What this process holds, MB."""
    return _status("VmRSS")


def peak() -> float:
    """The most that it held since `forget_peak`, MB."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Linux: 5 resets the high-water mark; see proc(5), clear_refs."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def raw(payloads: Sequence[bytes], first: int, *, shard: int = 0) -> RawBatch:
    """Records as the compiled kernel gives them: columns."""
    numbers = [str(data.FIRST + first + index) for index in range(len(payloads))]
    arrival = range(first, first + len(payloads))
    return RawBatch(
        payloads=Column(pa.array(payloads, pa.binary())),
        sequence_numbers=Column(pa.array(numbers)),
        arrival_ms=pa.array([data.BEGIN_MS + index * data.STEP_MS for index in arrival], pa.int64()),
        stream="stream",
        shard_id=f"shardId-{shard:012}",
    )


def flow(schema: Schema, store: Discard, limits: BatchLimits | None = None) -> Pipeline:
    """From records to objects that are thrown away."""
    lake = [DeadLetterSink(store, schema.fingerprint), ParquetSink(store, schema)]
    return Pipeline(schema, lake=lake, limits=limits or BatchLimits(max_age_s=LONG))


def warm(schema: Schema, payloads: Sequence[bytes]) -> None:
    """What is made once is not counted."""
    pipeline = flow(schema, Discard())
    pipeline.push(raw(payloads, 0), 0.0)
    pipeline.drain()


def records(value: int, most: int) -> dict[str, float]:  # noqa: ARG001
    """So many records through a pipeline, pushes of 10,000, spans by the defaults."""
    schema, store = Schema.load(), Discard()
    warm(schema, data.telemetry(100))
    pipeline, work = flow(schema, store), Work().begin()
    for first in range(0, value, PUSH):
        push = raw(data.telemetry(min(PUSH, value - first), first=first), first)
        work(lambda push=push: pipeline.push(push, 0.0), len(push))
    work(pipeline.drain, 0)
    assert pipeline.stats.rows == value
    return work.point(value)


def call(value: int, most: int) -> dict[str, float]:  # noqa: ARG001
    """One call of `decode` with so many payloads; small ones are repeated."""
    schema = Schema.load()
    payloads = data.telemetry(value)
    iotstream.decode(payloads[:100], schema)
    work = Work().begin()
    for _ in range(max(min(20_000 // value, 50), 2)):
        work(lambda: iotstream.decode(payloads, schema), value)
    return work.point(value)


def record_bytes(value: int, most: int) -> dict[str, float]:
    """Messages of so many bytes: what is more than 100 is of fields that the schema does not know."""
    schema = Schema.load()
    count = max(min(most * 10, 40_000_000) // value, 20)
    reading = b'{"name":"vibration","at":12.5,"values":[1.25,2.5,-3.75],"unit":"mm/s"}'
    filler = b",".join([reading] * max((value - 100) // len(reading), 0))
    payloads = [
        one if value < 200 else one[:-1] + b',"log":[' + filler + b"]}"
        for one in data.telemetry(min(count, 2_000))
    ]
    payloads = (payloads * -(-count // len(payloads)))[:count]
    warm(schema, payloads[:20])
    pipeline, work = flow(schema, Discard()), Work().begin()
    step = max(min(PUSH, 10_000_000 // value), 1)  # GetRecords answers with 10 MB at most
    for first in range(0, count, step):
        push = raw(payloads[first : first + step], first)
        work(lambda push=push: pipeline.push(push, 0.0), len(push))
    point = work.point(value)
    mean = sum(map(len, payloads)) / len(payloads)
    return {**point, "value": round(mean), "ns_a_byte": point["cpu_us"] * 1000 / mean}


def fields(value: int, most: int) -> dict[str, float]:
    """A schema of so many fields: time, device, and measures."""
    measures = [f"reading_{index:03}" for index in range(value - 2)]
    text = 'name = "wide"\nversion = 1\n[[field]]\nname = "timestamp"\ntype = "timestamp"\nrole = "time"\n'
    text += '[[field]]\nname = "device_id"\nsource = "deviceId"\ntype = "string"\nrole = "dimension"\n'
    text += "".join(f'[[field]]\nname = "{name}"\ntype = "float64"\nrole = "measure"\n' for name in measures)
    schema = Schema.parse(text)
    # As many of each: a Parquet column costs something by itself.
    count = max(min(most // 500, 20_000), 1_000)
    payloads = []
    for index, one in enumerate(data.telemetry(count)):
        begin = one.partition(b',"temperature"')[0]
        values = b"".join(
            b',"%b":%.2f' % (name.encode(), (index * 7 + place * 13) % 4_000 / 100)
            for place, name in enumerate(measures)
        )
        payloads.append(begin + values + b"}")
    warm(schema, payloads[:100])
    pipeline, work = flow(schema, Discard()), Work().begin()
    step = max(min(PUSH, 10_000_000 // len(payloads[0])), 1)
    for first in range(0, count, step):
        push = raw(payloads[first : first + step], first)
        work(lambda push=push: pipeline.push(push, 0.0), len(push))
    work(pipeline.drain, 0)
    point = work.point(value)
    assert pipeline.stats.rows == count
    return {**point, "us_a_field": point["cpu_us"] / value}


def bad_share(value: float, most: int) -> dict[str, float]:
    """That share of bad records, in percent; dead letters written with every detail."""
    schema, count = Schema.load(), min(most, 200_000)
    payloads = data.spoilt(data.telemetry(count), value / 100)
    warm(schema, payloads[:100])
    pipeline, work = flow(schema, Discard()), Work().begin()
    for first in range(0, count, PUSH):
        push = raw(payloads[first : first + PUSH], first)
        work(lambda push=push: pipeline.push(push, 0.0), len(push))
    work(pipeline.drain, 0)
    assert pipeline.stats.items == count
    return work.point(value)


def hours(value: int, most: int) -> dict[str, float]:
    """A span whose rows are of so many hours of event time, in no order: split, encoded."""
    schema, count = Schema.load(), min(most, 1_000_000)
    table = rows(count, 1_000)
    base = data.DAY_MS - 200 * 3_600_000
    times = [base + (index * 7_919 % value) * 3_600_000 + index % 3_600_000 for index in range(count)]
    table = table.set_column(
        0, schema.arrow.field(0), pa.array(times, pa.int64()).cast(pa.timestamp("ms", "UTC"))
    )
    store = Discard()
    sink, span = ParquetSink(store, schema), Span("stream", "shardId-0", Position(1), Position(count))
    sink.write(Batch(data=table.slice(0, 100), span=span, records=100))
    work = Work().begin()
    work(lambda: sink.write(Batch(data=table, span=span, records=count)), count)
    return work.point(value)


def rows(count: int, devices: int) -> pa.Table:
    """Decoded telemetry."""
    schema = Schema.load()
    return pa.Table.from_batches(
        [
            iotstream.decode(
                data.telemetry(min(PUSH, count - first), first=first, devices=devices), schema
            ).data
            for first in range(0, count, PUSH)
        ]
    )


def devices(value: int, most: int) -> dict[str, float]:
    """A span of rows of so many devices: row hash, split, encoded."""
    schema, count = Schema.load(), min(most, 1_000_000)
    table = rows(count, value)
    store = Discard()
    sink, span = ParquetSink(store, schema), Span("stream", "shardId-0", Position(1), Position(count))

    def write() -> None:
        for part in split(table, "timestamp"):
            row_hash(part.data)
        sink.write(Batch(data=table, span=span, records=count))

    row_hash(table.slice(0, 100))
    sink.write(Batch(data=table.slice(0, 100), span=span, records=100))
    store.bytes = 0
    work = Work().begin()
    work(write, count)
    used = time.process_time()
    row_hash(table)
    hash_us = (time.process_time() - used) / count * 1e6
    return {**work.point(value), "bytes_a_row": store.bytes / count, "hash_us": hash_us}


def points(value: int, most: int) -> dict[str, float]:
    """Bodies for Timestream, of rows of so many devices, push by push."""
    schema, count = Schema.load(), min(most, 200_000)
    mapping, target = Mapping.of(schema), Target("database", "table")

    def write(batch: Batch) -> int:
        versions = versions_of(batch.origin, batch.data.num_rows, 1)
        made = bodies(points_of(batch.data, versions, mapping), mapping, target)
        return sum(len(body.payload) for body in made)

    batches = [
        to_batch(iotstream.decode(raw(data.telemetry(PUSH, first=first, devices=value), first), schema))
        for first in range(0, count, PUSH)
    ]
    write(batches[0])
    work = Work().begin()
    for batch in batches:
        work(lambda batch=batch: write(batch), batch.data.num_rows)
    return work.point(value)


def shards(value: int, most: int) -> dict[str, float]:
    """So many pipelines in one process, a push for each in turn."""
    schema, count = Schema.load(), min(most // 10, 200_000)
    warm(schema, data.telemetry(100))
    pipelines = [flow(schema, Discard()) for _ in range(value)]
    work = Work().begin()
    for first in range(0, count, PUSH):
        payloads = data.telemetry(min(PUSH, count - first), first=first)
        for shard, pipeline in enumerate(pipelines):
            push = raw(payloads, first, shard=shard)
            work(lambda push=push, pipeline=pipeline: pipeline.push(push, 0.0), len(push))
    for pipeline in pipelines:
        work(pipeline.drain, 0)
    return work.point(value)


@dataclass(frozen=True)
class Dimension:
    """Something that grows.

    Attributes:
        measure: gives the point of a value.
        title: of its section.
        x: of the axis.
        values: at which it is measured.
        unit: what the CPU is a number of.
        latency: of what, for the chart.
        flat: numbers of a point, and what they are called, which should grow with no more than that `power`
            of the value: 0 where they are a record's, 1 where each unit of the value is work of its own.
        extra: further numbers, for the table.
    """

    measure: Callable[[int, int], dict[str, float]]
    title: str
    x: str
    values: Sequence[float]
    unit: str = "µs/record"
    latency: str = "a push"
    flat: tuple[tuple[str, str], ...] = (("cpu_us", "CPU, µs/record"),)
    power: int = 0
    extra: tuple[tuple[str, str], ...] = ()


DIMENSIONS = {
    "records": Dimension(
        records,
        "Records in all, through a pipeline",
        "records",
        [1_000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
    ),
    "call": Dimension(
        call,
        "Records in one call of `decode`",
        "records in a call",
        [100, 1_000, 10_000, 100_000, 300_000, 1_000_000, 3_000_000],
        latency="a call",
    ),
    "bytes": Dimension(
        record_bytes,
        "Bytes of a record",
        "bytes a record",
        [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000],
        flat=(("ns_a_byte", "CPU, ns/byte"),),
    ),
    "fields": Dimension(
        fields,
        "Fields of the schema",
        "fields",
        [4, 8, 16, 32, 64, 100, 150, 200],
        flat=(("us_a_field", "CPU, µs/record and field"),),
    ),
    "bad": Dimension(
        bad_share, "Share of bad records", "bad records, %", [0, 1, 2, 5, 10, 20, 50, 80, 100], power=1
    ),
    "hours": Dimension(
        hours,
        "Output partitions: hours of event time in a span of 1,000,000 rows",
        "hours",
        [1, 2, 5, 10, 20, 50, 100, 200],
        unit="µs/row",
        latency="a span",
        flat=(("cpu_us", "CPU, µs/row"),),
        power=1,
    ),
    "devices": Dimension(
        devices,
        "Devices in a span of 1,000,000 rows: row hash, split, encoded",
        "devices",
        [10, 100, 1_000, 10_000, 100_000, 300_000, 1_000_000],
        unit="µs/row",
        latency="a span",
        flat=(("cpu_us", "CPU, µs/row"),),
        extra=(("bytes_a_row", "bytes/row"), ("hash_us", "row hash alone, µs/row")),
    ),
    "points": Dimension(
        points,
        "Devices, to Timestream: points and bodies of pushes of 10,000 rows",
        "devices",
        [10, 100, 1_000, 10_000, 100_000, 1_000_000],
        unit="µs/row",
        flat=(("cpu_us", "CPU, µs/row"),),
    ),
    "shards": Dimension(
        shards,
        "Shards in one process, 200,000 records of each",
        "shards",
        [1, 2, 4, 8, 16, 32],
    ),
}


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """With which power of x y grows, by least squares over the logarithms of the upper half."""
    pairs = [(math.log(a), math.log(b)) for a, b in zip(x, y, strict=True) if a > 0 and b > 0]
    pairs = pairs[-max(len(pairs) // 2 + 1, 3) :]
    if len(pairs) < 2:
        return 0.0
    middle_x = sum(a for a, _ in pairs) / len(pairs)
    middle_y = sum(b for _, b in pairs) / len(pairs)
    spread = sum((a - middle_x) ** 2 for a, _ in pairs)
    return sum((a - middle_x) * (b - middle_y) for a, b in pairs) / spread if spread else 0.0


def measure(name: str, most: int) -> Iterator[dict[str, float]]:
    """The points of a dimension, each by a process of its own."""
    for value in DIMENSIONS[name].values:
        if name in {"records", "call"} and value > most:
            continue
        command = [sys.executable, __file__, "--point", name, str(value), "--most", str(most)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} = {value}: {done.stderr.decode()}")
        point = json.loads(done.stdout)
        sys.stderr.write(f"{name} {value}: {point['cpu_us']:.3f} µs, {point['memory_mb']:.0f} MB\n")
        yield point


def growth(dimension: Dimension, found: Sequence[dict[str, float]]) -> list[str]:
    """What grows faster than it should, in words; how it grows where it doesn't."""
    x = [one["value"] for one in found]
    out = []
    for key, title in dimension.flat:
        power = exponent(x, [one[key] for one in found])
        verdict = "**grows faster**" if power - dimension.power > TOLERANCE else "as it should"
        out.append(f"{title}: exponent {power:+.2f} (at most {dimension.power}; {GROWTH}): {verdict}.")
    power = exponent(x, [one["memory_mb"] for one in found])
    verdict = "**faster than linearly**" if power - 1 > TOLERANCE else "not faster than linearly"
    out.append(f"Memory: exponent {power:+.2f}: {verdict}.")
    return out


def section(name: str, found: Sequence[dict[str, float]]) -> list[str]:
    """Its part of the page."""
    dimension = DIMENSIONS[name]
    columns = {
        dimension.x: lambda one: f"{one['value']:,g}" if one["value"] < 1e5 else f"{one['value']:,.0f}",
        f"CPU, {dimension.unit}": lambda one: number(one["cpu_us"]),
        **{
            title: (lambda one, key=key: number(one[key]))
            for key, title in (*dimension.flat, *dimension.extra)
            if key != "cpu_us"
        },
        "memory, MB": lambda one: number(one["memory_mb"]),
        f"{dimension.latency}: median, ms": lambda one: number(one["p50_ms"]),
        "p99, ms": lambda one: number(one["p99_ms"]),
    }
    table = [
        "| " + " | ".join(columns) + " |",
        "|" + "--:|" * len(columns),
        *("| " + " | ".join(show(one) for show in columns.values()) + " |" for one in found),
    ]
    documented = (dimension.measure.__doc__ or "").strip()
    return [
        f"## {dimension.title}",
        "",
        documented,
        "",
        *table,
        "",
        f"![{dimension.title}](scaling-{name}.svg)",
        "",
        *growth(dimension, found),
        "",
    ]


def chart(name: str, found: Sequence[dict[str, float]]) -> str:
    """Its curves."""
    dimension = DIMENSIONS[name]
    key, title = dimension.flat[0]
    drawn = [
        Panel(title, [one[key] for one in found]),
        Panel("memory, MB", [one["memory_mb"] for one in found], level=False),
        Panel(f"{dimension.latency}, p99, ms", [one["p99_ms"] for one in found], level=False),
    ]
    return charts.panels(dimension.title, dimension.x, [one["value"] for one in found], drawn)


def write(found: dict[str, list[dict[str, float]]], directory: Path) -> None:
    """The page's generated parts, and its charts."""
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / "scaling.md"
    for name, some in found.items():
        (directory / f"scaling-{name}.svg").write_text(chart(name, some))
        sections.put(page, name, section(name, some))
    sections.put(page, "circumstances", report.circumstances(COMMAND))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(DIMENSIONS), default=list(DIMENSIONS))
    parser.add_argument("--most", type=int, default=DEFAULT_MOST, help="records of a point at most")
    parser.add_argument("--report", type=Path, metavar="DIRECTORY")
    parser.add_argument("--point", nargs=2, metavar=("DIMENSION", "VALUE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        name, value = arguments.point
        sys.stdout.write(json.dumps(DIMENSIONS[name].measure(int(value), arguments.most)) + "\n")
        return
    found = {name: list(measure(name, arguments.most)) for name in arguments.only}
    for name, some in found.items():
        sys.stdout.write("\n".join(section(name, some)) + "\n")
    if arguments.report:
        write(found, arguments.report)


if __name__ == "__main__":
    main()
