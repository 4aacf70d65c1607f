"""How the work of a shard's process ends."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Why a process has nothing more to do."""

    LEASE_LOST = "the lease is lost"
    SHARD_ENDED = "the shard is read to its end"
    HANDED_OVER = "the shard is handed over"
    DAEMON_GONE = "the daemon is gone"
    FAILED = "it failed"
