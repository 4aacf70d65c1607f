"""The rows of the table: what is measured, and what it should come to."""

from __future__ import annotations

from dataclasses import dataclass

LIBRARIES = "the best library"
"""Stands for whichever of a row's libraries is the quickest."""


@dataclass(frozen=True)
class Limit:
    """What ours should come to.

    Attributes:
        at_most: in the row's unit; of ours alone.
        way: whom `times` compares with: a way of the row, or `LIBRARIES`.
        times: so many times as much as ours takes that way at least.
    """

    at_most: float | None = None
    way: str = ""
    times: float | None = None

    def __str__(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        assert self.times is not None
        # Below 1: ours is the one with more to do.
        return f"≥ {self.times:g} x" if self.times >= 1 else f"ours ≤ {1 / self.times:.3g} x this"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        key: by which measurements name it.
        work: what is done.
        unit: of its numbers.
        limits: the goals; none for a row that is there to be seen.
    """

    key: str
    work: str
    unit: str = "µs/record"
    limits: tuple[Limit, ...] = ()


def at_most(value: float) -> Limit:
    """In the row's unit."""
    return Limit(at_most=value)


def times(way: str, factor: float) -> Limit:
    """So many times as quick as that way."""
    return Limit(way=way, times=factor)


ORIGINAL = "the original handler's loop"
CLEAN = "a clean batch"
ROWS = [
    Row(
        "flat",
        "10,000 payloads of ~100 bytes, 4 fields → validated RecordBatch; 20 lists in turn",
        limits=(at_most(0.12), times(ORIGINAL, 50), times(LIBRARIES, 2.5)),
    ),
    Row("nested", "the same of nested messages, ~220 bytes, all 10 fields", limits=(at_most(0.30),)),
    Row(
        "event",
        "raw bytes of a Lambda event of 10,000 records → rows, rejects, positions, arrival times",
        limits=(at_most(0.35),),
    ),
    Row("event-parquet", "… and Parquet objects encoded and written", limits=(at_most(0.80),)),
    Row(
        "event-dicts",
        "the event as the managed runtime has parsed it → rows and positions",
        limits=(at_most(0.25),),
    ),
    Row("packed-gzip", "100 rows a record: gzip", "µs/row", (at_most(0.4),)),
    Row("packed-kpl", "100 rows a record: KPL aggregate", "µs/row", (at_most(0.4),)),
    Row("packed-array", "100 rows a record: JSON array", "µs/row"),
    Row("packed-ndjson", "100 rows a record: NDJSON", "µs/row"),
    Row("kcl", "KCL messages → rows → Parquet encoded, spans of 128 MB", limits=(at_most(0.40),)),
    Row("bad-1", "1 % bad records", limits=(times(CLEAN, 1 / 1.2),)),
    Row("bad-5", "5 % bad records", limits=(times(CLEAN, 1 / 1.5),)),
    Row("bad-1-read", "1 % bad records, every detail read"),
    Row("bad-5-read", "5 % bad records, every detail read"),
    Row(
        "timestream",
        "10,000 rows to Timestream: built, signed, sent over TLS; the client's CPU",
        limits=(at_most(1.3),),
    ),
    Row("parquet-1m", "Parquet, 1,000,000 rows: split, encoded, put", "µs/row", (at_most(0.08),)),
    Row("parquet-bytes", "… and their size", "bytes/row", (at_most(5.5),)),
    Row("cold", "cold start: a fresh interpreter's CPU to its first record", "ms", (at_most(350),)),
    Row(
        "steady-memory",
        "the consumer's memory at its highest, steady, spans of 128 MB",
        "MB",
        (at_most(600),),
    ),
    Row("steady-growth", "… and by how much it grows with an hour's worth of records", "MB", (at_most(30),)),
    Row("chunks", "200,000 payloads in one call"),
    Row("threads", "two threads decode at once: wall time", "µs/record"),
    Row("parquet-10k", "Parquet, 10,000 rows: split, encoded, put", "µs/row"),
    Row("influxdb", "InfluxDB's line protocol, built", "µs/row"),
    Row("influxdb-checked", "… rows checked before", "µs/row"),
    Row("timestream-bodies", "Timestream's bodies alone", "µs/row"),
    Row("page", "GetRecords: an answer of 10,000 records → RawBatch, HTTP client included"),
    Row("consume-plain", "consumer, stream → lake, one row a record: Python", "µs/row", (at_most(2.2),)),
    Row("consume-packed", "consumer, stream → lake, 100 rows a record: Python", "µs/row", (at_most(0.8),)),
]
BY_KEY = {row.key: row for row in ROWS}
