"""`StoredJournal`: a journal of which only the store is missing: how one item changes, whole or not."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from iotstream.journal import transitions
from iotstream.journal.base import ShardKey, ShardState
from iotstream.position import Position

Change = Callable[[ShardState | None], ShardState]
"""From the state as it is, None if there is none, to the state as it shall be; raises ClaimLost."""


def wall_clock_ms() -> int:
    """Now, ms since the epoch."""
    return time.time_ns() // 1_000_000


class StoredJournal(ABC):
    """See `Journal`.

    Args:
        now_ms: ms since the epoch; for tests.
    """

    def __init__(self, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._now_ms = now_ms

    def claim(self, key: ShardKey, owner: str) -> ShardState:
        """See `Journal`."""
        now_ms = self._now_ms()
        return self._change(key, lambda state: transitions.claimed(state, owner, now_ms))

    def intend(self, key: ShardKey, epoch: int, intent: bytes) -> None:
        """See `Journal`."""
        now_ms = self._now_ms()
        self._change(key, lambda state: transitions.intended(state, key, epoch, intent, now_ms))

    def commit(
        self, key: ShardKey, epoch: int, committed: Position, complete_until_ms: int | None = None
    ) -> None:
        """See `Journal`."""
        now_ms = self._now_ms()
        self._change(
            key,
            lambda state: transitions.committed(
                state, key, epoch, committed, complete_until_ms=complete_until_ms, now_ms=now_ms
            ),
        )

    def touch(self, key: ShardKey, epoch: int, complete_until_ms: int) -> None:
        """See `Journal`."""
        now_ms = self._now_ms()
        self._change(key, lambda state: transitions.touched(state, key, epoch, complete_until_ms, now_ms))

    @abstractmethod
    def _change(self, key: ShardKey, change: Change) -> ShardState:
        """Apply the change, and let nobody come between; what it raises goes through, and nothing changes.

        Returns:
            The state after it.

        Raises:
            ClaimLost: by the change.
            JournalUnavailable: the store stayed down.
        """

    @abstractmethod
    def read(self, key: ShardKey) -> ShardState | None:
        """See `Journal`."""

    @abstractmethod
    def shards(self, group: str) -> Mapping[str, ShardState]:
        """See `Journal`."""

    @abstractmethod
    def close(self) -> None:
        """See `Journal`."""
