"""Enhanced fan-out: subscriptions, from which a shard's records are taken as events."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from iotstream.local.kinesis import limits, requests
from iotstream.local.kinesis.account import Account
from iotstream.local.kinesis.data import is_read_out, millis_behind, read
from iotstream.local.kinesis.errors import KinesisError, in_use, limit_exceeded, not_found
from iotstream.local.kinesis.log import Record
from iotstream.local.kinesis.positions import Start, starting_position
from iotstream.local.kinesis.rates import Bucket
from iotstream.local.kinesis.registry import operation
from iotstream.local.kinesis.shard import Shard
from iotstream.local.kinesis.stream import Consumer

# How much one event holds, and how often an idle shard sends an empty one: not documented by AWS.
EVENT_MAX_BYTES: Final = limits.MIB
EVENT_MAX_RECORDS: Final = limits.GET_RECORDS_MAX_RECORDS
HEARTBEAT_S: Final = 5.0


class SubscribeToShardEvent(msgspec.Struct, omit_defaults=True):
    """What is pushed; no continuation: the shard is closed and read to its end."""

    Records: list[Record]
    MillisBehindLatest: int
    ContinuationSequenceNumber: str | None = None
    ChildShards: list[dict[str, Any]] | None = None


class Subscription:
    """One consumer's subscription to one shard; whoever holds it polls it and passes its events on.

    Attributes:
        ended: there will be no more events.
        error: why it ended, unless it ran its time or reached the shard's end.
    """

    def __init__(self, account: Account, consumer: Consumer, shard: Shard, position: int, now: float) -> None:
        self.ended = False
        self.error: KinesisError | None = None
        self.started_at = now
        self._consumer = consumer
        self._shard = shard
        self._position = position
        self._limited = account.settings.limits
        self._bytes = Bucket(limits.FAN_OUT_BYTES_PER_S, now)
        self._heartbeat_at = now

    def poll(self, now: float) -> SubscribeToShardEvent | None:
        """The next event, or None while there is nothing to say."""
        if self.ended or self._must_end(now) or (self._limited and self._bytes.is_blocked(now)):
            return None
        stream, shard = self._consumer.stream, self._shard
        records, position, size = read(
            stream, shard, self._position, max_records=EVENT_MAX_RECORDS, max_bytes=EVENT_MAX_BYTES, now=now
        )
        self.ended = is_read_out(shard, position)
        if not records and not self.ended and now < self._heartbeat_at:
            return None
        self._position = position
        self._bytes.spend(size, now)
        self._heartbeat_at = now + HEARTBEAT_S
        return self._event(records, now)

    def end(self, error: KinesisError | None = None) -> None:
        """End it: its connection is gone, or another has taken its place."""
        self.ended = True
        self.error = error

    def _event(self, records: list[Record], now: float) -> SubscribeToShardEvent:
        behind = millis_behind(self._shard, self._position, records, now)
        if self.ended:
            children = [child.describe_as_child() for child in self._shard.children]
            return SubscribeToShardEvent(records, behind, None, children)
        # Above the last record and below the next: right for AT_ and AFTER_SEQUENCE_NUMBER.
        return SubscribeToShardEvent(records, behind, str(self._position))

    def _must_end(self, now: float) -> bool:
        if now - self.started_at >= limits.SUBSCRIPTION_LIFETIME_S:
            self.end()
        elif not self._consumer.is_registered or self._consumer.stream.is_gone(now):
            self.end(not_found(f"Consumer {self._consumer.name} of {self._consumer.stream} not found."))
        return self.ended


@operation
def subscribe_to_shard(account: Account, request: requests.SubscribeToShard, now: float) -> Subscription:
    """Begin a subscription; it takes the place of an older one of the consumer to that shard."""
    consumer = account.consumer(request.ConsumerARN, now)
    if consumer.status(now) != "ACTIVE":
        raise in_use(f"Consumer {consumer.name} is not ACTIVE, instead in state {consumer.status(now)}.")
    stream = consumer.stream
    stream.expire(now)
    shard = stream.shard(request.ShardId)
    given = request.StartingPosition
    start = Start(given.Type, given.SequenceNumber, given.Timestamp)
    position = starting_position(stream, shard, start, now)
    _replace(account, consumer, shard, now)
    subscription = Subscription(account, consumer, shard, position, now)
    consumer.subscriptions[shard.shard_id] = subscription
    return subscription


def _replace(account: Account, consumer: Consumer, shard: Shard, now: float) -> None:
    older = consumer.subscriptions.get(shard.shard_id)
    if older is None or older.ended:
        return
    age = now - older.started_at
    if account.settings.limits and age < 1 / limits.SUBSCRIBE_CALLS_PER_S:
        raise limit_exceeded(
            f"SubscribeToShard can be called once a second for {consumer.name}, {shard.shard_id}."
        )
    if age < limits.SUBSCRIPTION_MIN_AGE_S:
        raise in_use(
            f"Another active subscription exists for this consumer: {consumer.arn}, {shard.shard_id}, "
            f"{age:.1f} seconds old; it can be replaced after {limits.SUBSCRIPTION_MIN_AGE_S}."
        )
    older.end(in_use("Another subscription of this consumer to the shard has taken the place of this one."))
