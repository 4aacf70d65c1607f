"""Consumers registered for enhanced fan-out."""

from __future__ import annotations

from typing import Any

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account
from iotstream.local.kinesis.errors import in_use, invalid, limit_exceeded, not_found
from iotstream.local.kinesis.pages import decode_token, encode_token
from iotstream.local.kinesis.registry import operation
from iotstream.local.kinesis.stream import Consumer, Stream


@operation
def register_stream_consumer(
    account: Account, request: requests.RegisterStreamConsumer, now: float
) -> dict[str, Any]:
    """Register a consumer."""
    stream = account.at_arn(request.StreamARN, now)
    _check_quotas(stream, request.ConsumerName, now)
    consumer = Consumer(request.ConsumerName, stream, now, now + account.settings.status_delay)
    consumer.tags.update(request.Tags or {})
    stream.consumers[consumer.name] = consumer
    return {"Consumer": consumer.describe(now) | {"ConsumerStatus": "CREATING"}}


@operation
def describe_stream_consumer(
    account: Account, request: requests.DescribeStreamConsumer, now: float
) -> dict[str, Any]:
    """A registered consumer."""
    consumer = _find(account, request, now)
    account.count_stream_call(consumer.stream, "DescribeStreamConsumer", now)
    return {"ConsumerDescription": consumer.describe(now) | {"StreamARN": consumer.stream.arn}}


@operation
def deregister_stream_consumer(
    account: Account, request: requests.DeregisterStreamConsumer, now: float
) -> None:
    """Forget a registered consumer; its subscriptions end."""
    consumer = _find(account, request, now)
    account.count_stream_call(consumer.stream, "DeregisterStreamConsumer", now)
    consumer.is_registered = False
    del consumer.stream.consumers[consumer.name]


@operation
def list_stream_consumers(
    account: Account, request: requests.ListStreamConsumers, now: float
) -> dict[str, Any]:
    """A stream's registered consumers by name."""
    stream = account.at_arn(request.StreamARN, now)
    account.count_stream_call(stream, "ListStreamConsumers", now)
    after = ""
    if request.NextToken is not None:
        after = decode_token("ListStreamConsumers", request.NextToken, now)[0]
    found = sorted(name for name in stream.consumers if name > after)
    limit = min(request.MaxResults or limits.LIST_CONSUMERS_MAX, limits.LIST_CONSUMERS_MAX)
    answer: dict[str, Any] = {"Consumers": [stream.consumers[name].describe(now) for name in found[:limit]]}
    if len(found) > limit:
        answer["NextToken"] = encode_token("ListStreamConsumers", [found[limit - 1]], now)
    return answer


def _find(account: Account, request: requests.DescribeStreamConsumer, now: float) -> Consumer:
    if request.ConsumerARN is not None:
        return account.consumer(request.ConsumerARN, now)
    if request.StreamARN is None or request.ConsumerName is None:
        raise invalid("Either ConsumerARN or both StreamARN and ConsumerName must be provided.")
    consumer = account.at_arn(request.StreamARN, now).consumers.get(request.ConsumerName)
    if consumer is None:
        raise not_found(f"Consumer {request.ConsumerName}, account {account.settings.account} not found.")
    return consumer


def _check_quotas(stream: Stream, name: str, now: float) -> None:
    if name in stream.consumers:
        raise in_use(f"Consumer {name} of stream {stream} already exists.")
    if len(stream.consumers) >= limits.CONSUMERS_PER_STREAM:
        raise limit_exceeded(
            f"Stream {stream} has {limits.CONSUMERS_PER_STREAM} consumers: no more are allowed."
        )
    creating = sum(consumer.status(now) == "CREATING" for consumer in stream.consumers.values())
    if creating >= limits.CONSUMERS_IN_CREATION:
        raise limit_exceeded(f"At most {limits.CONSUMERS_IN_CREATION} consumers may be in state CREATING.")
