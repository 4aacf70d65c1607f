"""What the lake says of itself: a `Manifest` for each span, a `Gap` where records are gone. Pure.

They are JSON objects in `<prefix>/spans/<stream>/<shard>/`, written once. Positions are text,
`<sequence>` or `<sequence>.<sub>`, since JSON's numbers are too small for them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

import msgspec

from iotstream.position import Position

FORMAT = 1
"""Of manifests. A reader refuses a higher one."""
LAYOUT = "dt/hour"
"""How rows are divided into objects (`iotstream.partition`)."""
MAX_OBJECTS_IN_INTENT = 2_000
"""A journal's item has a size limit (DynamoDB: 400 KB); above this the draft does not name its objects.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AT_TIMESTAMP = "AT_TIMESTAMP"
"""Where a source resumed that had no position: at the oldest record, the newest, or a time."""


class WrittenObject(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet object of a span.

    Attributes:
        key: relative to the lake's prefix.
        rows: in it.
        row_hash: of its rows (`iotstream.row_hash`).
        size: bytes; 0 in a draft.
    """

    key: str
    rows: int
    row_hash: str
    size: int = 0


class WrittenLetters(msgspec.Struct, frozen=True, kw_only=True):
    """An object of dead letters.

    Attributes:
        key: relative to the quarantine's prefix.
        lines: in it. What a sink refused may differ between two tries: of two the first stays.
        sink: the sink that refused the rows; empty: the decoder rejected the items.
    """

    key: str
    lines: int
    sink: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a span holds and where it went. The journal's intent is one whose objects have no size yet.

    Attributes:
        application: see `ShardKey`.
        stream, stream_arn, stream_created_ms, shard_id: what was read.
        first, last: the span's records, both ends included.
        previous: the last record of the span before, which was committed then; None: the shard's first.
        read_after: the source read on from here without a break up to `last`: a position, or
            TRIM_HORIZON, LATEST, AT_TIMESTAMP; None: the runtime does not say (Lambda).
        kinesis_records: records of the stream, as the service counts them, also the aggregates of which
            only a part is in the span.
        records: user records of KPL aggregates counted one by one.
        items: rows + rejects.
        rows: in the objects.
        rejects: items that the decoder rejected, by reason.
        arrival_ms: of the first and the last record by time, ms since the epoch; None: unknown.
        objects: the Parquet objects; None in a draft with more than `MAX_OBJECTS_IN_INTENT`.
        dead_letters: theirs.
        deferred: hot sinks that have not got all rows: `iotstream backfill` sends them.
        schema: fingerprint; the file is in `<prefix>/schemas/`.
        layout: how rows are divided into objects.
        epoch: of the claim under which the intent was made.
        intended_ms: when the intent was made, ms since the epoch.
        format: of the manifest.
    """

    application: str
    stream: str
    stream_arn: str
    stream_created_ms: int
    shard_id: str
    first: str
    last: str
    previous: str | None
    read_after: str | None
    kinesis_records: int
    records: int
    items: int
    rows: int
    rejects: dict[str, int]
    arrival_ms: tuple[int, int] | None
    objects: tuple[WrittenObject, ...] | None
    dead_letters: tuple[WrittenLetters, ...]
    deferred: tuple[str, ...]
    schema: str
    layout: str
    epoch: int
    intended_ms: int
    format: int = FORMAT

    @property
    def name(self) -> str:
        """`<first>-<last>`."""
        return f"{self.first}-{self.last}"

    @property
    def key(self) -> str:
        """The manifest's own, relative to the lake's prefix."""
        return f"{shard_prefix(self.stream, self.shard_id)}{self.name}.json"

    def backfill_key(self, sink: str) -> str:
        """Of the marker that a deferred sink has got the rows by now, relative to the lake's prefix."""
        return f"{shard_prefix(self.stream, self.shard_id)}backfill/{sink}/{self.name}.json"

    @property
    def ends(self) -> tuple[Position, Position]:
        """`first` and `last`."""
        return Position.parse(self.first), Position.parse(self.last)


class Cause(StrEnum):
    """Why there is a gap."""

    RESUMED_BEYOND = "resumed_beyond"
    """The source began to read after the last record that is durable: its checkpoint was moved."""
    EXPIRED = "expired"
    """The stream had let go of records, for their age, before they were read."""
    INTENT_EXPIRED = "intent_expired"
    """A span was written in part, and its records are no longer kept."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Records that may be missing.

    Attributes:
        application, stream, stream_arn, stream_created_ms, shard_id: as in `Manifest`.
        after: the last record that is durable before the gap; None: none.
        until: the gap ends at or before this position: a position, or LATEST, AT_TIMESTAMP.
        cause: why.
        found_ms: when it was seen, ms since the epoch.
        detail: in words.
        intent: the manifest's draft of the span that was written in part, if that is the cause.
        format: of the file.
    """

    application: str
    stream: str
    stream_arn: str
    stream_created_ms: int
    shard_id: str
    after: str | None
    until: str
    cause: Cause
    found_ms: int
    detail: str
    intent: Manifest | None = None
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Relative to the lake's prefix."""
        return f"{shard_prefix(self.stream, self.shard_id)}gap-{self.after or 'start'}-{self.until}.json"


def position_of(text: str | None) -> Position | None:
    """The position; None for TRIM_HORIZON, LATEST, AT_TIMESTAMP, and for None."""
    try:
        return None if text is None else Position.parse(text)
    except ValueError:
        return None


def shard_prefix(stream: str, shard_id: str) -> str:
    """Where a shard's manifests are, relative to the lake's prefix, with the slash at its end."""
    return f"spans/{stream}/{shard_id}/"


def encode(one: Manifest | Gap) -> bytes:
    """JSON, readable by people."""
    return msgspec.json.format(msgspec.json.encode(one), indent=2) + b"\n"


def decode_manifest(body: bytes) -> Manifest:
    """The inverse of `encode`.

    Raises:
        ValueError: it is no manifest, or one of a format that this version doesn't know.
    """
    return _decoded(body, Manifest)


def decode_gap(body: bytes) -> Gap:
    """The inverse of `encode`.

    Raises:
        ValueError: it is no gap, or one of a format that this version doesn't know.
    """
    return _decoded(body, Gap)


_Kind = TypeVar("_Kind", Manifest, Gap)


class _Format(msgspec.Struct):
    format: int = FORMAT


def _decoded(body: bytes, kind: type[_Kind]) -> _Kind:
    try:
        # First, since the fields of a later format are not known.
        found = msgspec.json.decode(body, type=_Format).format
        if found > FORMAT:
            raise ValueError(f"format {found}: this version knows up to {FORMAT}; upgrade iotstream")
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no {kind.__name__.lower()}: {error}") from error
