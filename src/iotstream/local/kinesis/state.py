"""The Kinesis Data Streams state machine: no I/O, time from the clock it is given."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

# Importing them registers their operations.
from iotstream.local.kinesis import consumers, data, fanout, reshard, streams, tags  # noqa: F401
from iotstream.local.kinesis.account import Account, Settings
from iotstream.local.kinesis.errors import KinesisError
from iotstream.local.kinesis.fanout import SubscribeToShardEvent, Subscription
from iotstream.local.kinesis.registry import operations
from iotstream.local.kinesis.validate import parse


class Kinesis:
    """A Kinesis Data Streams of one account and region, in this process.

    It may be called from several threads; calls happen one after another.

    Args:
        clock: the time in epoch seconds; if it goes backwards, time stands still.
        settings: how it behaves.

    Attributes:
        faults: what goes wrong on purpose.
        account: the streams.
    """

    def __init__(self, clock: Callable[[], float] = time.time, settings: Settings | None = None) -> None:
        self.account = Account(settings or Settings())
        self.faults = self.account.faults
        self._clock = clock
        self._last = float("-inf")
        self._lock = threading.RLock()

    def call(self, operation: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do one operation, as a client's method of boto3 would.

        Args:
            operation: its name, such as `PutRecords`.
            request: its parameters: the service's names, bytes for data, times in epoch seconds.

        Returns:
            The answer: dicts, bytes for data, times in epoch seconds.

        Raises:
            KinesisError: the service's error.
        """
        if operation == "SubscribeToShard":
            raise TypeError("SubscribeToShard answers with a stream of events: use Kinesis.subscribe()")
        answer = self.handle(operation, parse(operation, dict(request or {})))
        built: dict[str, Any] = msgspec.to_builtins(answer, builtin_types=(bytes,))
        return built

    def subscribe(self, request: Mapping[str, Any]) -> Subscription:
        """SubscribeToShard: a subscription to poll for events.

        Raises:
            KinesisError: the service's error.
        """
        subscription = self.handle("SubscribeToShard", parse("SubscribeToShard", dict(request)))
        assert isinstance(subscription, Subscription)
        return subscription

    def poll(self, subscription: Subscription) -> SubscribeToShardEvent | None:
        """The next event of a subscription, or None while there is nothing to say."""
        with self._lock:
            return subscription.poll(self.now())

    def handle(self, operation: str, request: msgspec.Struct) -> Any:
        """Do one operation whose request has been parsed; the answer may hold Structs.

        Raises:
            KinesisError: the service's error.
        """
        _, handler = operations()[operation]
        with self._lock:
            now = self.now()
            fault = self.faults.strike(operation)
            if fault is not None and not fault.after:
                raise KinesisError(fault.error, fault.text)
            self.account.count_call(operation, now)
            answer = handler(self.account, request, now)
            if fault is not None:
                raise KinesisError(fault.error, fault.text)
        return {} if answer is None else answer

    def now(self) -> float:
        """The time, never less than it was."""
        self._last = max(self._last, self._clock())
        return self._last
