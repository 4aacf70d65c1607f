"""What each write of a journal does to a shard's state, the same for every journal. Pure.

A write that changes nothing, because it was done before, gives the state back as it was.
"""

from __future__ import annotations

from iotstream.errors import ClaimLost
from iotstream.journal.base import ShardKey, ShardState
from iotstream.position import Position


def claimed(state: ShardState | None, owner: str, now_ms: int) -> ShardState:
    """See `Journal.claim`. `state` is None for a shard that was never claimed."""
    if state is None:
        return ShardState(epoch=1, owner=owner, updated_ms=now_ms)
    return state._replace(epoch=state.epoch + 1, owner=owner, updated_ms=now_ms)


def intended(state: ShardState | None, key: ShardKey, epoch: int, intent: bytes, now_ms: int) -> ShardState:
    """See `Journal.intend`.

    Raises:
        ClaimLost: as there.
    """
    state = _held(state, key, epoch)
    if state.intent is None:
        return state._replace(intent=intent, updated_ms=now_ms)
    if state.intent != intent:
        raise ClaimLost(
            f"{key}: epoch {epoch} has another intent already; claim the shard again, and finish that span"
        )
    return state


def committed(
    state: ShardState | None,
    key: ShardKey,
    epoch: int,
    position: Position,
    *,
    complete_until_ms: int | None,
    now_ms: int,
) -> ShardState:
    """See `Journal.commit`.

    Raises:
        ClaimLost: as there.
    """
    state = _held(state, key, epoch)
    if state.committed is not None and position < state.committed:
        raise ClaimLost(f"{key}: {state.committed} is committed, and {position} lies before it")
    until = state.complete_until_ms if complete_until_ms is None else complete_until_ms
    return _changed(state, state._replace(committed=position, complete_until_ms=until, intent=None), now_ms)


def touched(
    state: ShardState | None, key: ShardKey, epoch: int, complete_until_ms: int, now_ms: int
) -> ShardState:
    """See `Journal.touch`.

    Raises:
        ClaimLost: as there.
    """
    state = _held(state, key, epoch)
    return _changed(state, state._replace(complete_until_ms=complete_until_ms), now_ms)


def _held(state: ShardState | None, key: ShardKey, epoch: int) -> ShardState:
    if state is None:
        raise ClaimLost(f"{key}: never claimed in this journal, or its item was removed")
    if state.epoch != epoch:
        raise ClaimLost(f"{key}: claimed by {state.owner!r}: the epoch is {state.epoch}, ours was {epoch}")
    return state


def _changed(before: ShardState, after: ShardState, now_ms: int) -> ShardState:
    return before if after == before else after._replace(updated_ms=now_ms)
