"""`ShardLake`: one shard's way into the lake, through the span journal: exactly once.

A span is closed in this order, and each step is durable before the next begins:

    intend → dead letters → Parquet objects → manifest → commit

Hot sinks have got every row before, or are named as deferred. Objects are immutable and named after the
span, so whoever finishes a span that another began writes the same objects, which are there already.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from iotstream.batch import Batch
from iotstream.errors import GapFound
from iotstream.journal.base import Journal, ShardKey, ShardState
from iotstream.manifest import (
    LAYOUT,
    MAX_OBJECTS_IN_INTENT,
    TRIM_HORIZON,
    Cause,
    Gap,
    Manifest,
    WrittenLetters,
    WrittenObject,
    decode_manifest,
    encode,
    position_of,
)
from iotstream.partition import Partition, object_key, split
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.rejects import Rejects
from iotstream.retry import suspend_aware_clock
from iotstream.row_hash import row_hash
from iotstream.schema import Schema
from iotstream.sinks import dead_letter, parquet
from iotstream.sinks.objects import Object, Store

PUT_WINDOW_S = 600.0
"""No put starts later than this after its intent, so that what removes objects an hour after their span
was committed never sees one come back."""
READ_SLACK_MS = 300_000
"""At the tip, everything that arrived before this much ago has been delivered: what a source has fetched
ahead may lie that long."""
TOUCH_EVERY_MS = 3_600_000

log = logging.getLogger("iotstream")


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a lake is kept, shared by all shards of a process.

    Attributes:
        journal: of the spans.
        lake, quarantine: under their prefixes.
        encoding: of Parquet.
        on_gap: record or stop.
    """

    journal: Journal
    lake: Store
    quarantine: Store
    encoding: parquet.ParquetSettings
    on_gap: str = "record"


