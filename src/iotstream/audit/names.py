"""What the keys in a lake and its quarantine say. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from iotstream.manifest import Manifest

_POSITION = r"\d+(?:\.\d+)?"
_SPAN = rf"(?P<name>(?P<shard>[\w.-]+)-(?P<first>{_POSITION})-(?P<last>{_POSITION}))"
_DATA = re.compile(
    rf"data/(?P<path>dt=\d{{4}}-\d\d-\d\d/hour=\d\d)/{_SPAN}(?:\.r(?P<replay>\w+))?\.parquet", re.ASCII
)
_LETTERS = re.compile(rf"dt=[\w-]+/{_SPAN}(?:\.(?P<sink>[A-Za-z_][\w-]*))?\.jsonl\.gz", re.ASCII)


class Kind(Enum):
    """What a file below `spans/` is."""

    MANIFEST = "manifest"
    GAP = "gap"
    BACKFILL = "backfill"
    REPLAY = "replay"
    OTHER = "other"


class SpanFile(NamedTuple):
    """A file below `spans/`.

    Attributes:
        key: its own.
        kind: what it is.
        stream, shard: the directory it is in.
        name: the rest of the key.
    """

    key: str
    kind: Kind
    stream: str
    shard: str
    name: str


class ObjectName(NamedTuple):
    """What an object's key says of it.

    Attributes:
        span: `<shard>-<first>-<last>`.
        shard: the shard.
        range: `<first>-<last>`.
        path: `dt=…/hour=…`; empty for letters.
        replay: id of the replay that wrote it; empty: the span itself.
        sink: of the letters: the sink that refused the rows; empty: the decoder.
    """

    span: str
    shard: str
    range: str
    path: str = ""
    replay: str = ""
    sink: str = ""


def span_file(key: str) -> SpanFile | None:
    """What `spans/<stream>/<shard>/…` is; None if it lies elsewhere."""
    parts = key.split("/", 3)
    if len(parts) != 4 or parts[0] != "spans":
        return None
    _, stream, shard, name = parts
    directory, slash, _ = name.partition("/")
    if slash:
        kind = {"backfill": Kind.BACKFILL, "replay": Kind.REPLAY}.get(directory, Kind.OTHER)
    elif name.startswith("gap-"):
        kind = Kind.GAP
    else:
        kind = Kind.MANIFEST if name.endswith(".json") else Kind.OTHER
    return SpanFile(key, kind, stream, shard, name)


def data_object(key: str) -> ObjectName | None:
    """What a key of a Parquet object says; None if it is none."""
    found = _DATA.fullmatch(key)
    if found is None:
        return None
    return ObjectName(
        span=found["name"],
        shard=found["shard"],
        range=f"{found['first']}-{found['last']}",
        path=found["path"],
        replay=found["replay"] or "",
    )


def letters_object(key: str) -> ObjectName | None:
    """What a key of dead letters says; None if it is none."""
    found = _LETTERS.fullmatch(key)
    if found is None:
        return None
    return ObjectName(
        span=found["name"],
        shard=found["shard"],
        range=f"{found['first']}-{found['last']}",
        sink=found["sink"] or "",
    )


def span_name(manifest: Manifest) -> str:
    """`<shard>-<first>-<last>`: how the span's objects begin."""
    return f"{manifest.shard_id}-{manifest.name}"
