"""What one account holds in one region: its streams, and how they are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from iotstream.local.kinesis import limits
from iotstream.local.kinesis.errors import in_use, invalid, limit_exceeded, not_found
from iotstream.local.kinesis.faults import Faults
from iotstream.local.kinesis.rates import Bucket
from iotstream.local.kinesis.stream import Consumer, Stream


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the local Kinesis behaves.

    Attributes:
        account: the account's id, twelve digits.
        region: the region in ARNs.
        limits: whether throughput is limited as in the service: bytes, records and calls a second. Sizes and
            counts are always limited.
        status_delay: seconds for which a stream stays CREATING, UPDATING or DELETING, a consumer CREATING.
    """

    account: str = "123456789012"
    region: str = "us-east-1"
    limits: bool = True
    status_delay: float = 0.0


class NamesStream(Protocol):
    """A request that names its stream by name, ARN or both."""

    StreamName: str | None
    StreamARN: str | None


class Account:
    """The streams, and the calls counted against the account's limits."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = Faults()
        self.streams: dict[str, Stream] = {}
        self._made = 0
        self._calls: dict[str, Bucket] = {}

    def arn(self, name: str) -> str:
        """The ARN of a stream."""
        return f"arn:aws:kinesis:{self.settings.region}:{self.settings.account}:stream/{name}"

    def add(self, name: str, mode: str, shard_count: int, now: float) -> Stream:
        """Make a stream, CREATING for the settings' delay.

        Raises:
            KinesisError: ResourceInUseException, the name is taken.
        """
        self._sweep(now)
        if name in self.streams:
            raise in_use(f"Stream {self.streams[name]} already exists.")
        self._made += 1
        stream = Stream(
            name=name,
            account=self.settings.account,
            arn=self.arn(name),
            mode=mode,
            shard_count=shard_count,
            generation=self._made,
            now=now,
        )
        stream.begin("CREATING", now + self.settings.status_delay)
        self.streams[name] = stream
        return stream

    def all_streams(self, now: float) -> list[Stream]:
        """The streams by name."""
        self._sweep(now)
        return sorted(self.streams.values(), key=lambda stream: stream.name)

    def named(self, name: str, now: float) -> Stream:
        """A stream by its name.

        Raises:
            KinesisError: ResourceNotFoundException.
        """
        stream = self.streams.get(name)
        if stream is None or stream.is_gone(now):
            self.streams.pop(name, None)
            raise not_found(f"Stream {name} under account {self.settings.account} not found.")
        return stream

    def stream_of(self, request: NamesStream, now: float) -> Stream:
        """The stream that a request names.

        Raises:
            KinesisError: InvalidArgumentException, it names none or two; ResourceNotFoundException.
        """
        if request.StreamARN is None:
            if request.StreamName is None:
                raise invalid("StreamName or StreamARN must be provided.")
            return self.named(request.StreamName, now)
        stream = self.at_arn(request.StreamARN, now)
        if request.StreamName not in (None, stream.name):
            raise invalid(f"StreamName {request.StreamName} does not match StreamARN {request.StreamARN}.")
        return stream

    def at_arn(self, arn: str, now: float) -> Stream:
        """A stream by its ARN.

        Raises:
            KinesisError: ResourceNotFoundException.
        """
        stream = self.streams.get(arn.rpartition(":stream/")[2])
        if stream is None or stream.arn != arn:
            account, name = arn.split(":")[4], arn.rpartition("/")[2]
            raise not_found(f"Stream {name} under account {account} not found.")
        return self.named(stream.name, now)

    def active(self, stream: Stream, now: float) -> Stream:
        """The stream, if nothing is being changed about it.

        Raises:
            KinesisError: ResourceInUseException.
        """
        status = stream.status(now)
        if status != "ACTIVE":
            raise in_use(f"Stream {stream} not ACTIVE, instead in state {status}")
        return stream

    def update(self, stream: Stream, now: float) -> None:
        """Have the stream UPDATING for the settings' delay."""
        stream.begin("UPDATING", now + self.settings.status_delay)

    def consumer(self, arn: str, now: float) -> Consumer:
        """A registered consumer by its ARN.

        Raises:
            KinesisError: ResourceNotFoundException.
        """
        stream_arn, _, name = arn.partition("/consumer/")
        consumer = self.at_arn(stream_arn, now).consumers.get(name.partition(":")[0])
        if consumer is None or consumer.arn != arn:
            raise not_found(f"Consumer {name}, account {self.settings.account} not found.")
        return consumer

    def count_call(self, operation: str, now: float) -> None:
        """Count a call against the account's limit for the operation, if it has one.

        Raises:
            KinesisError: LimitExceededException.
        """
        if operation in limits.CALLS_PER_S and self.settings.limits:
            _count(self._calls, operation, limits.CALLS_PER_S[operation], self.settings.account, now)

    def count_stream_call(self, stream: Stream, operation: str, now: float) -> None:
        """Count a call against a stream's limit for the operation.

        Raises:
            KinesisError: LimitExceededException.
        """
        if self.settings.limits:
            _count(stream.calls, operation, limits.PER_STREAM_CALLS[operation], str(stream), now)

    def _sweep(self, now: float) -> None:
        for name in [name for name, stream in self.streams.items() if stream.is_gone(now)]:
            del self.streams[name]


def _count(buckets: dict[str, Bucket], operation: str, rate: int, owner: str, now: float) -> None:
    bucket = buckets.get(operation)
    if bucket is None:
        bucket = buckets[operation] = Bucket(rate, now)
    if not bucket.take(1, now):
        raise limit_exceeded(f"Rate exceeded for {operation} of {owner}: {rate} calls a second.")
