"""Which shards may be read: parents before their children, so that a device's records stay in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from iotstream.journal.base import ShardState
from iotstream.stream_calls import ChildShard
from iotstream.stream_reader import ShardDescription


class Shard(NamedTuple):
    """A shard, as far as its order among the others goes."""

    shard_id: str
    parents: tuple[str, ...]


class Lineage:
    """The shards of a stream that are known, and how far each is.

    A parent that isn't known is gone from the stream: nobody waits for it.
    """

    def __init__(self) -> None:
        self._shards: dict[str, Shard] = {}
        self._begun: set[str] = set()
        self._finished: set[str] = set()

    def learn(self, shards: Iterable[Shard]) -> None:
        """There are these shards. Those that are known already stay as they are."""
        for shard in shards:
            self._shards.setdefault(shard.shard_id, shard)

    def begin(self) -> list[Shard]:
        """The shards that may be read from now on; each is handed out once."""
        ready = [shard for shard in self._shards.values() if self._is_ready(shard)]
        self._begun.update(shard.shard_id for shard in ready)
        return ready

    def finish(self, shard_id: str) -> None:
        """Everything of the shard is durable: its children may begin."""
        self._begun.add(shard_id)
        self._finished.add(shard_id)

    def _is_ready(self, shard: Shard) -> bool:
        if shard.shard_id in self._begun:
            return False
        return all(parent in self._finished for parent in shard.parents if parent in self._shards)


def listed(shards: Iterable[ShardDescription]) -> list[Shard]:
    """What ListShards says."""
    return [Shard(one.shard_id, one.parents) for one in shards]


def children_of(children: Iterable[ChildShard]) -> list[Shard]:
    """What GetRecords says at the end of a shard."""
    return [Shard(one.ShardId, tuple(one.ParentShards)) for one in children]


def finished_before(
    shards: Iterable[ShardDescription], states: Mapping[str, ShardState], *, from_latest: bool
) -> set[str]:
    """The closed shards that need not be read (again).

    A child is claimed only when everything of its parents is durable. Where reading begins at the
    newest records, a closed shard that was never claimed has none of those.

    Args:
        shards: of the stream.
        states: what the journal knows, by shard id.
        from_latest: where shards without a checkpoint begin.
    """
    known = {shard.shard_id: shard for shard in shards}
    finished: set[str] = set()
    waiting = [parent for shard_id in states if shard_id in known for parent in known[shard_id].parents]
    while waiting:
        shard_id = waiting.pop()
        if shard_id in known and shard_id not in finished:
            finished.add(shard_id)
            waiting += known[shard_id].parents
    if from_latest:
        closed = (shard_id for shard_id, shard in known.items() if shard.ending is not None)
        finished.update(shard_id for shard_id in closed if shard_id not in states)
    return finished


def expired_before_read(shards: Iterable[ShardDescription], states: Mapping[str, ShardState]) -> set[str]:
    """Shards that were being read and are gone from the stream: nobody can say that they were at their end.

    They are told by their children, which nobody has begun: see `finished_before`.

    Args:
        shards: of the stream.
        states: what the journal knows, by shard id.
    """
    shards = list(shards)
    listed_ids = {shard.shard_id for shard in shards}
    unclaimed = (shard for shard in shards if shard.shard_id not in states)
    parents = {parent for shard in unclaimed for parent in shard.parents}
    return {parent for parent in parents if parent in states and parent not in listed_ids}
