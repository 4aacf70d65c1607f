"""Keeps subscriptions going: passes their events to the connections that carry them."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from iotstream.local.kinesis.door import Push
from iotstream.local.kinesis.state import Kinesis

# After a write, events wait so long for more; the service takes about 70 ms
# (docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html).
GATHER_S: Final = 0.01
# How often a subscription is looked at when nothing is written: it may be time for an empty event or its end.
IDLE_S: Final = 0.1


class Wire(Protocol):
    """A transport, as a connection sees it."""

    is_writable: bool

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Close after what has been written is sent."""

    def abort(self) -> None:
        """Close at once."""


class Channel(Protocol):
    """Where one subscription's messages go."""

    def is_ready(self) -> bool:
        """Whether the client takes more."""

    def send(self, message: bytes) -> None:
        """Send a message."""

    def finish(self) -> None:
        """End the answer."""


class Pusher:
    """The subscriptions that are being served."""

    def __init__(self, kinesis: Kinesis) -> None:
        self._kinesis = kinesis
        self._pushes: dict[Channel, Push] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, channel: Channel, push: Push) -> None:
        """Begin to serve a subscription."""
        self._pushes[channel] = push
        channel.send(push.opening())
        self.wake()

    def remove(self, channel: Channel) -> None:
        """The client has gone."""
        push = self._pushes.pop(channel, None)
        if push is not None:
            push.subscription.end()

    def wake(self) -> None:
        """Something may have been written: look soon."""
        if self._pushes:
            self._schedule(GATHER_S)

    def close(self) -> None:
        """Serve no more."""
        if self._timer is not None:
            self._timer.cancel()
        for channel in list(self._pushes):
            self.remove(channel)

    def _schedule(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + delay:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay, self._run)

    def _run(self) -> None:
        self._timer = None
        for channel, push in list(self._pushes.items()):
            self._serve(channel, push)
        if self._pushes:
            self._schedule(IDLE_S)

    def _serve(self, channel: Channel, push: Push) -> None:
        while channel.is_ready():
            message = push.next_message(self._kinesis)
            if message is None:
                break
            channel.send(message)
        if push.subscription.ended and self._pushes.pop(channel, None) is not None:
            closing = push.closing()
            if closing:
                channel.send(closing)
            channel.finish()
