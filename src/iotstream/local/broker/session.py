"""A client's session: its subscriptions, and the messages that it has not acknowledged yet. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from iotstream.local.broker.packets import Publish
from iotstream.local.broker.topics import matches

# How many messages may be on their way to a client without its acknowledgement. AWS IoT Core allows
# 100, but its rule engine is not an MQTT subscriber; ours fills batches of 500 before it acknowledges.
MAX_INFLIGHT = 2_000
# Beyond this backlog publishers are turned away (and publish again) instead of being acknowledged.
MAX_QUEUED = 200_000
_MAX_PACKET_ID = 65_535


class Session:
    """What outlives a connection when the client asked for it (clean session off).

    Messages of QoS 1 stay until they are acknowledged: those that were sent before a connection broke
    are sent again, in their order, marked as duplicates, under their old packet ids.
    """

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.subscriptions: dict[str, int] = {}
        self._queue: deque[Publish] = deque()
        self._inflight: dict[int, Publish] = {}
        self._last_id = 0

    def qos_for(self, topic: str) -> int | None:
        """The highest QoS of the subscriptions that `topic` matches; None when none does."""
        found = [qos for pattern, qos in self.subscriptions.items() if matches(pattern, topic)]
        return max(found, default=None)

    @property
    def full(self) -> bool:
        """Whether the backlog has reached its bound."""
        return len(self._queue) >= MAX_QUEUED

    @property
    def backlog(self) -> int:
        """How many messages wait, sent or not, for their acknowledgement."""
        return len(self._queue) + len(self._inflight)

    def enqueue(self, message: Publish) -> None:
        """Keep a message of QoS 1 for the client."""
        self._queue.append(message)

    def acknowledge(self, packet_id: int) -> None:
        """The client has taken responsibility for this message. An unknown id changes nothing."""
        self._inflight.pop(packet_id, None)

    def next_to_send(self) -> Iterator[Publish]:
        """The messages that may be sent now; each counts as in flight from then on."""
        while self._queue and len(self._inflight) < MAX_INFLIGHT:
            message = replace(self._queue.popleft(), packet_id=self._free_id(), duplicate=False)
            self._inflight[message.packet_id] = message
            yield message

    def to_send_again(self) -> list[Publish]:
        """After a reconnect: the messages in flight, in the order in which they were sent."""
        return [replace(message, duplicate=True) for message in self._inflight.values()]

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % _MAX_PACKET_ID + 1
            if self._last_id not in self._inflight:
                return self._last_id
