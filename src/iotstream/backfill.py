"""`backfill`: hot sinks that were down get from the lake what they missed.

A span whose manifest names a sink as deferred is read back from its Parquet objects and written to that
sink; then a marker is put beside the manifest. Each step is harmless when repeated: the sink upserts, and
letters and marker are put once.

All rows of a span are given one arrival time, that of its last record, since the lake does not keep each
row's own. As `Version` it is right: of equal series and times within the span the last row wins, rows of a
later span arrived later, and nothing that the span itself had pushed before the sink went down lies above.
"""

from __future__ import annotations

import datetime as dt
import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from iotstream.audit.context import Lake
from iotstream.audit.findings import Code
from iotstream.audit.loading import directories, load
from iotstream.batch import Batch, DeadLetter, Origin
from iotstream.errors import IotstreamError
from iotstream.manifest import Manifest, WrittenObject
from iotstream.ownership import load_schema
from iotstream.position import Span
from iotstream.records import RawBatch
from iotstream.rejects import Reject
from iotstream.schema import Encoding, Field, Schema, Type
from iotstream.sinks.base import Sink
from iotstream.sinks.dead_letter import UNKNOWN_DAY, line
from iotstream.sinks.objects import Object, Store

READS_AT_ONCE = 8
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OF_A_MS = {Encoding.MS: 1, Encoding.US: 1_000, Encoding.NS: 1_000_000}

SinkOf = Callable[[str, Schema], Sink]
"""The sink of that name, for rows of that schema."""


class Deferred(NamedTuple):
    """A span that a sink has not got in full."""

    manifest: Manifest
    sink: str


class Backfilled(NamedTuple):
    """A span that a sink has got now.

    Attributes:
        stream, shard, span: which; the span as `<first>-<last>`.
        sink: its name.
        rows: of the span.
        refused: rows that the sink will never take; they are among the dead letters.
    """

    stream: str
    shard: str
    span: str
    sink: str
    rows: int
    refused: int


