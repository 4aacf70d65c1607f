"""`publish`: send a run's messages, each by its own device, when they are due."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iotstream.errors import ConfigurationError
from iotstream.simulate.connection import MAX_PAYLOAD_BYTES, Connection
from iotstream.simulate.device import DevicePublisher
from iotstream.simulate.message import Message

PROGRESS_EVERY_S = 1.0
# How long, after a stop, to wait for the acknowledgement of what is in flight.
GRACE_S = 10.0
# Messages after which the devices get their turn even if none has to wait.
_TURN_MESSAGES = 50


@dataclass(frozen=True, kw_only=True)
class DeviceResult:
    """What became of one device's messages.

    Attributes:
        published: messages that were sent.
        acknowledged: messages that the broker has taken responsibility for.
        unacknowledged: the others that were sent: they may have arrived or not.
        error: why the device gave up; None if it did not.
    """

    published: int
    acknowledged: int
    unacknowledged: tuple[Message, ...]
    error: str | None


@dataclass(frozen=True, kw_only=True)
class PublishResult:
    """What became of a run.

    Attributes:
        devices: device → its result.
        unsent: messages that were never sent: their device had given up, or the run was stopped.
    """

    devices: Mapping[str, DeviceResult]
    unsent: int

    @property
    def published(self) -> int:
        """Messages sent by all devices."""
        return sum(device.published for device in self.devices.values())

    @property
    def acknowledged(self) -> int:
        """Messages acknowledged to all devices."""
        return sum(device.acknowledged for device in self.devices.values())

    @property
    def complete(self) -> bool:
        """Whether every message of the run was sent and acknowledged."""
        return not self.unsent and self.published == self.acknowledged


@dataclass(frozen=True, kw_only=True)
class PublishProgress:
    """Where a run stands: messages sent and acknowledged so far, and seconds since its start."""

    published: int
    acknowledged: int
    elapsed_s: float


async def publish(
    messages: Iterable[Message],
    connection: Connection,
    *,
    on_progress: Callable[[PublishProgress], None] | None = None,
    on_acknowledged: Callable[[Message], None] | None = None,
    stop: asyncio.Event | None = None,
    paced: bool = True,
) -> PublishResult:
    """Publish messages, each on its device's own connection (QoS 1).

    A device's messages go out in order; after a lost connection those without acknowledgement are sent
    again (so the broker may get them twice). A device whose queue is full holds up the run. Once every device
    that has a certificate has given up, no further message is taken.

    Args:
        messages: in the order in which they are due. Taken as they are needed.
        connection: where and as whom to publish.
        on_progress: called about once a second, and at the end.
        on_acknowledged: called for each message when the broker has acknowledged it.
        stop: when it is set nothing new is sent; what is in flight may still be acknowledged.
        paced: whether to wait until a message is due, or send as fast as the broker takes them.

    Raises:
        ConfigurationError: a device has no certificate, or a payload is above 128 KB.
    """
    run = _Run(connection, on_acknowledged or (lambda _: None), stop or asyncio.Event())
    reporter = asyncio.create_task(run.report(on_progress)) if on_progress else None
    try:
        await run.feed(messages, paced=paced)
        await run.finish()
    finally:
        await run.close()
        if reporter is not None:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
    if on_progress is not None:
        on_progress(run.progress())
    return run.result()


class _Run:
    def __init__(
        self, connection: Connection, on_acknowledged: Callable[[Message], None], stop: asyncio.Event
    ) -> None:
        self._connection, self._on_acknowledged, self._stop = connection, on_acknowledged, stop
        self._devices: dict[str, DevicePublisher] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._offered = 0
        self._started = asyncio.get_running_loop().time()

    async def feed(self, messages: Iterable[Message], *, paced: bool) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            for message in messages:
                if paced:
                    await self._until(message.due, stopped)
                if self._offered % _TURN_MESSAGES == 0:
                    await asyncio.sleep(0)
                if self._stop.is_set():
                    return
                self._offered += 1
                device = self._device(message)
                if not device.offer(message):
                    await _first(device.put(message), stopped)
                if self._all_gave_up():
                    return
        finally:
            stopped.cancel()

    async def finish(self) -> None:
        if not self._stop.is_set():
            stopped = asyncio.create_task(self._stop.wait())
            await _first(self._run_out(), stopped)
            stopped.cancel()
        if self._stop.is_set():
            for device in self._devices.values():
                device.stop()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=GRACE_S)

    async def _run_out(self) -> None:
        for device in self._devices.values():
            await device.put(None)
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def report(self, on_progress: Callable[[PublishProgress], None]) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            on_progress(self.progress())

    def progress(self) -> PublishProgress:
        return PublishProgress(
            published=sum(device.published for device in self._devices.values()),
            acknowledged=sum(device.acknowledged for device in self._devices.values()),
            elapsed_s=asyncio.get_running_loop().time() - self._started,
        )

    def result(self) -> PublishResult:
        results = {
            name: DeviceResult(
                published=device.published,
                acknowledged=device.acknowledged,
                unacknowledged=tuple(device.unacknowledged.values()),
                error=device.error,
            )
            for name, device in self._devices.items()
        }
        published = sum(result.published for result in results.values())
        return PublishResult(devices=results, unsent=self._offered - published)

    def _all_gave_up(self) -> bool:
        devices = self._devices.values()
        return len(devices) == len(self._connection.credentials) and all(one.error for one in devices)

    def _device(self, message: Message) -> DevicePublisher:
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            number = message.expected[0].n if message.expected else "?"
            raise ConfigurationError(
                f"message {number} of {message.device}: {len(message.payload)} bytes; "
                f"MQTT messages hold at most {MAX_PAYLOAD_BYTES} (AWS IoT Core's limit)"
            )
        device = self._devices.get(message.device)
        if device is None:
            device = DevicePublisher(message.device, self._connection, self._on_acknowledged)
            self._devices[message.device] = device
            self._tasks.append(asyncio.create_task(device.run()))
        return device

    async def _until(self, due: float, stopped: asyncio.Task[bool]) -> None:
        wait = self._started + due - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.wait((stopped,), timeout=wait)


async def _first(work: Coroutine[Any, Any, None], stopped: asyncio.Task[bool]) -> None:
    """Do `work`, or leave it when the run is stopped meanwhile."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    task.cancel()
