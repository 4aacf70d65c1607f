"""Shards that were split or merged: a child's records come after all of its parents'. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from iotstream.audit.chains import BEGINNINGS, Chain
from iotstream.audit.findings import Code, Finding
from iotstream.position import Position
from iotstream.stream_reader import ShardDescription


def waited_for(shards: Collection[ShardDescription], chains: Mapping[str, Chain]) -> dict[str, list[str]]:
    """The closed shards that children in the lake have gone on from, with those children.

    A child that was begun at LATEST or at a time was not to wait for a parent that is not in the lake.
    """
    found: dict[str, list[str]] = {}
    known = {one.shard_id: one for one in shards if one.ending is not None}
    for child in shards:
        chain = chains.get(child.shard_id)
        if chain is None or not chain.briefs:
            continue
        for parent in child.parents:
            begun = parent in chains or chain.begins not in BEGINNINGS
            if parent in known and begun:
                found.setdefault(parent, []).append(child.shard_id)
    return found


def check(
    stream: str,
    waited: Mapping[str, list[str]],
    rest: Mapping[str, Position | None] | None,
    chains: Mapping[str, Chain],
) -> Iterator[Finding]:
    """Whether closed parents are in the lake to their end.

    Args:
        stream: its name.
        waited: as `waited_for` says.
        rest: of each parent, its first record that the stream keeps and no span covers after the last;
            None: there is none. None as a whole: the stream was not read.
        chains: by shard.
    """
    for parent, children in sorted(waited.items()):
        names = ", ".join(children)
        if rest is None:
            message = f"whether it is in the lake to its end, as its children {names} suppose, is not known"
            yield Finding(Code.PARENT_UNKNOWN, stream, parent, "", message)
            continue
        first = rest[parent]
        if first is None:
            continue
        if parent not in chains and all(chains[child].begins is None for child in children):
            # A Lambda's mapping does not say where it began.
            message = f"it is not in the lake, its children {names} are, and the stream keeps records of it"
            yield Finding(Code.PARENT_UNKNOWN, stream, parent, "", message)
            continue
        message = (
            f"it is closed, its records from {first} on are in no span, and its children {names} have spans"
        )
        yield Finding(Code.PARENT_UNFINISHED, stream, parent, "", message)
