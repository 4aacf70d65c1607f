"""Tags of streams and consumers."""

from __future__ import annotations

from typing import Any

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account
from iotstream.local.kinesis.errors import limit_exceeded
from iotstream.local.kinesis.registry import operation


@operation
def add_tags_to_stream(account: Account, request: requests.AddTagsToStream, now: float) -> None:
    """Add or change tags of a stream."""
    _add(account.stream_of(request, now).tags, request.Tags)


@operation
def remove_tags_from_stream(account: Account, request: requests.RemoveTagsFromStream, now: float) -> None:
    """Remove tags of a stream."""
    _remove(account.stream_of(request, now).tags, request.TagKeys)


@operation
def list_tags_for_stream(account: Account, request: requests.ListTagsForStream, now: float) -> dict[str, Any]:
    """A stream's tags by key."""
    tags = account.stream_of(request, now).tags
    after = request.ExclusiveStartTagKey or ""
    found = [tag for tag in _listed(tags) if tag["Key"] > after]
    limit = request.Limit or limits.LIST_TAGS_MAX
    return {"Tags": found[:limit], "HasMoreTags": len(found) > limit}


@operation
def tag_resource(account: Account, request: requests.TagResource, now: float) -> None:
    """Add or change tags of a stream or consumer."""
    _add(_tags_of(account, request.ResourceARN, now), request.Tags)


@operation
def untag_resource(account: Account, request: requests.UntagResource, now: float) -> None:
    """Remove tags of a stream or consumer."""
    _remove(_tags_of(account, request.ResourceARN, now), request.TagKeys)


@operation
def list_tags_for_resource(
    account: Account, request: requests.ListTagsForResource, now: float
) -> dict[str, Any]:
    """The tags of a stream or consumer."""
    return {"Tags": _listed(_tags_of(account, request.ResourceARN, now))}


def _tags_of(account: Account, arn: str, now: float) -> dict[str, str]:
    if "/consumer/" in arn:
        return account.consumer(arn, now).tags
    return account.at_arn(arn, now).tags


def _add(tags: dict[str, str], more: dict[str, str]) -> None:
    if len(tags | more) > limits.TAGS_PER_RESOURCE:
        raise limit_exceeded(f"At most {limits.TAGS_PER_RESOURCE} tags on a resource.")
    tags.update(more)


def _remove(tags: dict[str, str], keys: list[str]) -> None:
    for key in keys:
        tags.pop(key, None)


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
