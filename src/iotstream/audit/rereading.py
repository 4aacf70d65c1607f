"""`--stream`: what the stream still keeps of a shard is read again, and compared with its spans."""

from __future__ import annotations

from collections.abc import Iterator

from iotstream.audit.chains import BEGINNINGS, Chain, Link, reachable
from iotstream.audit.context import Lake
from iotstream.audit.findings import Code, Finding
from iotstream.audit.stream import Comparison, Uncovered, compare
from iotstream.errors import RangeExpired
from iotstream.manifest import position_of
from iotstream.records import RawBatch
from iotstream.stream_reader import StreamReader


def reread(lake: Lake, reader: StreamReader, chain: Chain) -> Comparison:
    """Compare a shard with the stream.

    Raises:
        StreamUnavailable: the stream can't be read.
    """
    result = compare(chain, _batches(lake, reader, chain), lake.schema)
    if result.differing or result.uncovered:
        # Records may have expired between two pages.
        oldest = reader.oldest(chain.key.stream, chain.key.shard_id)
        gone = [index for index in result.differing if oldest is None or chain.spans[index].first < oldest]
        for index in gone:
            del result.differing[index]
        result.not_retained += len(gone)
    return result


def judge(chain: Chain, result: Comparison) -> Iterator[Finding]:
    """Findings and notes of a comparison; proves what could not be proved without."""
    for index, difference in sorted(result.differing.items()):
        chain.mark(index)
        yield chain.finding(Code.STREAM_DIFFERS, chain.spans[index].manifest.key, difference)
    for one in result.uncovered:
        yield from _uncovered(chain, one)
    holes = {one.span for one in result.uncovered}
    for index, link in enumerate(chain.links):
        if link is Link.UNPROVED and index not in holes and _is_seen(chain, result, index):
            chain.links[index] = Link.PROVED
    if result.not_retained:
        some = f"{result.not_retained} of {len(chain.briefs)} spans"
        message = f"{some} were not compared, since the stream no longer keeps all their records"
        yield chain.finding(Code.NOT_RETAINED, "", message)
    if result.unknown:
        message = f"{result.unknown} spans were not compared, since their schema is not known"
        yield chain.finding(Code.NOT_COMPARED, "", message)


def _batches(lake: Lake, reader: StreamReader, chain: Chain) -> Iterator[RawBatch]:
    records = 0
    try:
        for raw in reader.read_retained(chain.key.stream, chain.key.shard_id):
            records += len(raw)
            lake.progress(f"records of {chain.key.shard_id}", records)
            yield raw
    except RangeExpired:
        return  # the shard is gone


def _is_seen(chain: Chain, result: Comparison, index: int) -> bool:
    """Whether all that lies between the span and the one before it was there to be seen."""
    if index not in result.same or result.oldest is None:
        return False
    return index == 0 or chain.spans[index - 1].last >= result.oldest


def _uncovered(chain: Chain, one: Uncovered) -> Iterator[Finding]:
    words = f"{one.records} records of the stream from {one.first} to {one.last}"
    if one.span == len(chain.spans):
        yield chain.finding(Code.IN_PROGRESS, "", f"records from {one.first} on are not in the lake yet")
        return
    manifest = chain.spans[one.span].manifest
    if one.span == 0 and manifest.read_after in BEGINNINGS:
        return
    before = chain.spans[one.span - 1].manifest.last if one.span else None
    ways = reachable(before, chain.gaps) - {before}
    ends = [end for way in ways if (end := position_of(way)) is not None]
    if ways and (len(ends) < len(ways) or one.last <= max(ends)):
        yield chain.finding(Code.RECOVERABLE, "", f"{words} lie in a gap, and are still kept")
        return
    chain.mark(one.span)
    chain.links[one.span] = Link.BROKEN
    yield chain.finding(Code.HOLE, manifest.key, f"{words}, before this span, are in no span")
