"""One device's publisher: a TLS connection, QoS 1, a bounded number in flight, reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from iotstream.errors import ConfigurationError
from iotstream.simulate.connection import Connection
from iotstream.simulate.message import Message

# CONNACK's return code when the policy does not allow the connection (MQTT 3.1.1, section 3.2.2.3; the
# library gives MQTT 5's code for the same).
_NOT_AUTHORIZED = {5, 0x87}
# Messages that a device holds before it sends them; beyond it the whole run waits.
QUEUE_MESSAGES = 200

_log = logging.getLogger(__name__)
# Each message in flight is a pending call, which the library would warn of.
_library_log = logging.getLogger(f"{__name__}.mqtt")
_library_log.setLevel(logging.ERROR)


class DevicePublisher:
    """Publishes what is put to it, in order; what was not acknowledged is sent again after a reconnect.

    Args:
        name: the device.
        connection: how to reach the broker.
        on_acknowledged: called for each message that the broker has acknowledged.
    """

    def __init__(self, name: str, connection: Connection, on_acknowledged: Callable[[Message], None]) -> None:
        self.name = name
        self.acknowledged = 0
        self.unacknowledged: dict[int, Message] = {}
        self.error: str | None = None
        self._connection, self._on_acknowledged = connection, on_acknowledged
        self._context = connection.context(name)
        self._topic = connection.topic_of(name)
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_MESSAGES)
        self._again: deque[int] = deque()
        self._taken = 0
        self._stopping = self._connected = False
        self._delays: Iterator[float] = connection.backoff.delays()

    @property
    def published(self) -> int:
        """How many messages were sent at least once (or were about to be when the connection broke)."""
        return self.acknowledged + len(self.unacknowledged)

    def offer(self, message: Message) -> bool:
        """Queue a message; False when the queue is full. Once the device gave up it takes none."""
        if self.error is not None:
            return True
        if self._queue.full():
            return False
        self._queue.put_nowait(message)
        return True

    async def put(self, message: Message | None) -> None:
        """Queue a message, or the end (None), waiting for room.

        After the end `run` returns as soon as everything queued is acknowledged.
        """
        if self.error is None:
            await self._queue.put(message)

    def stop(self) -> None:
        """Forget what was queued but not sent; `run` ends when what is in flight is acknowledged."""
        self._stopping = True
        self._empty_queue()
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Publish until the end; gives up (see `error`) when the broker cannot be reached any more."""
        while True:
            try:
                await self._one_connection()
            except aiomqtt.MqttError as error:
                if not await self._may_try_again(error):
                    return
            else:
                return

    async def _one_connection(self) -> None:
        settings = self._connection
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=self.name,
            tls_context=self._context,
            clean_session=True,
            keepalive=settings.keep_alive_s,
            timeout=settings.connect_timeout_s,
            max_inflight_messages=settings.max_inflight,
            logger=_library_log,
        )
        self._connected = False
        async with client:
            self._connected, client.timeout = True, settings.timeout_s
            self._again = deque(self.unacknowledged)
            await self._publish_all(client)

    async def _publish_all(self, client: aiomqtt.Client) -> None:
        # A call that waits for its acknowledgement does not notice that the connection is gone.
        lost = asyncio.create_task(_until_lost(client))
        workers = [asyncio.create_task(self._work(client)) for _ in range(self._connection.max_inflight)]
        together = asyncio.gather(*workers)
        try:
            await asyncio.wait((lost, together), return_when=asyncio.FIRST_COMPLETED)
            if not together.done():
                lost.result()
            await together
        finally:
            for task in (lost, *workers):
                task.cancel()
            await asyncio.gather(lost, *workers, together, return_exceptions=True)

    async def _work(self, client: aiomqtt.Client) -> None:
        while (number := await self._next()) is not None:
            message = self.unacknowledged[number]
            await client.publish(self._topic, message.payload, qos=1)
            del self.unacknowledged[number]
            self.acknowledged += 1
            self._delays = self._connection.backoff.delays()
            self._on_acknowledged(message)

    async def _next(self) -> int | None:
        if self._again:
            return self._again.popleft()
        message = await self._queue.get()
        if message is None:
            # For the other workers, and for the next connection.
            self._queue.put_nowait(None)
            return None
        self._taken += 1
        self.unacknowledged[self._taken] = message
        return self._taken

    async def _may_try_again(self, error: aiomqtt.MqttError) -> bool:
        reason = str(error.__cause__ or error)
        if not self._connected and reason == "Operation timed out":
            reason = "the broker did not answer: it refuses the certificate, or speaks no MQTT over TLS"
        _log.info("%s: %s", self.name, reason)
        refused = isinstance(error, aiomqtt.MqttCodeError) and _code(error) in _NOT_AUTHORIZED
        delay = None if refused or self._stopping else next(self._delays, None)
        if delay is None:
            self.error = reason
            self._empty_queue()
            return False
        await asyncio.sleep(delay)
        return True

    def _empty_queue(self) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._queue.get_nowait()


async def _until_lost(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        raise ConfigurationError("a device that only publishes received a message")


def _code(error: aiomqtt.MqttCodeError) -> int:
    return error.rc.value if isinstance(error.rc, ReasonCode) else int(error.rc or 0)
