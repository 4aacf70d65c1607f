"""Streams: made, deleted, described, listed, and their settings changed."""

from __future__ import annotations

from typing import Any, Final

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account
from iotstream.local.kinesis.errors import in_use, invalid, limit_exceeded, validation
from iotstream.local.kinesis.pages import decode_token, encode_token
from iotstream.local.kinesis.registry import operation
from iotstream.local.kinesis.stream import ON_DEMAND, PROVISIONED, Stream

_DAY_S: Final = 86_400


@operation
def create_stream(account: Account, request: requests.CreateStream, now: float) -> None:
    """Make a stream."""
    mode = request.StreamModeDetails.StreamMode if request.StreamModeDetails else PROVISIONED
    shard_count = _shard_count(mode, request.ShardCount)
    _check_quotas(account, mode, shard_count, now)
    stream = account.add(request.StreamName, mode, shard_count, now)
    stream.tags.update(request.Tags or {})
    if request.MaxRecordSizeInKiB is not None:
        stream.max_record_bytes = request.MaxRecordSizeInKiB * limits.KIB


@operation
def delete_stream(account: Account, request: requests.DeleteStream, now: float) -> None:
    """Delete a stream."""
    stream = account.stream_of(request, now)
    if stream.consumers and not request.EnforceConsumerDeletion:
        raise in_use(
            f"Stream {stream} has {len(stream.consumers)} registered consumers; deregister them, or delete "
            f"it with EnforceConsumerDeletion."
        )
    stream.begin("DELETING", now + account.settings.status_delay)


@operation
def describe_stream(account: Account, request: requests.DescribeStream, now: float) -> dict[str, Any]:
    """A stream and its shards."""
    stream = account.stream_of(request, now)
    stream.expire(now)
    shards = [s for s in stream.shards.values() if s.shard_id > (request.ExclusiveStartShardId or "")]
    limit = min(request.Limit or limits.DESCRIBE_STREAM_MAX_SHARDS, limits.DESCRIBE_STREAM_MAX_SHARDS)
    described = _describe(stream, now) | {
        "Shards": [shard.describe() for shard in shards[:limit]],
        "HasMoreShards": len(shards) > limit,
    }
    return {"StreamDescription": described}


@operation
def describe_stream_summary(
    account: Account, request: requests.DescribeStreamSummary, now: float
) -> dict[str, Any]:
    """A stream without its shards."""
    stream = account.stream_of(request, now)
    described = _describe(stream, now) | {
        "OpenShardCount": len(stream.open_shards()),
        "ConsumerCount": len(stream.consumers),
        "MaxRecordSizeInKiB": stream.max_record_bytes // limits.KIB,
    }
    return {"StreamDescriptionSummary": described}


@operation
def describe_limits(account: Account, request: requests.DescribeLimits, now: float) -> dict[str, int]:  # noqa: ARG001 - it has no parameters
    """The account's quotas."""
    streams = account.all_streams(now)
    return {
        "ShardLimit": limits.SHARDS_PER_ACCOUNT,
        "OpenShardCount": _open_provisioned_shards(streams),
        "OnDemandStreamCount": sum(stream.mode == ON_DEMAND for stream in streams),
        "OnDemandStreamCountLimit": limits.ON_DEMAND_STREAMS,
    }


@operation
def list_streams(account: Account, request: requests.ListStreams, now: float) -> dict[str, Any]:
    """The account's streams by name."""
    after = request.ExclusiveStartStreamName or ""
    if request.NextToken is not None:
        after = decode_token("ListStreams", request.NextToken, now)[0]
    found = [stream for stream in account.all_streams(now) if stream.name > after]
    limit = request.Limit or limits.LIST_STREAMS_DEFAULT
    page = found[:limit]
    answer: dict[str, Any] = {
        "StreamNames": [stream.name for stream in page],
        "HasMoreStreams": len(found) > limit,
        "StreamSummaries": [_identity(stream, now) for stream in page],
    }
    if len(found) > limit:
        answer["NextToken"] = encode_token("ListStreams", [page[-1].name], now)
    return answer


@operation
def increase_retention(account: Account, request: requests.IncreaseStreamRetentionPeriod, now: float) -> None:
    """Keep records longer."""
    stream = account.active(account.stream_of(request, now), now)
    _check_retention(request.RetentionPeriodHours)
    if request.RetentionPeriodHours < stream.retention_hours:
        raise invalid(
            f"Requested retention period ({request.RetentionPeriodHours} hours) for stream {stream.name} can "
            f"not be shorter than existing retention period ({stream.retention_hours} hours). Use "
            f"DecreaseRetentionPeriod API."
        )
    stream.retain(request.RetentionPeriodHours, now)
    account.update(stream, now)


@operation
def decrease_retention(account: Account, request: requests.DecreaseStreamRetentionPeriod, now: float) -> None:
    """Keep records less long."""
    stream = account.active(account.stream_of(request, now), now)
    _check_retention(request.RetentionPeriodHours)
    if request.RetentionPeriodHours > stream.retention_hours:
        raise invalid(
            f"Requested retention period ({request.RetentionPeriodHours} hours) for stream {stream.name} can "
            f"not be longer than existing retention period ({stream.retention_hours} hours). Use "
            f"IncreaseRetentionPeriod API."
        )
    stream.retain(request.RetentionPeriodHours, now)
    account.update(stream, now)