class ShardLake:
    """The lake as one shard's sink. Also the shard's `Watch`.

    Args:
        places: where everything is.
        key: the shard.
        state: what the journal said at the claim.
        schema: of the rows.
        read_after: where the source reads on from; None: it doesn't say.
        retention_ms: how long the stream keeps records.
        now_ms: ms since the epoch.
        clock: seconds; it goes on while the machine or the process is suspended.

    Attributes:
        state: what the journal knows now. With an intent in it, the next batch must be that very span,
            read again: it is finished, not begun.
    """

    name = "lake"

    def __init__(
        self,
        places: Places,
        key: ShardKey,
        state: ShardState,
        schema: Schema,
        *,
        read_after: str | None = None,
        retention_ms: int | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        clock: Callable[[], float] = suspend_aware_clock,
    ) -> None:
        self.state = state
        self._places = places
        self._key = key
        self._identity: Any = {
            "application": key.application,
            "stream": key.stream,
            "stream_arn": key.stream_arn,
            "stream_created_ms": key.stream_created_ms,
            "shard_id": key.shard_id,
        }
        self._schema = schema
        self._read_after = read_after
        self._retention_ms = retention_ms
        self._now_ms = now_ms
        self._clock = clock
        self._read_until_ms = state.complete_until_ms
        self._delivered = state.committed
        self._touched_ms = 0

    def write(self, batch: Batch) -> Rejects:
        """Write the span and commit it.

        Raises:
            SinkUnavailable: a store or the journal stayed down. The intent stays, for whoever claims next.
            ClaimLost: another worker has the shard.
        """
        parts = list(split(batch.data, self._schema.time.name))
        letters = list(dead_letter.objects(batch.dead_letters, batch.span, self._schema.fingerprint))
        draft = self._draft(batch, parts, letters)
        not_after = self._clock() + PUT_WINDOW_S
        if self.state.intent is None:
            self._intend(draft)
        else:
            draft = _as_intended(draft, decode_manifest(self.state.intent))
        places = self._places
        places.quarantine.put_new((letter.object for letter in letters), not_after_s=not_after)
        sizes: dict[str, int] = {}
        there = places.lake.put_new(self._bodies(batch, parts, sizes), not_after_s=not_after)
        if there:
            # Written by an earlier try, maybe by another version of the encoder.
            sizes = {key: places.lake.size(key) or size for key, size in sizes.items()}
        self._finish(draft, sizes, not_after)
        return Rejects()

    def adopt(self, intent: Manifest) -> bool:
        """Commit a span whose records can't be read again, if all its objects are there; else say False.

        Raises:
            SinkUnavailable: a store or the journal stayed down.
            ClaimLost: another worker has the shard.
        """
        places = self._places
        if intent.objects is None:
            return False
        sizes = {one.key: places.lake.size(one.key) for one in intent.objects}
        letters = [one.key for one in intent.dead_letters if not one.sink]
        if None in sizes.values() or not all(places.quarantine.exists(key) for key in letters):
            return False
        known = {key: size for key, size in sizes.items() if size is not None}
        self._finish(intent, known, self._clock() + PUT_WINDOW_S)
        return True

    def abandon(self, intent: Manifest) -> None:
        """Note that a span's records can't be read again and its objects are not all there, and go on.

        Raises:
            GapFound: the settings say to stop.
            SinkUnavailable: a store or the journal stayed down.
            ClaimLost: another worker has the shard.
        """
        detail = f"the span {intent.name} was written in part, and the stream no longer keeps its records"
        gap = self._gap(intent.previous, intent.last, Cause.INTENT_EXPIRED, detail)
        self._put_gap(msgspec.structs.replace(gap, intent=intent))
        self._commit(Position.parse(intent.last), None)

    def commit(self, intent: Manifest) -> None:
        """Commit a span whose manifest is there: all else was written before it.

        Raises:
            JournalUnavailable: the journal stayed down.
            ClaimLost: another worker has the shard.
        """
        self._commit(Position.parse(intent.last), intent.arrival_ms[1] if intent.arrival_ms else None)

    def close(self) -> None:
        """Nothing to do: stores and journal are shared."""

    # Watch

    def resumed(self) -> None:
        """Look where the source reads on from: beyond what is committed, records are skipped.

        Raises:
            GapFound: the settings say to stop.
            SinkUnavailable: the gap could not be noted.
        """
        after, committed = self._read_after, self.state.committed
        if committed is None or after is None or after == TRIM_HORIZON:
            return
        position = position_of(after)
        if position is None or position > committed:
            detail = f"the source reads on after {after}, but only what is up to {committed} is durable"
            self.record(self._gap(str(committed), after, Cause.RESUMED_BEYOND, detail))

    def delivered(self, raw: RawBatch, behind_ms: int | None) -> Gap | None:
        """See `Watch`. There may be a gap when what followed the last record delivered is too old by now."""
        if self._read_after is None:
            return None
        now, before, last = self._now_ms(), self._read_until_ms, self._delivered
        until = before or 0
        if behind_ms == 0:
            until = max(until, now - READ_SLACK_MS)
        if len(raw):
            self._delivered = raw.span.last
            if raw.arrival_ms is not None:
                until = max(until, raw.arrival_ms[len(raw) - 1].as_py())
        self._read_until_ms = until or None
        if before is None or self._retention_ms is None or now - self._retention_ms <= before or last is None:
            return None
        end = str(raw.position(0)) if len(raw) else TRIM_HORIZON
        days = (now - before) / 86_400_000
        detail = (
            f"what arrived after {last} was read {days:.1f} days later, and the stream keeps records for "
            f"{self._retention_ms / 86_400_000:g} days"
        )
        return self._gap(str(last), end, Cause.EXPIRED, detail)

    def record(self, gap: Gap) -> None:
        """See `Watch`."""
        self._put_gap(gap)
        self._read_after = gap.until

    def idle(self) -> None:
        """See `Watch`: notes once an hour that the shard has been read to its tip."""
        now = self._now_ms()
        if self._read_until_ms is not None and now - self._touched_ms >= TOUCH_EVERY_MS:
            self._places.journal.touch(self._key, self.state.epoch, self._read_until_ms)
            self._touched_ms = now

    # Parts of it

    def _intend(self, draft: Manifest) -> None:
        if draft.objects is not None and len(draft.objects) > MAX_OBJECTS_IN_INTENT:
            intent = encode(msgspec.structs.replace(draft, objects=None))
        else:
            intent = encode(draft)
        self._places.journal.intend(self._key, self.state.epoch, intent)
        self.state = self.state._replace(intent=intent)

    def _finish(self, draft: Manifest, sizes: dict[str, int], not_after: float) -> None:
        objects = tuple(msgspec.structs.replace(one, size=sizes[one.key]) for one in draft.objects or ())
        manifest = msgspec.structs.replace(draft, objects=objects)
        self._places.lake.put_new([Object(manifest.key, encode(manifest))], not_after_s=not_after)
        self.commit(manifest)

    def _commit(self, last: Position, complete_until_ms: int | None) -> None:
        self._places.journal.commit(self._key, self.state.epoch, last, complete_until_ms)
        known = self.state.complete_until_ms if complete_until_ms is None else complete_until_ms
        self.state = self.state._replace(committed=last, intent=None, complete_until_ms=known)
        if self._read_after is not None:
            # What follows is read without a break.
            self._read_after = str(last)

    def _draft(self, batch: Batch, parts: list[Partition], letters: list[dead_letter.Letters]) -> Manifest:
        committed, span = self.state.committed, batch.span
        rejects: dict[str, int] = {}
        for one in batch.dead_letters:
            if not one.sink:
                rejects[one.reason] = rejects.get(one.reason, 0) + 1
        return Manifest(
            **self._identity,
            first=str(span.first),
            last=str(span.last),
            previous=None if committed is None else str(committed),
            read_after=self._read_after,
            kinesis_records=batch.kinesis_records,
            records=batch.records,
            items=batch.data.num_rows + sum(rejects.values()),
            rows=batch.data.num_rows,
            rejects=dict(sorted(rejects.items())),
            arrival_ms=batch.arrival_ms,
            objects=tuple(
                WrittenObject(
                    key=object_key(part.path, span), rows=part.data.num_rows, row_hash=row_hash(part.data)
                )
                for part in parts
            ),
            dead_letters=tuple(
                WrittenLetters(key=one.object.key, lines=one.lines, sink=one.sink) for one in letters
            ),
            deferred=tuple(sorted(batch.deferred)),
            schema=self._schema.fingerprint,
            layout=LAYOUT,
            epoch=self.state.epoch,
            intended_ms=self._now_ms(),
        )

    def _bodies(self, batch: Batch, parts: list[Partition], sizes: dict[str, int]) -> Iterator[Object]:
        metadata = parquet.file_metadata(batch, self._schema)
        for part in parts:
            body = parquet.encode(part.data, self._schema, metadata, self._places.encoding)
            key = object_key(part.path, batch.span)
            sizes[key] = len(body)
            yield Object(key, body)

    def _gap(self, after: str | None, until: str, cause: Cause, detail: str) -> Gap:
        return Gap(
            **self._identity,
            after=after,
            until=until,
            cause=cause,
            found_ms=self._now_ms(),
            detail=detail,
        )

    def _put_gap(self, gap: Gap) -> None:
        log.error("gap in %s after %s until %s: %s", self._key.shard_id, gap.after, gap.until, gap.detail)
        if self._places.on_gap == "stop":
            raise GapFound(
                f"{self._key.shard_id}: {gap.detail}. Set journal.on_gap to record to note it and go on"
            )
        self._places.lake.put_new([Object(gap.key, encode(gap))])


def _as_intended(draft: Manifest, intent: Manifest) -> Manifest:
    """The draft of a span that is written a second time, with what only the first try knows."""
    if (draft.first, draft.last) != (intent.first, intent.last):
        raise AssertionError(f"span {draft.name} in place of the intended {intent.name}")
    if intent.objects is not None and intent.objects != draft.objects:
        # Another version of the decoder: the objects of the first try stay where they are there.
        log.error("span %s decodes to other rows than when it was intended", draft.name)
    return msgspec.structs.replace(
        draft,
        previous=intent.previous,
        read_after=intent.read_after,
        epoch=intent.epoch,
        intended_ms=intent.intended_ms,
    )
