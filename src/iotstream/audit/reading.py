"""`--deep`: every object of a shard is read, and its rows are counted and hashed again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from iotstream.audit.chains import Chain
from iotstream.audit.context import Lake
from iotstream.audit.deep import letters_fault, object_fault
from iotstream.audit.findings import Code, Finding
from iotstream.manifest import Manifest, WrittenObject

ROWS_AT_ONCE = 1_000_000
"""So many spans are read at once that their rows come to this; a larger one is read alone."""


def read_objects(lake: Lake, chain: Chain, read: Callable[[int], None]) -> Iterator[Finding]:
    """What is wrong with a shard's objects and dead letters; what is missing is left to the listing.

    Args:
        lake: where they are.
        chain: the shard.
        read: is told how many Parquet objects were read.

    Raises:
        SinkUnavailable: a store stayed down.
    """
    for indexes in _groups([span.manifest.rows for span in chain.spans]):
        spans = [(index, chain.spans[index].manifest) for index in indexes]
        objects = [(index, manifest, one) for index, manifest in spans for one in manifest.objects or ()]
        for (index, _, one), fault in lake.ahead(lambda each: _object(lake, *each[1:]), objects):
            if fault is not None:
                chain.mark(index)
                yield chain.finding(Code.OBJECT_ALTERED, one.key, fault)
        read(len(objects))
        for (index, _), letters in lake.ahead(lambda each: _letters(lake, each[1]), spans):
            if letters is not None:
                chain.mark(index)
                yield chain.finding(Code.LETTERS_ALTERED, *letters)


def _groups(rows: list[int]) -> Iterator[list[int]]:
    """Indexes of spans that are read at once."""
    totals = itertools.accumulate(
        rows, lambda so_far, more: so_far + more if so_far + more <= ROWS_AT_ONCE else more
    )
    group: list[int] = []
    for index, total in enumerate(totals):
        if group and total == rows[index]:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _object(lake: Lake, manifest: Manifest, written: WrittenObject) -> str | None:
    body = lake.store.get(written.key)
    return None if body is None else object_fault(body, written, manifest, lake.schema(manifest.schema))


def _letters(lake: Lake, manifest: Manifest) -> tuple[str, str] | None:
    bodies = [(one, lake.quarantine.get(one.key)) for one in manifest.dead_letters if not one.sink]
    there = [(one, body) for one, body in bodies if body is not None]
    return None if len(there) < len(bodies) else letters_fault(there, manifest)
