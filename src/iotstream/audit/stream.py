"""A shard's spans against what the stream still holds of it. Pure: batches in, differences out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from iotstream.audit.chains import Chain, SpanFacts
from iotstream.decode import decode
from iotstream.manifest import Manifest
from iotstream.partition import object_key, split
from iotstream.position import Position, Span
from iotstream.records import RawBatch
from iotstream.row_hash import add, row_hash
from iotstream.schema import Schema


class Uncovered(NamedTuple):
    """Records that the stream holds, and no span.

    Attributes:
        span: the index of the span that follows them; the number of spans: none does.
        first, last: the records.
        records: how many; after the last span: how many were looked at.
    """

    span: int
    first: Position
    last: Position
    records: int


@dataclass
class Comparison:
    """What came of comparing a shard.

    Attributes:
        oldest: the first record that the stream holds; None: it holds none.
        same: indexes of the spans that hold what the stream holds.
        differing: for the others, in words, by index.
        not_retained: how many spans the stream no longer holds, or only in part.
        unknown: how many spans could not be decoded, since their schema is not known.
        uncovered: records of no span.
    """

    oldest: Position | None = None
    same: set[int] = field(default_factory=set)
    differing: dict[int, str] = field(default_factory=dict)
    not_retained: int = 0
    unknown: int = 0
    uncovered: list[Uncovered] = field(default_factory=list)


def compare(
    chain: Chain, batches: Iterable[RawBatch], schema_of: Callable[[str], Schema | None]
) -> Comparison:
    """Decode the stream again, and compare each span's rows as multisets.

    Args:
        chain: the shard's spans.
        batches: the shard's records from the oldest that is kept on, KPL aggregates taken apart; never more
            than one of them is held, and no more are asked for than show that records follow the last span.
        schema_of: the schema of a fingerprint; None: it is not known.
    """
    result = Comparison()
    spans = list(_apart(chain.spans))
    walk = _Walk(spans, len(chain.spans), schema_of, result)
    last = spans[-1][1].last if spans else None
    for raw in batches:
        if not len(raw):
            continue
        if result.oldest is None:
            walk.begin(raw.position(0))
        walk.take(raw)
        if last is not None and raw.position(len(raw) - 1) > last:
            break
    walk.end()
    return result


def _apart(spans: Iterable[SpanFacts]) -> Iterator[tuple[int, SpanFacts]]:
    """The spans with their indexes, without those that overlap one before: that is a finding by itself."""
    last: Position | None = None
    for index, span in enumerate(spans):
        if last is None or span.first > last:
            last = span.last
            yield index, span


class _Walk:
    """Goes along spans and records side by side."""

    def __init__(
        self,
        spans: list[tuple[int, SpanFacts]],
        after_all: int,
        schema_of: Callable[[str], Schema | None],
        result: Comparison,
    ) -> None:
        self._spans = spans
        self._after_all = after_all
        self._schema_of = schema_of
        self._result = result
        self._at = 0
        self._tally: _Tally | None = None

    def begin(self, oldest: Position) -> None:
        """Pass by the spans whose first record is gone."""
        self._result.oldest = oldest
        while self._at < len(self._spans) and self._spans[self._at][1].first < oldest:
            self._at += 1
        self._result.not_retained = self._at

    def take(self, raw: RawBatch) -> None:
        """The shard's next records."""
        every = range(len(raw))
        start = 0
        if self._at:
            # The rest of a span whose first record is gone.
            passed = self._spans[self._at - 1][1].last
            start = bisect_right(every, passed, key=raw.position)
        while start < len(raw):
            if self._at == len(self._spans):
                self._uncovered(raw, start, len(raw), self._after_all)
                return
            index, span = self._spans[self._at]
            first = bisect_left(every, span.first, lo=start, key=raw.position)
            self._uncovered(raw, start, first, index)
            start = bisect_right(every, span.last, lo=first, key=raw.position)
            if start > first:
                self._count(span, raw.slice(first, start))
            if start == len(raw) and raw.position(start - 1) < span.last:
                return
            self._finish(index, span)

    def end(self) -> None:
        """There are no more records."""
        if self._result.oldest is None:
            self._result.not_retained = len(self._spans)
            return
        for index, _ in self._spans[self._at :]:
            begun, self._tally = self._tally is not None, None
            self._result.differing[index] = (
                "the stream ends within it" if begun else "the stream ends before it"
            )

    def _count(self, span: SpanFacts, raw: RawBatch) -> None:
        if self._tally is None:
            self._tally = _Tally(span.manifest, self._schema_of(span.manifest.schema))
        self._tally.add(raw)

    def _finish(self, index: int, span: SpanFacts) -> None:
        tally = self._tally or _Tally(span.manifest, self._schema_of(span.manifest.schema))
        self._tally = None
        self._at += 1
        if tally.schema is None:
            self._result.unknown += 1
        elif (difference := tally.difference()) is None:
            self._result.same.add(index)
        else:
            self._result.differing[index] = difference

    def _uncovered(self, raw: RawBatch, start: int, stop: int, index: int) -> None:
        if start >= stop:
            return
        found = Uncovered(index, raw.position(start), raw.position(stop - 1), stop - start)
        known = self._result.uncovered
        if known and known[-1].span == index:
            before = known.pop()
            found = Uncovered(index, before.first, found.last, before.records + found.records)
        known.append(found)


