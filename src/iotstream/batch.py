"""`Batch`: what sinks get. `Batcher`: collects what was decoded until a span is worth writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from iotstream.position import Position, Span
from iotstream.records import RawBatch
from iotstream.rejects import Reason, Reject

LETTER_BYTES = 2_048
"""What a dead letter takes beside its payload: Python objects here, and a line of JSON when it is written
(measured: a span of 32 MiB of payloads that were all rejected took 1.9 GB at its peak)."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A rejected item with all that is needed to find it, judge it and put it through again.

    Attributes:
        position: its record's place in the shard.
        item: index of the item within its record.
        arrival_ms: when the record arrived in the stream, ms since the epoch; None where unknown.
        sink: the sink that refused the row; empty when the decoder rejected the item.
        reason, field, detail, payload: as in `Reject`.
    """

    position: Position
    item: int
    arrival_ms: int | None
    sink: str
    reason: Reason
    field: str
    detail: str
    payload: bytes

    @classmethod
    def of(cls, reject: Reject, raw: RawBatch, *, sink: str = "") -> DeadLetter:
        """The dead letter of a reject of that batch."""
        arrival = None if raw.arrival_ms is None else raw.arrival_ms[reject.record].as_py()
        return cls(
            position=raw.position(reject.record),
            item=reject.item,
            arrival_ms=arrival,
            sink=sink,
            reason=reject.reason,
            field=reject.field,
            detail=reject.detail,
            payload=reject.payload,
        )


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the rows of a batch come from, so that a sink's refusal is traced to its record.

    Attributes:
        raw: the records.
        record: int32, a row each: the index of its record in `raw`.
        item: int32, a row each: the index of the item within the record.
    """

    raw: RawBatch
    record: pa.Int32Array
    item: pa.Int32Array


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a push (hot sinks) or a closed span (lake) decodes to.

    Attributes:
        data: the valid rows, in order; the schema's columns.
        span: the records it covers.
        records: how many records that is; user records of a KPL aggregate count one by one.
        kinesis_records: the same as the stream counts them; a part of an aggregate counts as one.
        arrival_ms: of the first and the last record by time, ms since the epoch; None: unknown.
        dead_letters: the items that did not become rows, and those that a hot sink refused.
        deferred: hot sinks that were down and have not got all rows.
        origin: where each row comes from; only for hot sinks, which may refuse rows.
    """

    data: pa.Table
    span: Span
    records: int
    kinesis_records: int = 0
    arrival_ms: tuple[int, int] | None = None
    dead_letters: Sequence[DeadLetter] = ()
    deferred: frozenset[str] = frozenset()
    origin: Origin | None = None

    @property
    def rejects(self) -> int:
        """Items that the decoder rejected: with the rows they make up all items."""
        return sum(1 for letter in self.dead_letters if not letter.sink)


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """When a span closes: at whichever comes first. The first push always fits.

    Attributes:
        max_rows: rows and dead letters.
        max_bytes: of Arrow data and dead letters.
        max_age_s: seconds since the first push.
    """

    max_rows: int = 1_000_000
    max_bytes: int = 128 * 1024 * 1024
    max_age_s: float = 60.0


@dataclass
class _Open:
    opened_at: float
    first: Span
    last: Span
    records: int = 0
    kinesis_records: int = 0
    rows: int = 0
    size: int = 0
    arrivals: list[int] = field(default_factory=list)
    deferred: frozenset[str] = frozenset()
    tables: list[pa.Table] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


class Batcher:
    """Collects the pushes of one shard, in order, and hands out a closed span when it is due.

    It never splits a push, so it never splits a record. Time is an argument: seconds of any clock
    that doesn't go back.
    """

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self._open: _Open | None = None

    @property
    def size(self) -> int:
        """Bytes collected: of Arrow data and dead letters."""
        return 0 if self._open is None else self._open.size

    @property
    def pending(self) -> Position | None:
        """The first position that is collected but not handed out; None when empty."""
        return None if self._open is None else self._open.first.first

    def add(self, batch: Batch, now: float) -> None:
        """Take a push. Ask `due` afterwards."""
        if self._open is None:
            self._open = _Open(now, batch.span, batch.span)
        span = self._open
        if span.records and span.last.last.sequence_number == batch.span.first.sequence_number:
            span.kinesis_records -= 1  # an aggregate that came in two parts
        span.last = batch.span
        span.records += batch.records
        span.kinesis_records += batch.kinesis_records
        span.arrivals += batch.arrival_ms or ()
        span.deferred |= batch.deferred
        span.rows += batch.data.num_rows + len(batch.dead_letters)
        span.size += batch.data.nbytes + sum(LETTER_BYTES + len(one.payload) for one in batch.dead_letters)
        span.tables.append(batch.data)
        span.dead_letters.extend(batch.dead_letters)

    def due(self, now: float) -> bool:
        """Whether the open span has reached a limit."""
        span, limits = self._open, self.limits
        if span is None:
            return False
        full = span.rows >= limits.max_rows or span.size >= limits.max_bytes
        return full or now - span.opened_at >= limits.max_age_s

    def flush(self) -> Batch | None:
        """Close the open span and hand it out; None when there is none."""
        span, self._open = self._open, None
        if span is None:
            return None
        return Batch(
            data=pa.concat_tables(span.tables),
            span=span.first._replace(last=span.last.last),
            records=span.records,
            kinesis_records=span.kinesis_records,
            arrival_ms=(min(span.arrivals), max(span.arrivals)) if span.arrivals else None,
            dead_letters=span.dead_letters,
            deferred=span.deferred,
        )