@operation
def update_stream_mode(account: Account, request: requests.UpdateStreamMode, now: float) -> None:
    """Change between on-demand and provisioned capacity; the shards stay."""
    stream = account.active(account.at_arn(request.StreamARN, now), now)
    stream.mode_changes = [at for at in stream.mode_changes if at > now - _DAY_S]
    if account.settings.limits and len(stream.mode_changes) >= limits.MODE_CHANGES_PER_DAY:
        raise limit_exceeded(
            f"Stream {stream} can change its mode {limits.MODE_CHANGES_PER_DAY} times in 24 hours."
        )
    stream.mode_changes.append(now)
    stream.mode = request.StreamModeDetails.StreamMode
    account.update(stream, now)


@operation
def update_max_record_size(account: Account, request: requests.UpdateMaxRecordSize, now: float) -> None:
    """Change how large a record may be."""
    stream = account.active(account.at_arn(request.StreamARN, now), now)
    stream.max_record_bytes = request.MaxRecordSizeInKiB * limits.KIB
    account.update(stream, now)


@operation
def start_encryption(account: Account, request: requests.StartStreamEncryption, now: float) -> None:
    """Record the key; records are marked as encrypted from now on."""
    stream = account.active(account.stream_of(request, now), now)
    stream.key_id = request.KeyId if request.EncryptionType == "KMS" else None
    account.update(stream, now)


@operation
def stop_encryption(account: Account, request: requests.StopStreamEncryption, now: float) -> None:
    """Forget the key."""
    stream = account.active(account.stream_of(request, now), now)
    stream.key_id = None
    account.update(stream, now)


@operation
def enable_monitoring(
    account: Account, request: requests.EnableEnhancedMonitoring, now: float
) -> dict[str, Any]:
    """Record which shard-level metrics are on."""
    stream = account.stream_of(request, now)
    return _change_metrics(stream, stream.metrics | set(request.ShardLevelMetrics))


@operation
def disable_monitoring(
    account: Account, request: requests.DisableEnhancedMonitoring, now: float
) -> dict[str, Any]:
    """Record which shard-level metrics are on."""
    stream = account.stream_of(request, now)
    off = stream.metrics if "ALL" in request.ShardLevelMetrics else set(request.ShardLevelMetrics)
    return _change_metrics(stream, stream.metrics - off)


def _change_metrics(stream: Stream, metrics: set[str]) -> dict[str, Any]:
    before, stream.metrics = stream.metrics, metrics
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardLevelMetrics": sorted(before),
        "DesiredShardLevelMetrics": sorted(metrics),
    }


def _identity(stream: Stream, now: float) -> dict[str, Any]:
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": stream.status(now),
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": round(stream.created_at, 3),
    }


def _describe(stream: Stream, now: float) -> dict[str, Any]:
    described = _identity(stream, now) | {
        "RetentionPeriodHours": stream.retention_hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": sorted(stream.metrics)}],
        "EncryptionType": "KMS" if stream.key_id else "NONE",
    }
    return described | ({"KeyId": stream.key_id} if stream.key_id else {})


def _shard_count(mode: str, requested: int | None) -> int:
    if mode == ON_DEMAND:
        if requested is not None:
            raise validation("Requested ShardCount is not valid for an ON_DEMAND stream; leave it out.")
        return limits.ON_DEMAND_FIRST_SHARDS
    if requested is None:
        raise validation("ShardCount must be specified for a PROVISIONED stream.")
    return requested


def _check_quotas(account: Account, mode: str, shard_count: int, now: float) -> None:
    streams = account.all_streams(now)
    if sum(stream.status(now) == "CREATING" for stream in streams) >= limits.STREAMS_IN_CREATION:
        raise limit_exceeded(f"At most {limits.STREAMS_IN_CREATION} streams may be in state CREATING.")
    if mode == ON_DEMAND and sum(s.mode == ON_DEMAND for s in streams) >= limits.ON_DEMAND_STREAMS:
        raise limit_exceeded(f"At most {limits.ON_DEMAND_STREAMS} on-demand streams in an account.")
    if mode == PROVISIONED and _open_provisioned_shards(streams) + shard_count > limits.SHARDS_PER_ACCOUNT:
        raise limit_exceeded(
            f"This request would exceed the shard limit for the account {account.settings.account} in "
            f"{account.settings.region}. Limit: {limits.SHARDS_PER_ACCOUNT}."
        )


def _open_provisioned_shards(streams: list[Stream]) -> int:
    return sum(len(stream.open_shards()) for stream in streams if stream.mode == PROVISIONED)


def _check_retention(hours: int) -> None:
    requested = f"Requested retention period ({hours} hours)"
    if hours < limits.RETENTION_MIN_HOURS:
        least = f"Minimum allowed retention period is {limits.RETENTION_MIN_HOURS} hours."
        raise invalid(f"{least} {requested} is too short.")
    if hours > limits.RETENTION_MAX_HOURS:
        most = f"Maximum allowed retention period is {limits.RETENTION_MAX_HOURS} hours."
        raise invalid(f"{most} {requested} is too long.")
