"""One stream: its shards, how keys are routed to them, how they are split and merged."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from hashlib import md5
from typing import Final, Protocol

from iotstream.local.kinesis import limits
from iotstream.local.kinesis.errors import KinesisError, not_found
from iotstream.local.kinesis.rates import Bucket
from iotstream.local.kinesis.shard import Shard

PROVISIONED: Final = "PROVISIONED"
ON_DEMAND: Final = "ON_DEMAND"


@lru_cache(maxsize=65_536)
def hash_key(partition_key: str) -> int:
    """The hash key of a partition key: its MD5 as an integer of 128 bits."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest(), "big")


class Stream:
    """A stream.

    Args:
        name: its name.
        account: the account's id, for the service's sentences.
        arn: its ARN.
        mode: `PROVISIONED` or `ON_DEMAND`.
        shard_count: how many shards it starts with.
        generation: tells streams of the same name apart.
        now: when it is made, in epoch seconds.
    """

    def __init__(
        self, *, name: str, account: str, arn: str, mode: str, shard_count: int, generation: int, now: float
    ) -> None:
        self.name = name
        self.account = account
        self.arn = arn
        self.mode = mode
        self.generation = generation
        self.created_at = now
        self.retention_hours = limits.RETENTION_MIN_HOURS
        self.max_record_bytes = limits.RECORD_MIN_LIMIT_KIB * limits.KIB
        self.key_id: str | None = None
        self.metrics: set[str] = set()
        self.tags: dict[str, str] = {}
        self.consumers: dict[str, Consumer] = {}
        self.calls: dict[str, Bucket] = {}
        self.mode_changes: list[float] = []
        self.shard_count_updates: list[float] = []
        self.shards: dict[str, Shard] = {}
        self._shards_made = 0
        self._readable_from = now
        self._transition: tuple[str, float] | None = None
        self._starts: list[int] = []
        self._open: list[Shard] = []
        for first, last in even_ranges(shard_count):
            self._add(first, last, now)
        self._reroute()

    def __str__(self) -> str:
        return f"{self.name} under account {self.account}"

    # Status

    def begin(self, status: str, until: float) -> None:
        """Be CREATING, UPDATING or DELETING until a time."""
        self._transition = (status, until)

    def status(self, now: float) -> str:
        """The service's StreamStatus."""
        if self._transition is not None and (self._transition[0] == "DELETING" or now < self._transition[1]):
            return self._transition[0]
        return "ACTIVE"

    def is_gone(self, now: float) -> bool:
        """Whether its deletion is over."""
        return self.status(now) == "DELETING" and self._transition is not None and now >= self._transition[1]

    # Shards

    def route(self, hash_key: int) -> Shard:
        """The open shard whose range holds a hash key."""
        return self._open[bisect_right(self._starts, hash_key) - 1]

    def open_shards(self) -> list[Shard]:
        """The shards that take records, by hash key."""
        return self._open

    def shard(self, shard_id: str) -> Shard:
        """A shard by its id.

        Raises:
            KinesisError: there is none, or it was closed longer ago than records are retained.
        """
        found = self.shards.get(shard_id)
        if found is None:
            raise not_found(f"Shard {shard_id} in stream {self} does not exist")
        return found

    def split(self, parent: Shard, new_first: int, now: float) -> None:
        """Close a shard and open two in its place."""
        low = self._add(parent.first, new_first - 1, now, (parent,))
        high = self._add(new_first, parent.last, now, (parent,))
        parent.close(now, [low, high])
        self._reroute()

    def merge(self, shard: Shard, adjacent: Shard, now: float) -> None:
        """Close two neighbours and open one in their place."""
        first, last = min(shard.first, adjacent.first), max(shard.last, adjacent.last)
        child = self._add(first, last, now, (shard, adjacent))
        for parent in (shard, adjacent):
            parent.close(now, [child])
        self._reroute()

    def expire(self, now: float) -> None:
        """Forget closed shards that hold nothing any more."""
        horizon = self.trim_horizon(now)
        expired = [s for s in self.shards.values() if s.closed_at is not None and s.closed_at < horizon]
        for shard in expired:
            del self.shards[shard.shard_id]

    # Retention

    def trim_horizon(self, now: float) -> float:
        """The arrival time from which on records are readable."""
        return max(self._readable_from, now - self.retention_hours * 3600)

    def retain(self, hours: int, now: float) -> None:
        """Change the retention; what has been trimmed stays so."""
        self._readable_from = self.trim_horizon(now)
        self.retention_hours = hours

    def _add(self, first: int, last: int, now: float, parents: tuple[Shard, ...] = ()) -> Shard:
        shard = Shard(self._shards_made, first, last, now, parents)
        self._shards_made += 1
        self.shards[shard.shard_id] = shard
        return shard

    def _reroute(self) -> None:
        is_open = (shard for shard in self.shards.values() if shard.closed_at is None)
        self._open = sorted(is_open, key=lambda shard: shard.first)
        self._starts = [shard.first for shard in self._open]


class Replaceable(Protocol):
    """A subscription, as far as the next one needs to know it."""

    ended: bool
    started_at: float

    def end(self, error: KinesisError | None = None) -> None:
        """End it for another one."""


class Consumer:
    """A consumer registered for enhanced fan-out."""

    def __init__(self, name: str, stream: Stream, now: float, active_from: float) -> None:
        self.name = name
        self.arn = f"{stream.arn}/consumer/{name}:{int(now)}"
        self.stream = stream
        self.created_at = now
        self.tags: dict[str, str] = {}
        self.is_registered = True
        self.subscriptions: dict[str, Replaceable] = {}
        self._active_from = active_from

    def status(self, now: float) -> str:
        """The service's ConsumerStatus."""
        return "CREATING" if now < self._active_from else "ACTIVE"

    def describe(self, now: float) -> dict[str, object]:
        """The service's Consumer."""
        return {
            "ConsumerName": self.name,
            "ConsumerARN": self.arn,
            "ConsumerStatus": self.status(now),
            "ConsumerCreationTimestamp": round(self.created_at, 3),
        }


def even_ranges(count: int) -> list[tuple[int, int]]:
    """The hash key space cut into equal ranges; the last takes what division leaves over."""
    width = limits.HASH_KEYS // count
    firsts = [width * index for index in range(count)]
    return list(zip(firsts, [first - 1 for first in firsts[1:]] + [limits.HASH_KEYS - 1], strict=True))
