"""What the span journal knows of a shard, and the contract of a journal.

The journal is the truth about what is in the lake; the runtime's checkpoint only says where to start
reading. One item for each shard: who may write (`epoch`), what is durable (`committed`), and what is
being written (`intent`). docs/guarantees.md has the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from iotstream.position import Position


class ShardKey(NamedTuple):
    """Which item: a shard of a stream, for an application.

    A stream that was deleted and made anew under the same name has another creation time, since its
    sequence numbers begin anew.

    Attributes:
        application: the application's name; a run of its own is `<application>@<run>`.
        stream_arn: the stream.
        stream_created_ms: when it was made, ms since the epoch.
        shard_id: the shard.
    """

    application: str
    stream_arn: str
    stream_created_ms: int
    shard_id: str

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]

    @property
    def group(self) -> str:
        """What the shards of one stream and application have in common."""
        return f"{self.application}/{self.stream_arn}/{self.stream_created_ms}"

    def __str__(self) -> str:
        return f"{self.group}/{self.shard_id}"


class ShardState(NamedTuple):
    """What the journal knows of a shard.

    Attributes:
        epoch: counts the claims; only the worker with the highest may write.
        committed: up to here everything is durable, in every sink or noted as deferred; None at first.
        complete_until_ms: every record that arrived before this time, ms since the epoch, is covered by
            `committed`; None where that is unknown.
        intent: the manifest's draft of the span that is being written (`iotstream.manifest`); None when
            there is none. After a claim it may have been written in part.
        owner: who claimed last; for people.
        updated_ms: when the item changed last, ms since the epoch.
    """

    epoch: int
    committed: Position | None = None
    complete_until_ms: int | None = None
    intent: bytes | None = None
    owner: str = ""
    updated_ms: int = 0


class Journal(Protocol):
    """Where the items are. Each write is conditional: the epoch must be the caller's.

    A write that succeeded although its answer was lost counts as done when it is tried again. Processes
    share a journal; so may threads.
    """

    def claim(self, key: ShardKey, owner: str) -> ShardState:
        """Take the shard: the epoch rises by one, and whoever held it before can't write any more.

        Returns:
            The state after the claim.

        Raises:
            JournalUnavailable: the journal stayed down.
        """
        ...

    def intend(self, key: ShardKey, epoch: int, intent: bytes) -> None:
        """Note what is going to be written. There must be no other intent than this very one.

        Raises:
            ClaimLost: the epoch is another, or there is another intent.
            JournalUnavailable: the journal stayed down.
            ValueError: the intent is too large for this journal.
        """
        ...

    def commit(
        self, key: ShardKey, epoch: int, committed: Position, complete_until_ms: int | None = None
    ) -> None:
        """Note that everything up to that position is durable; the intent is done with.

        Args:
            key: the shard.
            epoch: the caller's.
            committed: never lower than before.
            complete_until_ms: see `ShardState`; None leaves it as it is.

        Raises:
            ClaimLost: the epoch is another, or `committed` would go back.
            JournalUnavailable: the journal stayed down.
        """
        ...

    def touch(self, key: ShardKey, epoch: int, complete_until_ms: int) -> None:
        """Note that an idle shard has been read to its end.

        Raises:
            ClaimLost: the epoch is another.
            JournalUnavailable: the journal stayed down.
        """
        ...

    def read(self, key: ShardKey) -> ShardState | None:
        """The state, without a claim; None if the shard was never claimed.

        Raises:
            JournalUnavailable: the journal stayed down.
        """
        ...

    def shards(self, group: str) -> Mapping[str, ShardState]:
        """The states of all shards of a `ShardKey.group`, by shard id.

        Raises:
            JournalUnavailable: the journal stayed down.
        """
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
