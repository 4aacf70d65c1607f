"""`SqliteJournal`: a journal in a file, for the processes of one machine.

The file must be on a local disk: write-ahead logging needs memory that the processes share
(https://www.sqlite.org/wal.html). A process that is killed at any moment leaves the file valid: what was
acknowledged is on the disk (`synchronous = FULL`), what was not is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from iotstream.errors import ConfigurationError, JournalUnavailable
from iotstream.journal.base import ShardKey, ShardState
from iotstream.journal.stored import Change, StoredJournal, wall_clock_ms
from iotstream.position import Position
from iotstream.retry import Backoff

T = TypeVar("T")

BUSY_WAIT_S = 1.0
"""How long SQLite itself waits for a lock before it is asked again, at most."""
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_TABLE = """
CREATE TABLE IF NOT EXISTS journal (
    application_stream TEXT NOT NULL,
    shard_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    committed TEXT,
    complete_until_ms INTEGER,
    intent BLOB,
    owner TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (application_stream, shard_id)
)"""
_SELECT = """
SELECT epoch, committed, complete_until_ms, intent, owner, updated_ms FROM journal
WHERE application_stream = ? AND shard_id = ?"""
_SELECT_GROUP = """
SELECT shard_id, epoch, committed, complete_until_ms, intent, owner, updated_ms FROM journal
WHERE application_stream = ?"""
_REPLACE = """
REPLACE INTO journal
(application_stream, shard_id, epoch, committed, complete_until_ms, intent, owner, updated_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class SqliteJournal(StoredJournal):
    """See `Journal`. Threads and processes may share the file; a forked process must open it anew.

    Args:
        path: the file; it is made, and its directory.
        backoff: how long a lock is waited for.
        now_ms: ms since the epoch; for tests.

    Raises:
        ConfigurationError: the file can't be opened, or is no journal.
        JournalUnavailable: it stayed locked.
    """

    def __init__(
        self,
        path: Path,
        *,
        backoff: Backoff | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        super().__init__(now_ms)
        self._path = path
        self._backoff = backoff or Backoff()
        self._one_at_a_time = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path,
                timeout=min(BUSY_WAIT_S, self._backoff.deadline_s),
                isolation_level=None,  # transactions begin and end here, where it is written
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"journal {path} can't be opened: {error}") from error
        try:
            self._when_unlocked(self._prepare)
        except JournalUnavailable as error:
            self._connection.close()
            if isinstance(error.__cause__, sqlite3.Error) and not _is_locked(error.__cause__):
                raise ConfigurationError(f"journal {path} can't be used: {error.__cause__}") from error
            raise

    def read(self, key: ShardKey) -> ShardState | None:
        """See `Journal`."""
        return self._when_unlocked(lambda: self._select(key))

    def shards(self, group: str) -> Mapping[str, ShardState]:
        """See `Journal`."""
        rows = self._when_unlocked(lambda: self._connection.execute(_SELECT_GROUP, (group,)).fetchall())
        return {shard_id: _state(columns) for shard_id, *columns in rows}

    def close(self) -> None:
        """See `Journal`."""
        with self._one_at_a_time:
            self._connection.close()

    def _change(self, key: ShardKey, change: Change) -> ShardState:
        def transaction() -> ShardState:
            with self._transaction():
                before = self._select(key)
                after = change(before)
                if after != before:
                    self._connection.execute(_REPLACE, (key.group, key.shard_id, *_columns(after)))
            return after

        return self._when_unlocked(transaction)

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_TABLE)
        self._connection.execute(_SELECT, ("", ""))

    def _select(self, key: ShardKey) -> ShardState | None:
        row = self._connection.execute(_SELECT, (key.group, key.shard_id)).fetchone()
        return None if row is None else _state(row)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock before anything is read: no other writer comes between.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _when_unlocked(self, operation: Callable[[], T]) -> T:
        """Run it; again while another process holds the lock."""
        began, delays = time.monotonic(), self._backoff.delays()
        if not self._one_at_a_time.acquire(timeout=self._backoff.deadline_s):
            raise JournalUnavailable(f"journal {self._path}: other threads of this process held it too long")
        try:
            while True:
                try:
                    return operation()
                except sqlite3.Error as error:
                    delay = next(delays, None)
                    late = delay is None or time.monotonic() - began + delay > self._backoff.deadline_s
                    if late or not _is_locked(error):
                        raise JournalUnavailable(f"journal {self._path}: {error}") from error
                time.sleep(delay or 0)
        finally:
            self._one_at_a_time.release()


def _is_locked(error: sqlite3.Error) -> bool:
    # The low byte is the kind of error, the rest says more of it: https://www.sqlite.org/rescode.html
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in _LOCKED


def _state(row: Sequence[Any]) -> ShardState:
    epoch, committed, complete_until_ms, intent, owner, updated_ms = row
    position = None if committed is None else Position.parse(committed)
    return ShardState(epoch, position, complete_until_ms, intent, owner, updated_ms)


def _columns(state: ShardState) -> tuple[object, ...]:
    committed = None if state.committed is None else str(state.committed)
    return state.epoch, committed, state.complete_until_ms, state.intent, state.owner, state.updated_ms
