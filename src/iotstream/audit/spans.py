"""One span: whether its manifest can be read, and adds up. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iotstream.audit.findings import Code
from iotstream.audit.names import data_object, letters_object, span_name
from iotstream.manifest import Gap, Manifest, decode_gap, decode_manifest
from iotstream.position import Position


def read_manifest(body: bytes) -> Manifest:
    """The manifest.

    Raises:
        ValueError: it is none, or one that no writer writes.
    """
    manifest = decode_manifest(body)
    first, last = manifest.ends
    if first > last:
        raise ValueError(f"it ends at {last}, before it begins at {first}")
    if manifest.objects is None:
        raise ValueError("it names no objects: it is a draft")
    if manifest.previous is not None:
        Position.parse(manifest.previous)
    for one in manifest.objects:
        int(one.row_hash, 16)
    return manifest


def read_gap(body: bytes) -> Gap:
    """The gap.

    Raises:
        ValueError: it is none.
    """
    gap = decode_gap(body)
    if gap.after is not None:
        Position.parse(gap.after)
    return gap


def check(manifest: Manifest) -> Iterator[tuple[Code, str]]:
    """What doesn't add up, and how."""
    rejects = sum(manifest.rejects.values())
    if manifest.items != manifest.rows + rejects:
        yield Code.ITEMS_UNBALANCED, f"{manifest.items} items, {manifest.rows} rows + {rejects} rejects"
    elif not manifest.kinesis_records <= manifest.records <= manifest.items:
        counts = (
            f"{manifest.kinesis_records} Kinesis records, {manifest.records} records, {manifest.items} items"
        )
        yield Code.ITEMS_UNBALANCED, f"{counts}: each holds one of the next at least"
    rows = sum(one.rows for one in manifest.objects or ())
    if rows != manifest.rows:
        yield Code.ROWS_UNBALANCED, f"{manifest.rows} rows, but {rows} in its objects"
    lines = sum(one.lines for one in manifest.dead_letters if not one.sink)
    if lines != rejects:
        yield Code.REJECTS_UNBALANCED, f"{rejects} rejects, but {lines} lines of dead letters"
    for key in _foreign(manifest):
        yield Code.MANIFEST_MISNAMED, f"it names {key}, which is no object of its span"


def _foreign(manifest: Manifest) -> Iterator[str]:
    name = span_name(manifest)
    for one in manifest.objects or ():
        found = data_object(one.key)
        if found is None or (found.span, found.replay) != (name, ""):
            yield one.key
    for letters in manifest.dead_letters:
        found = letters_object(letters.key)
        if found is None or (found.span, found.sink) != (name, letters.sink):
            yield letters.key
