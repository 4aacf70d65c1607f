"""Shards: listed, split, merged, and their number changed."""

from __future__ import annotations

from typing import Any, Final

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account
from iotstream.local.kinesis.errors import invalid, limit_exceeded, not_found, validation
from iotstream.local.kinesis.pages import decode_token, encode_token
from iotstream.local.kinesis.registry import operation
from iotstream.local.kinesis.shard import Shard
from iotstream.local.kinesis.stream import ON_DEMAND, PROVISIONED, Stream, even_ranges

_DAY_S: Final = 86_400
_FIRST_PAGE_ONLY: Final = ("StreamName", "StreamARN", "StreamCreationTimestamp", "ExclusiveStartShardId")


@operation
def list_shards(account: Account, request: requests.ListShards, now: float) -> dict[str, Any]:
    """A stream's shards by id, filtered."""
    if request.NextToken is not None:
        stream, after, kept = _continue(account, request, now)
    else:
        stream = account.stream_of(request, now)
        after, kept = _filter(stream, request, now)
    account.count_stream_call(stream, "ListShards", now)
    found = [s for s in stream.shards.values() if s.shard_id in kept and s.shard_id > after]
    limit = min(request.MaxResults or limits.LIST_SHARDS_MAX, limits.LIST_SHARDS_MAX)
    answer: dict[str, Any] = {"Shards": [shard.describe() for shard in found[:limit]]}
    if len(found) > limit:
        rest = [stream.name, str(stream.generation), *(shard.shard_id for shard in found[limit:])]
        answer["NextToken"] = encode_token("ListShards", rest, now)
    return answer


@operation
def split_shard(account: Account, request: requests.SplitShard, now: float) -> None:
    """Open two shards in place of one."""
    stream = account.stream_of(request, now)
    _check_provisioned(stream)
    account.active(stream, now)
    shard = _eligible(stream, request.ShardToSplit)
    _check_shard_quota(account, stream, 1, now)
    new_first = int(request.NewStartingHashKey)
    if not shard.first + 1 < new_first < shard.last:
        raise invalid(
            f"NewStartingHashKey {new_first} used in SplitShard() on shard {shard.shard_id} in stream "
            f"{stream} is not both greater than one plus the shard's StartingHashKey {shard.first} and less "
            f"than the shard's EndingHashKey {shard.last}."
        )
    stream.split(shard, new_first, now)
    account.update(stream, now)


@operation
def merge_shards(account: Account, request: requests.MergeShards, now: float) -> None:
    """Open one shard in place of two neighbours."""
    stream = account.stream_of(request, now)
    _check_provisioned(stream)
    account.active(stream, now)
    shard = _eligible(stream, request.ShardToMerge)
    adjacent = _eligible(stream, request.AdjacentShardToMerge)
    if adjacent.first != shard.last + 1 and shard.first != adjacent.last + 1:
        raise invalid(
            f"Shards {shard.shard_id} and {adjacent.shard_id} in stream {stream} are not an adjacent pair of "
            f"shards eligible for merging"
        )
    stream.merge(shard, adjacent, now)
    account.update(stream, now)


@operation
def update_shard_count(account: Account, request: requests.UpdateShardCount, now: float) -> dict[str, Any]:
    """Split and merge until the shards are even ranges of the requested number."""
    stream = account.active(account.stream_of(request, now), now)
    current, target = len(stream.open_shards()), request.TargetShardCount
    _check_provisioned(stream)
    _check_target(account, stream, target, now)
    _check_shard_quota(account, stream, target - current, now)
    stream.shard_count_updates.append(now)
    resize(stream, target, now)
    account.update(stream, now)
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardCount": current,
        "TargetShardCount": target,
    }


def resize(stream: Stream, target: int, now: float) -> None:
    """Cut at every new boundary, then merge within each new range."""
    ranges = even_ranges(target)
    for first, _ in ranges[1:]:
        shard = stream.route(first)
        if shard.first != first:
            stream.split(shard, first, now)
    for first, last in ranges:
        while stream.route(first).last != last:
            shard = stream.route(first)
            stream.merge(shard, stream.route(shard.last + 1), now)


