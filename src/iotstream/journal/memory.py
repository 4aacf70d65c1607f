"""`MemoryJournal`: a journal that lives as long as the process, for tests and trials."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from iotstream.journal.base import ShardKey, ShardState
from iotstream.journal.stored import Change, StoredJournal, wall_clock_ms


class MemoryJournal(StoredJournal):
    """See `Journal`. Threads may share it; another process sees nothing of it.

    Args:
        now_ms: ms since the epoch; for tests.
    """

    def __init__(self, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        super().__init__(now_ms)
        self._states: dict[ShardKey, ShardState] = {}
        self._lock = threading.Lock()

    def read(self, key: ShardKey) -> ShardState | None:
        """See `Journal`."""
        with self._lock:
            return self._states.get(key)

    def shards(self, group: str) -> Mapping[str, ShardState]:
        """See `Journal`."""
        with self._lock:
            return {key.shard_id: state for key, state in self._states.items() if key.group == group}

    def close(self) -> None:
        """Nothing to let go of; what was noted stays."""

    def _change(self, key: ShardKey, change: Change) -> ShardState:
        with self._lock:
            state = self._states[key] = change(self._states.get(key))
            return state
