"""`Pipeline`: the one flow, for every source: decode, hot sinks at once, the lake span by span."""

from __future__ import annotations

import bisect
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.batch import Batch, Batcher, BatchLimits, DeadLetter, Origin
from iotstream.decode import decode
from iotstream.decoded import Decoded
from iotstream.errors import ClaimLost, SinkUnavailable
from iotstream.manifest import Gap
from iotstream.partition import SHORT_RUN_ROWS, split
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.schema import Schema
from iotstream.sinks.base import Sink
from iotstream.unpack import deaggregate

FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 600.0
"""A hot sink that is down is left alone for so long, twice as long each time: each look at it costs its
deadline, and the lake waits meanwhile."""
PART_BYTES = 4 * 1024 * 1024
"""Payload bytes decoded at once. Compressed ones grow: a span may close within what the source delivered."""


class Progress(NamedTuple):
    """How far a shard is.

    Attributes:
        done: the last position that is durable in every sink; None at the start. KCL's checkpoint.
        pending: the first position that is not; None when there is none. Lambda's batch item failure.
    """

    done: Position | None
    pending: Position | None


@dataclass
class Stats:
    """What went through a pipeline; counts since it was made.

    Attributes:
        records, rows, payload_bytes, spans: totals; a KPL aggregate's user records count one by one.
        skipped: records that were durable already.
        gaps: how often records may be missing.
        claims_lost: how often another worker had the shard when a span was to be written.
        last_span_rows: rows of the span that was closed last.
        flush_seconds: how long closing it took.
        rejects: the decoder's, by reason.
        refused: rows that a hot sink refused for good, by sink.
        deferred: spans in which a hot sink was down, by sink.
        extra_fields: names outside the schema, on a sample of the records.
        seconds: CPU and waiting by stage: decode, then each sink by its name.
    """

    records: int = 0
    rows: int = 0
    payload_bytes: int = 0
    spans: int = 0
    skipped: int = 0
    gaps: int = 0
    claims_lost: int = 0
    last_span_rows: int = 0
    flush_seconds: float = 0.0
    deferred: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    extra_fields: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def items(self) -> int:
        """Rows and the decoder's rejects."""
        return self.rows + self.rejects.total()


class Watch(Protocol):
    """Sees what a shard's source delivers: whether records are gone, whether the shard is idle."""

    def delivered(self, raw: RawBatch, behind_ms: int | None) -> Gap | None:
        """The gap before these records, if there may be one."""
        ...

    def record(self, gap: Gap) -> None:
        """Note the gap, for good.

        Raises:
            GapFound: the settings say to stop.
            SinkUnavailable: it could not be noted.
        """
        ...

    def idle(self) -> None:
        """All that the source has delivered is durable, and it is at the shard's tip."""
        ...


