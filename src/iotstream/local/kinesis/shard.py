"""One shard: a range of hash keys, its records, its throughput."""

from __future__ import annotations

from typing import Any

from iotstream.local.kinesis import limits, sequence
from iotstream.local.kinesis.log import Log, Record
from iotstream.local.kinesis.rates import Bucket


class Shard:
    """A shard, open or closed.

    Args:
        index: its number in the stream.
        first: its lowest hash key.
        last: its highest hash key.
        now: when it was made, in epoch seconds.
        parents: the shards it was split or merged from.
    """

    def __init__(
        self, index: int, first: int, last: int, now: float, parents: tuple[Shard, ...] = ()
    ) -> None:
        self.shard_id = f"shardId-{index:012d}"
        self.index = index
        self.first = first
        self.last = last
        self.opened_at = now
        self.closed_at: float | None = None
        self.parents = tuple(parent.shard_id for parent in parents)
        self.children: list[Shard] = []
        self.created: int = max([int(now), *(parent.created + 1 for parent in parents)])
        self._base = sequence.base(index, self.created)
        self.starting_number = sequence.number(self._base, 0, self.created)
        self.ending_number: int | None = None
        self.log = Log()
        self._written = 0
        self._write_bytes = Bucket(limits.SHARD_WRITE_BYTES_PER_S, now)
        self._write_records = Bucket(limits.SHARD_WRITE_RECORDS_PER_S, now)
        self.read_calls = Bucket(limits.SHARD_READ_CALLS_PER_S, now)
        self.read_bytes = Bucket(limits.SHARD_READ_BYTES_PER_S, now)
        self.iterator_calls = Bucket(limits.GET_SHARD_ITERATOR_CALLS_PER_S, now)

    @property
    def next_number(self) -> int:
        """A number above every record written so far and not above any that follows."""
        return sequence.number(self._base, self._written + 1, 0)

    def admit(self, size: int, now: float) -> bool:
        """Whether the shard's throughput allows a record of that size now; if so it is counted."""
        if self._write_records.refill(now) < 1 or not self._write_bytes.take(size, now):
            return False
        self._write_records.level -= 1
        return True

    def append(
        self, data: bytes, partition_key: str, size: int, now: float, encryption: str | None = None
    ) -> str:
        """Store a record and return its sequence number."""
        self._written += 1
        # Never second 0, so that the numbers between this and the one before are free for continuations.
        number = sequence.number(self._base, self._written, max(1, int(now)))
        printed = str(number)
        record = Record(printed, round(now, 3), data, partition_key, encryption)
        self.log.append(number, record, size)
        return printed

    def close(self, now: float, children: list[Shard]) -> None:
        """End it: it takes no more records, those that it has stay readable."""
        self.closed_at = now
        self.children = children
        self.ending_number = sequence.end(self._base, max(int(now), self.created))

    def is_before_start(self, sequence_number: int) -> bool:
        """Whether a number lies below the shard's first."""
        return sequence_number < self.starting_number

    def hash_key_range(self) -> dict[str, str]:
        """The service's HashKeyRange."""
        return {"StartingHashKey": str(self.first), "EndingHashKey": str(self.last)}

    def describe(self) -> dict[str, Any]:
        """The service's Shard."""
        numbers = {"StartingSequenceNumber": str(self.starting_number)}
        if self.ending_number is not None:
            numbers["EndingSequenceNumber"] = str(self.ending_number)
        description: dict[str, Any] = {"ShardId": self.shard_id}
        description.update(zip(("ParentShardId", "AdjacentParentShardId"), self.parents, strict=False))
        return description | {"HashKeyRange": self.hash_key_range(), "SequenceNumberRange": numbers}

    def describe_as_child(self) -> dict[str, Any]:
        """The service's ChildShard."""
        return {
            "ShardId": self.shard_id,
            "ParentShards": list(self.parents),
            "HashKeyRange": self.hash_key_range(),
        }