def _continue(account: Account, request: requests.ListShards, now: float) -> tuple[Stream, str, set[str]]:
    given = [name for name in (*_FIRST_PAGE_ONLY, "ShardFilter") if getattr(request, name) is not None]
    # StreamARN alone may accompany a token: the model uses it to find the endpoint.
    given = [name for name in given if name != "StreamARN"]
    if given:
        raise invalid(f"NextToken and {given[0]} cannot be provided together.")
    assert request.NextToken is not None
    name, generation, *kept = decode_token("ListShards", request.NextToken, now)
    stream = account.named(name, now)
    if str(stream.generation) != generation:
        raise not_found(f"Stream {stream} not found: the token belongs to a deleted one of that name.")
    return stream, "", set(kept)


def _filter(stream: Stream, request: requests.ListShards, now: float) -> tuple[str, set[str]]:
    stream.expire(now)
    created = request.StreamCreationTimestamp
    if created is not None and int(created) != int(stream.created_at):
        raise not_found(f"Stream {stream} created at {created} not found.")
    wanted = request.ShardFilter
    after = request.ExclusiveStartShardId or ""
    if wanted is not None and wanted.Type == "AFTER_SHARD_ID":
        if wanted.ShardId is None:
            raise invalid("ShardId must be specified for ShardFilter of type AFTER_SHARD_ID.")
        after = wanted.ShardId
    kept = {shard.shard_id for shard in stream.shards.values() if _matches(shard, stream, wanted, now)}
    return after, kept


def _matches(shard: Shard, stream: Stream, wanted: requests.ShardFilter | None, now: float) -> bool:
    if wanted is None or wanted.Type in ("AFTER_SHARD_ID", "FROM_TRIM_HORIZON"):
        return True
    if wanted.Type == "AT_LATEST":
        return shard.closed_at is None
    at = stream.trim_horizon(now)
    if wanted.Type != "AT_TRIM_HORIZON":
        if wanted.Timestamp is None:
            raise invalid(f"Timestamp must be specified for ShardFilter of type {wanted.Type}.")
        at = max(at, wanted.Timestamp)
    if shard.closed_at is not None and shard.closed_at < at:
        return False
    return wanted.Type == "FROM_TIMESTAMP" or shard.opened_at <= at


def _eligible(stream: Stream, shard_id: str) -> Shard:
    shard = stream.shards.get(shard_id)
    if shard is None:
        raise not_found(f"Could not find shard {shard_id} in stream {stream}.")
    if shard.closed_at is not None:
        raise invalid(
            f"Shard {shard_id} in stream {stream} has already been merged or split, and thus is not eligible "
            f"for merging or splitting."
        )
    return shard


def _check_provisioned(stream: Stream) -> None:
    if stream.mode == ON_DEMAND:
        raise validation(f"Request is invalid. Stream {stream} is in On-Demand mode.")


def _check_shard_quota(account: Account, stream: Stream, more: int, now: float) -> None:
    shards = sum(len(s.open_shards()) for s in account.all_streams(now) if s.mode == PROVISIONED)
    if stream.mode == PROVISIONED and shards + more > limits.SHARDS_PER_ACCOUNT:
        raise limit_exceeded(
            f"This request would exceed the shard limit for the account {account.settings.account} in "
            f"{account.settings.region}. Limit: {limits.SHARDS_PER_ACCOUNT}."
        )


def _check_target(account: Account, stream: Stream, target: int, now: float) -> None:
    current = len(stream.open_shards())
    if not (current + 1) // 2 <= target <= min(2 * current, limits.SHARD_COUNT_MAX):
        raise (limit_exceeded if target > current else invalid)(
            f"UpdateShardCount cannot scale {stream} from {current} to {target} shards: a call may halve or "
            f"double the number at most, to {limits.SHARD_COUNT_MAX} at most."
        )
    stream.shard_count_updates = [at for at in stream.shard_count_updates if at > now - _DAY_S]
    if account.settings.limits and len(stream.shard_count_updates) >= limits.SHARD_COUNT_UPDATES_PER_DAY:
        raise limit_exceeded(
            f"UpdateShardCount can be called {limits.SHARD_COUNT_UPDATES_PER_DAY} times in 24 hours for "
            f"{stream}."
        )