class Pipeline:
    """The flow of one shard, in order.

    Hot sinks get each push at once; the lake's sinks get closed spans, dead letters first. What
    `Progress.done` covers is durable in all of them, or, in a journaled lake, noted as deferred.

    Args:
        schema: the telemetry.
        hot: sinks for dashboards; each may refuse rows for good, which then go to the dead letters.
        lake: sinks for closed spans, in the order in which they are written.
        limits: when a span closes.
        after: records up to here are durable already, and are skipped.
        defer: hot sinks, all or by name, that do not stop the flow when they stay down: the span's batch
            names them as deferred.
        watch: sees what is delivered.
        stats: goes on counting in these.
        clock: seconds; for the stages' durations.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        lake: Sequence[Sink],
        hot: Sequence[Sink] = (),
        limits: BatchLimits | None = None,
        after: Position | None = None,
        defer: bool | Collection[str] = False,
        watch: Watch | None = None,
        stats: Stats | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._schema = schema
        self._hot = hot
        self._lake = lake
        self._batcher = Batcher(limits or BatchLimits())
        self._clock = clock
        self._watch = watch
        deferrable = [sink.name for sink in hot] if defer is True else defer or ()
        self._pauses = {name: _Pause() for name in deferrable}
        self._seen = self._done = after
        self._failed: Position | None = None
        self.stats = stats or Stats()

    @property
    def progress(self) -> Progress:
        """How far the shard is; true also after a `SinkUnavailable`."""
        return Progress(self._done, self._failed or self._batcher.pending)

    @property
    def limits(self) -> BatchLimits:
        """When a span closes. May be set at any time: memory is shared with other shards."""
        return self._batcher.limits

    @limits.setter
    def limits(self, limits: BatchLimits) -> None:
        self._batcher.limits = limits

    @property
    def buffered_bytes(self) -> int:
        """Bytes of the open span."""
        return self._batcher.size

    def push(self, raw: RawBatch, now: float, *, behind_ms: int | None = None) -> Progress:
        """Take the next records of the shard, and write the span if it is due.

        Args:
            raw: the records; none is fine.
            now: seconds of a clock that doesn't go back; for the span's age.
            behind_ms: how far the source is behind the shard's tip, where it says so.

        Raises:
            SinkUnavailable: a sink stayed down. `progress` says from where to try again, with a new
                pipeline: what was not written is not kept here.
            ClaimLost: another worker has the shard.
            GapFound: records are gone, and the settings say to stop.
        """
        raw = self._unseen(deaggregate(raw))
        if self._watch is not None:
            self._look(self._watch, raw, behind_ms)
        for part in _parts(raw):
            self._failed = self._batcher.pending or part.position(0)
            self._batcher.add(self._take(part), now)
            self._failed = None
            if self._batcher.due(now):
                self._close()
        if self._batcher.due(now):
            self._close()
        return self.progress

    def drain(self) -> Progress:
        """Write what is left.

        Raises:
            SinkUnavailable: as `push`.
            ClaimLost: as `push`.
        """
        self._close()
        return self.progress

    def _unseen(self, raw: RawBatch) -> RawBatch:
        """What was not pushed before, here or, by the journal, by another worker."""
        if not len(raw):
            return raw
        seen, self._seen = self._seen, raw.span.last
        if seen is None or raw.position(0) > seen:
            return raw
        self._seen = max(seen, raw.span.last)
        start = bisect.bisect_right(range(len(raw)), seen, key=raw.position)
        self.stats.skipped += start
        return raw.slice(start, len(raw))

    def _look(self, watch: Watch, raw: RawBatch, behind_ms: int | None) -> None:
        gap = watch.delivered(raw, behind_ms)
        if gap is not None:
            self._close()  # a span has no gap inside
            self.stats.gaps += 1
            watch.record(gap)
        elif behind_ms == 0 and not len(raw) and self._batcher.pending is None:
            watch.idle()

    def _take(self, raw: RawBatch) -> Batch:
        began = self._clock()
        decoded = decode(raw, self._schema)
        self.stats.seconds["decode"] += self._clock() - began
        self._count(raw, decoded)
        batch = to_batch(decoded)
        letters, deferred = list(batch.dead_letters), set()
        for sink in self._hot if batch.data.num_rows else ():
            refused = self._write_hot(sink, batch, raw)
            if refused is None:
                deferred.add(sink.name)
            else:
                letters += refused
        data = batch.data
        if self._batcher.pending is not None:  # alone in its span, it needs no order of its own
            data = _by_hour(data, self._schema.time.name)
        return replace(batch, data=data, dead_letters=letters, deferred=frozenset(deferred), origin=None)

    def _write_hot(self, sink: Sink, batch: Batch, raw: RawBatch) -> list[DeadLetter] | None:
        """What it refused; None: it is down, and may be."""
        began = self._clock()
        pause = self._pauses.get(sink.name)
        if pause is not None and began < pause.until:
            return None
        try:
            rejects = sink.write(batch)
        except SinkUnavailable:
            if pause is None:
                raise
            pause.begin(self._clock())
            return None
        finally:
            self.stats.seconds[sink.name] += self._clock() - began
        if pause is not None:
            pause.end()
        self.stats.refused[sink.name] += len(rejects)
        return [DeadLetter.of(reject, raw, sink=sink.name) for reject in rejects]

    def _close(self) -> None:
        pending = self._batcher.pending
        span = self._batcher.flush()
        if span is None:
            return
        self._failed = pending
        opened = self._clock()
        for sink in self._lake:
            began = self._clock()
            try:
                sink.write(span)
            except ClaimLost:
                self.stats.claims_lost += 1
                raise
            self.stats.seconds[sink.name] += self._clock() - began
        self._failed = None
        self._done = span.span.last
        self.stats.spans += 1
        self.stats.deferred.update(span.deferred)
        self.stats.last_span_rows = span.data.num_rows
        self.stats.flush_seconds = self._clock() - opened

    def _count(self, raw: RawBatch, decoded: Decoded) -> None:
        stats = self.stats
        stats.records += len(raw)
        stats.rows += decoded.data.num_rows
        stats.payload_bytes += raw.payload_bytes
        stats.rejects += decoded.rejects.by_reason()
        stats.extra_fields += decoded.extra_fields


@dataclass
class _Pause:
    """How long a hot sink that is down is left alone."""

    until: float = float("-inf")
    length: float = FIRST_PAUSE_S

    def begin(self, now: float) -> None:
        self.until = now + self.length
        self.length = min(self.length * 2, LONGEST_PAUSE_S)

    def end(self) -> None:
        self.until, self.length = float("-inf"), FIRST_PAUSE_S


def to_batch(decoded: Decoded) -> Batch:
    """What a decoded `RawBatch` is for sinks.

    Raises:
        ValueError: it was decoded from payloads alone.
    """
    raw = decoded.raw
    if raw is None:
        raise ValueError("decode a RawBatch: payloads alone have no positions")
    return Batch(
        data=pa.Table.from_batches([decoded.data]),
        span=raw.span,
        records=len(raw),
        kinesis_records=_kinesis_records(raw),
        arrival_ms=_arrival(raw),
        dead_letters=[DeadLetter.of(reject, raw) for reject in decoded.rejects],
        origin=Origin(raw=raw, record=decoded.record, item=decoded.item),
    )


def _by_hour(data: pa.Table, time_column: str) -> pa.Table:
    """The rows in the order of their hours.

    So a span is split later into slices of what it holds, where late rows would have it sorted: a copy of
    all of it. Pushes of a few rows aren't worth it: those are copied into one piece there.
    """
    if data.num_rows < SHORT_RUN_ROWS:
        return data
    partitions = [one.data for one in split(data, time_column)]
    return pa.concat_tables(partitions) if len(partitions) > 1 else data


def _parts(raw: RawBatch) -> Iterator[RawBatch]:
    """The records in parts of about `PART_BYTES`."""
    parts = -(-raw.payload_bytes // PART_BYTES)
    size = -(-len(raw) // max(parts, 1))
    for start in range(0, len(raw), size or 1):
        yield raw if parts <= 1 else raw.slice(start, start + size)


def _kinesis_records(raw: RawBatch) -> int:
    """User records of one aggregate have one sequence number."""
    return len(raw) if raw.sub_sequence_numbers is None else len(set(raw.sequence_numbers))


def _arrival(raw: RawBatch) -> tuple[int, int] | None:
    if raw.arrival_ms is None:
        return None
    ends = pc.min_max(raw.arrival_ms).as_py()
    return None if ends["min"] is None else (ends["min"], ends["max"])
