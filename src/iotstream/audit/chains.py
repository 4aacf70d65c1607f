"""One shard's spans: whether each goes on where the one before ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from iotstream.audit.findings import Code, Finding
from iotstream.journal.base import ShardKey
from iotstream.manifest import AT_TIMESTAMP, LATEST, TRIM_HORIZON, Gap, Manifest, position_of
from iotstream.position import Position

BEGINNINGS = (LATEST, AT_TIMESTAMP)
"""Where a source began that was told to leave out what was there before."""


class Link(Enum):
    """How a span goes on from the one before."""

    PROVED = "the source read on without a break"
    UNPROVED = "the runtime does not say where it read on"
    BROKEN = "there is a finding"


class SpanFacts(NamedTuple):
    """A manifest, its ends as positions."""

    manifest: Manifest
    first: Position
    last: Position

    @classmethod
    def of(cls, manifest: Manifest) -> SpanFacts:
        """Of that manifest."""
        return cls(manifest, *manifest.ends)


class Brief(NamedTuple):
    """What is kept of a span to the audit's end.

    Attributes:
        name: `<first>-<last>`.
        arrival_ms: when its last record arrived, ms since the epoch; None: unknown.
    """

    name: str
    arrival_ms: int | None


@dataclass
class Chain:
    """All that the lake says of one shard.

    Attributes:
        key: the shard.
        spans: by their first record; given up by `forget`.
        gaps: in any order.
        briefs: of the spans.
        links: of each span, once `check` has run.
        begins: the first span's `read_after`.
        end: up to where spans, and gaps after them, reach; None: there is none.
        bad: the index of the first span that a finding concerns; None: there is none. The number of
            spans stands for what follows the last.
    """

    key: ShardKey
    spans: list[SpanFacts]
    gaps: list[Gap]
    links: list[Link] = field(default_factory=list)
    bad: int | None = None

    def __post_init__(self) -> None:
        self.spans.sort(key=lambda span: span[1:])
        self.briefs = [
            Brief(one.manifest.name, one.manifest.arrival_ms[1] if one.manifest.arrival_ms else None)
            for one in self.spans
        ]
        self.begins = self.spans[0].manifest.read_after if self.spans else None
        self.end = self._end()

    def forget(self) -> None:
        """Let go of the manifests."""
        self.spans = []

    def mark(self, index: int) -> None:
        """A finding concerns that span."""
        self.bad = index if self.bad is None else min(self.bad, index)

    def finding(self, code: Code, key: str, message: str) -> Finding:
        """A finding of this shard."""
        return Finding(code, self.key.stream, self.key.shard_id, key, message)

    @property
    def proved(self) -> int:
        """How many spans from the first on are proved."""
        stops = [index for index, link in enumerate(self.links) if link is not Link.PROVED]
        return min([len(self.briefs), *stops[:1], *([] if self.bad is None else [self.bad])])

    def _end(self) -> Position | None:
        """Up to where spans, and gaps after them, reach; None: there is none."""
        last = str(self.spans[-1].last) if self.spans else None
        ends = [end for text in reachable(last, self.gaps) if (end := position_of(text)) is not None]
        return max([*ends, *(span.last for span in self.spans)], default=None)


def check(chain: Chain) -> Iterator[Finding]:
    """Findings and notes about the spans' order; sets `links`."""
    yield from _gaps(chain)
    previous: SpanFacts | None = None
    for index, span in enumerate(chain.spans):
        finding = _finding(chain, previous, span)
        if finding is not None:
            chain.mark(index)
            yield finding
        chain.links.append(_link(span, finding))
        previous = span if previous is None else max(previous, span, key=lambda one: one.last)
    if chain.spans and chain.spans[0].manifest.read_after in BEGINNINGS and chain.bad != 0:
        manifest = chain.spans[0].manifest
        message = f"the lake begins with {manifest.first}, read from {manifest.read_after} on, as configured"
        yield chain.finding(Code.BEGINS_LATE, manifest.key, message)


def reachable(last: str | None, gaps: Sequence[Gap]) -> set[str | None]:
    """Where one gets from the end of a span by gaps, one after the other; itself included."""
    found: set[str | None] = {last}
    waiting = [last]
    while waiting:
        after = waiting.pop()
        ends = {gap.until for gap in gaps if gap.after == after} - found
        found |= ends
        waiting += ends
    return found


def _gaps(chain: Chain) -> Iterator[Finding]:
    for gap in chain.gaps:
        after = position_of(gap.after)
        chain.mark(sum(1 for span in chain.spans if after is not None and span.last <= after))
        message = f"{gap.cause}: after {gap.after or 'the start'} until {gap.until}: {gap.detail}"
        yield chain.finding(Code.GAP, gap.key, message)


def _link(span: SpanFacts, finding: Finding | None) -> Link:
    if finding is not None:
        return Link.BROKEN
    return Link.UNPROVED if span.manifest.read_after is None else Link.PROVED


def _finding(chain: Chain, previous: SpanFacts | None, span: SpanFacts) -> Finding | None:
    manifest = span.manifest
    last = None if previous is None else previous.manifest.last
    if previous is not None and span.first <= previous.last:
        message = f"it begins at {manifest.first}, within or before the span {previous.manifest.name}"
        return chain.finding(Code.OVERLAP, manifest.key, message)
    ways = reachable(last, chain.gaps)
    if manifest.previous not in ways:
        message = (
            f"it goes on after {manifest.previous or 'nothing'}, but the manifest before it ends at "
            f"{last or 'nothing: there is none'}"
        )
        return chain.finding(Code.BROKEN_CHAIN, manifest.key, message)
    if _is_hole(manifest, ways):
        message = (
            f"the source read on after {manifest.read_after}, but only what is up to "
            f"{manifest.previous or 'nothing'} is in the lake, and no gap manifest says why"
        )
        return chain.finding(Code.HOLE, manifest.key, message)
    return None


def _is_hole(manifest: Manifest, ways: set[str | None]) -> bool:
    after = manifest.read_after
    if after is None or after == TRIM_HORIZON or after in ways:
        return False
    resumed = position_of(after)
    if resumed is None:
        # LATEST or AT_TIMESTAMP: a configured beginning, unless something was there before.
        return manifest.previous is not None
    known = [end for way in ways if (end := position_of(way)) is not None]
    return resumed > max(known, default=Position(-1))
