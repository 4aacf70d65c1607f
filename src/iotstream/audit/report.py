"""`Report`: what an audit came to."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from iotstream.audit.findings import Finding
from iotstream.manifest import Manifest


@dataclass(kw_only=True)
class Totals:
    """Sums over all spans that were looked at, as their manifests say.

    Attributes:
        shards: with spans.
        spans, records, items, rows, rejects, objects: of them.
        bytes: of the Parquet objects that are there.
        objects_read: by `deep`.
        spans_compared: with the stream.
    """

    shards: int = 0
    spans: int = 0
    records: int = 0
    items: int = 0
    rows: int = 0
    rejects: int = 0
    objects: int = 0
    bytes: int = 0
    objects_read: int = 0
    spans_compared: int = 0

    def count(self, manifests: Iterable[Manifest]) -> None:
        """Add one shard's."""
        self.shards += 1
        for one in manifests:
            self.spans += 1
            self.records += one.records
            self.items += one.items
            self.rows += one.rows
            self.rejects += sum(one.rejects.values())
            self.objects += len(one.objects or ())


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """One shard of a stream.

    Attributes:
        stream, shard: which.
        spans: in the lake.
        first, last: record of them; None: there is none.
        proved_spans: how many spans from the first on are proved.
        proved_until: their last record; None: none is.
        proved_until_ms: when the last of their records arrived, ms since the epoch; None: unknown.
    """

    stream: str
    shard: str
    spans: int
    first: str | None
    last: str | None
    proved_spans: int
    proved_until: str | None
    proved_until_ms: int | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "proved_until_time": iso(self.proved_until_ms)}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an audit came to.

    Attributes:
        findings: what is wrong.
        notes: what is worth knowing.
        shards: each.
        totals: sums.
        oldest_intent_ms: when the oldest span that is being written was intended, ms since the epoch; None:
            none is being written.
        deep, stream: what was asked.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    shards: list[ShardReport] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    oldest_intent_ms: int | None = None
    deep: bool = False
    stream: bool = False

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    @property
    def proved(self) -> bool:
        """Nothing is wrong, there is something, and nothing of it had to be believed."""
        return self.ok and bool(self.shards) and all(one.proved_spans == one.spans for one in self.shards)

    def codes(self) -> Counter[str]:
        """How many findings bear each code."""
        return Counter(str(one.code) for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the shape is stable."""
        return {
            "ok": self.ok,
            "proved": self.proved,
            "deep": self.deep,
            "stream": self.stream,
            "findings": [one.to_dict() for one in self.findings],
            "notes": [one.to_dict() for one in self.notes],
            "shards": [one.to_dict() for one in self.shards],
            "totals": asdict(self.totals),
            "oldest_intent_time": iso(self.oldest_intent_ms),
        }


def iso(ms: int | None) -> str | None:
    """Ms since the epoch as ISO 8601, UTC."""
    if ms is None:
        return None
    time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