class _Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What is put when a span is done."""

    sink: str
    first: str
    last: str
    rows: int
    refused: int
    finished_ms: int


def deferred(store: Store, *, sink: str = "") -> Iterator[Deferred]:
    """The spans that wait, shard by shard, in order.

    Args:
        store: under the lake's prefix.
        sink: only what waits for this one; all by default.

    Raises:
        IotstreamError: a manifest can't be read.
        SinkUnavailable: the store stayed down.
    """
    with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="backfill") as pool:
        lake = Lake(store, store, pool, lambda _what, _done: None)
        application = lake.owner() or ""
        for files in directories(store):
            directory = load(lake, files, application)
            for finding in directory.findings:
                if finding.code is Code.MANIFEST_UNREADABLE:
                    raise IotstreamError(
                        f"{finding.key} can't be read ({finding.message}): see `iotstream audit`"
                    )
            for chain in directory.chains(application):
                for manifest in (span.manifest for span in chain.spans):
                    for name in manifest.deferred:
                        done = manifest.backfill_key(name) in directory.backfilled
                        if not done and sink in {"", name}:
                            yield Deferred(manifest, name)


def backfill(
    store: Store,
    quarantine: Store,
    waiting: Iterable[Deferred],
    sink_of: SinkOf,
    *,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Iterator[Backfilled]:
    """Write the spans that wait. What was yielded is done for good, whatever comes after.

    Memory: one object's rows.

    Args:
        store: under the lake's prefix.
        quarantine: under the prefix of the dead letters.
        waiting: see `deferred`.
        sink_of: makes sinks, or hands out ones that it has made; their closing is the caller's.
        now_ms: ms since the epoch.

    Raises:
        ConfigurationError: a span's schema is not in the lake, or its sink is not configured.
        IotstreamError: an object of a span is gone.
        SinkUnavailable: a sink or a store stayed down.
    """
    schemas: dict[str, Schema] = {}
    for manifest, name in waiting:
        if manifest.schema not in schemas:
            schemas[manifest.schema] = load_schema(store, manifest.schema)
        schema = schemas[manifest.schema]
        sink = sink_of(name, schema)
        letters: list[DeadLetter] = []
        rows = 0
        for written in manifest.objects or ():
            table = _rows(store, written)
            batch = _batch(table, manifest)
            refused = list(sink.write(batch))
            letters += [
                _letter(one, table, manifest=manifest, schema=schema, sink=name, rows_before=rows)
                for one in refused
            ]
            rows += table.num_rows
        if letters:
            quarantine.put_new([_letters(letters, manifest, name)])
        store.put_new([_marker(manifest, name, rows, len(letters), now_ms())])
        yield Backfilled(manifest.stream, manifest.shard_id, manifest.name, name, rows, len(letters))


def _rows(store: Store, written: WrittenObject) -> pa.Table:
    body = store.get(written.key)
    if body is None:
        raise IotstreamError(f"{store.uri.rstrip('/')}/{written.key} is gone: see `iotstream audit`")
    return pq.ParquetFile(pa.BufferReader(body)).read()


def _batch(table: pa.Table, manifest: Manifest) -> Batch:
    """One object's rows, as of a single record that arrived when the span's last one did."""
    first, last = manifest.ends
    arrival = manifest.arrival_ms
    raw = RawBatch(
        payloads=[b""],
        sequence_numbers=[str(first.sequence_number)],
        sub_sequence_numbers=[first.sub_sequence_number],
        arrival_ms=None if arrival is None else pa.array([arrival[1]], pa.int64()),
        stream=manifest.stream,
        shard_id=manifest.shard_id,
        deaggregated=True,
    )
    rows = pa.array(range(table.num_rows), pa.int32())
    record = pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
    return Batch(
        data=table,
        span=Span(manifest.stream, manifest.shard_id, first, last),
        records=manifest.records,
        origin=Origin(raw=raw, record=record, item=rows),
    )


def _letter(
    reject: Reject, table: pa.Table, *, manifest: Manifest, schema: Schema, sink: str, rows_before: int
) -> DeadLetter:
    """`item` is the row's number in the span, and the position its first record's: the lake knows no more."""
    (row,) = table.slice(reject.item, 1).to_pylist()
    return DeadLetter(
        position=manifest.ends[0],
        item=rows_before + reject.item,
        arrival_ms=None if manifest.arrival_ms is None else manifest.arrival_ms[1],
        sink=sink,
        reason=reject.reason,
        field=reject.field,
        detail=reject.detail,
        payload=orjson.dumps(document(row, schema)),
    )


def document(row: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """A row as a payload from which the schema decodes that row.

    Args:
        row: by column.
        schema: its fields' sources are the keys.
    """
    found: dict[str, Any] = {}
    for field in schema.fields:
        value = row[field.name]
        if value is None:
            continue
        inner = found
        for key in field.source[:-1]:
            inner = inner.setdefault(key, {})
        inner[field.source[-1]] = _encoded(value, field) if field.type is Type.TIMESTAMP else value
    return found


def _encoded(moment: dt.datetime, field: Field) -> str | float:
    if field.encoding in {Encoding.AUTO, Encoding.ISO}:
        return moment.isoformat(timespec="milliseconds")
    ms = (moment - _EPOCH) // dt.timedelta(milliseconds=1)
    return ms / 1_000 if field.encoding is Encoding.S else ms * _OF_A_MS[field.encoding]


def _letters(letters: list[DeadLetter], manifest: Manifest, sink: str) -> Object:
    """Beside what the sink refused of the span at once, which may be there already."""
    span = Span(manifest.stream, manifest.shard_id, *manifest.ends)
    arrival = letters[0].arrival_ms
    day = UNKNOWN_DAY if arrival is None else str((_EPOCH + dt.timedelta(milliseconds=arrival)).date())
    body = b"".join(line(letter, span, manifest.schema) for letter in letters)
    return Object(f"dt={day}/{span}.{sink}-backfill.jsonl.gz", gzip.compress(body, compresslevel=6, mtime=0))


def _marker(manifest: Manifest, sink: str, rows: int, refused: int, now_ms: int) -> Object:
    marker = _Marker(
        sink=sink,
        first=manifest.first,
        last=manifest.last,
        rows=rows,
        refused=refused,
        finished_ms=now_ms,
    )
    return Object(manifest.backfill_key(sink), msgspec.json.format(msgspec.json.encode(marker), indent=2))