class _Tally:
    """What the records of one span come to."""

    def __init__(self, manifest: Manifest, schema: Schema | None) -> None:
        self.schema = schema
        self._manifest = manifest
        self._span = Span(manifest.stream, manifest.shard_id, *manifest.ends)
        self._first: Position | None = None
        self._last: Position | None = None
        self._records = 0
        self._kinesis_records = 0
        self._rejects: Counter[str] = Counter()
        self._objects: dict[str, tuple[int, str]] = {}

    def add(self, raw: RawBatch) -> None:
        """The span's next records."""
        numbers = list(raw.sequence_numbers)
        goes_on = self._last is not None and int(numbers[0]) == self._last.sequence_number
        self._first = self._first or raw.position(0)
        self._last = raw.position(len(raw) - 1)
        self._records += len(raw)
        self._kinesis_records += len(set(numbers)) - goes_on
        if self.schema is None:
            return
        decoded = decode(raw, self.schema)
        self._rejects += decoded.rejects.by_reason()
        for part in split(pa.Table.from_batches([decoded.data]), self.schema.time.name):
            key = object_key(part.path, self._span)
            rows, found = self._objects.get(key, (0, add([])))
            self._objects[key] = rows + part.data.num_rows, add([found, row_hash(part.data)])

    def difference(self) -> str | None:
        """In words; None: there is none."""
        manifest = self._manifest
        if (self._first, self._last) != manifest.ends:
            return f"the stream's records of it are {self._first} to {self._last}"
        if self._records != manifest.records:
            return f"{self._records} records in the stream, but {manifest.records} in the manifest"
        # Each part of an aggregate that was cut counts as a record of the stream.
        if not self._kinesis_records <= manifest.kinesis_records <= manifest.records:
            return f"{self._kinesis_records} Kinesis records, but {manifest.kinesis_records} in the manifest"
        if dict(self._rejects) != manifest.rejects:
            return (
                f"the stream decodes to rejects {dict(self._rejects)}, but {manifest.rejects} in the manifest"
            )
        written = {one.key: (one.rows, one.row_hash) for one in manifest.objects or ()}
        for key in sorted(written.keys() | self._objects.keys()):
            there, here = self._objects.get(key), written.get(key)
            if there != here:
                return f"{key}: the stream decodes to {_words(there)}, the manifest says {_words(here)}"
        return None


def _words(rows: tuple[int, str] | None) -> str:
    return "no rows" if rows is None else f"{rows[0]} rows with the hash {rows[1]}"
