"""`Pipeline`: the one flow, for every source: decode, hot sinks at once, the lake span by span."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from iotstream.batch import Batch, Batcher, BatchLimits, DeadLetter, Origin
from iotstream.decode import decode
from iotstream.decoded import Decoded
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.schema import Schema
from iotstream.sinks.base import Sink


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
        records, rows, payload_bytes, spans: totals; a KPL aggregate is one record.
        rejects: the decoder's, by reason.
        refused: rows that a hot sink refused for good, by sink.
        extra_fields: names outside the schema, on a sample of the records.
        seconds: CPU and waiting by stage: decode, then each sink by its name.
    """

    records: int = 0
    rows: int = 0
    payload_bytes: int = 0
    spans: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    extra_fields: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def items(self) -> int:
        """Rows and the decoder's rejects."""
        return self.rows + self.rejects.total()


class Pipeline:
    """The flow of one shard, in order.

    Hot sinks get each push at once; the lake's sinks get closed spans, dead letters first. What
    `Progress.done` covers is durable in all of them.

    Args:
        schema: the telemetry.
        hot: sinks for dashboards; each may refuse rows for good, which then go to the dead letters.
        lake: sinks for closed spans, in the order in which they are written.
        limits: when a span closes.
        clock: seconds; for the stages' durations.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        lake: Sequence[Sink],
        hot: Sequence[Sink] = (),
        limits: BatchLimits | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._schema = schema
        self._hot = hot
        self._lake = lake
        self._batcher = Batcher(limits or BatchLimits())
        self._clock = clock
        self._done: Position | None = None
        self._failed: Position | None = None
        self.stats = Stats()

    @property
    def progress(self) -> Progress:
        """How far the shard is; true also after a `SinkUnavailable`."""
        return Progress(self._done, self._failed or self._batcher.pending)

    def push(self, raw: RawBatch, now: float) -> Progress:
        """Take the next records of the shard, and write the span if it is due.

        Args:
            raw: the records; none is fine.
            now: seconds of a clock that doesn't go back; for the span's age.

        Raises:
            SinkUnavailable: a sink stayed down. `progress` says from where to try again, with a new
                pipeline: what was not written is not kept here.
        """
        if len(raw):
            self._failed = self._batcher.pending or raw.position(0)
            self._batcher.add(self._take(raw), now)
            self._failed = None
        if self._batcher.due(now):
            self._close()
        return self.progress

    def drain(self) -> Progress:
        """Write what is left.

        Raises:
            SinkUnavailable: as `push`.
        """
        self._close()
        return self.progress

    def _take(self, raw: RawBatch) -> Batch:
        began = self._clock()
        decoded = decode(raw, self._schema)
        self.stats.seconds["decode"] += self._clock() - began
        self._count(raw, decoded)
        batch = to_batch(decoded)
        refused = [letter for sink in self._hot for letter in self._write_hot(sink, batch, decoded)]
        letters = [*batch.dead_letters, *refused]
        return Batch(data=batch.data, span=batch.span, records=batch.records, dead_letters=letters)

    def _write_hot(self, sink: Sink, batch: Batch, decoded: Decoded) -> list[DeadLetter]:
        if not batch.data.num_rows:
            return []
        began = self._clock()
        rejects = sink.write(batch)
        self.stats.seconds[sink.name] += self._clock() - began
        self.stats.refused[sink.name] += len(rejects)
        assert decoded.raw is not None
        return [DeadLetter.of(reject, decoded.raw, sink=sink.name) for reject in rejects]

    def _close(self) -> None:
        pending = self._batcher.pending
        span = self._batcher.flush()
        if span is None:
            return
        self._failed = pending
        for sink in self._lake:
            began = self._clock()
            sink.write(span)
            self.stats.seconds[sink.name] += self._clock() - began
        self._failed = None
        self._done = span.span.last
        self.stats.spans += 1

    def _count(self, raw: RawBatch, decoded: Decoded) -> None:
        stats = self.stats
        stats.records += len(raw)
        stats.rows += decoded.data.num_rows
        stats.payload_bytes += sum(map(len, raw.payloads))
        stats.rejects += decoded.rejects.by_reason()
        stats.extra_fields += decoded.extra_fields


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
        dead_letters=[DeadLetter.of(reject, raw) for reject in decoded.rejects],
        origin=Origin(raw=raw, record=decoded.record, item=decoded.item),
    )
