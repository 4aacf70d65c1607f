"""`Sender`: the sync face of the calls: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from iotstream.errors import SinkUnavailable
from iotstream.sinks.timestream.access import Access
from iotstream.sinks.timestream.answers import Refusal
from iotstream.sinks.timestream.client import Client
from iotstream.sinks.timestream.delivery import Delivery
from iotstream.sinks.timestream.request import Body
from iotstream.sinks.timestream.settings import TimestreamSettings

T = TypeVar("T")


class Sender:
    """Sends bodies; its connections stay open from one write to the next.

    The loop has its own thread, so that a caller who runs one himself can use the sink too.

    Args:
        access: endpoint, credentials, certificates.
        settings: how many at once, how long.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: the file of certificates can't be read.
    """

    def __init__(self, access: Access, settings: TimestreamSettings, clock: Callable[[], float]) -> None:
        self._access = access
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="timestream", daemon=True)
        self._thread.start()
        self._client: Client | None = None
        try:
            self._client = self._run(_made(lambda: Client(access, settings, clock)))
        except BaseException:
            self.close()
            raise

    def send(self, bodies: Iterator[Body], count: int) -> list[Refusal]:
        """Send them all; `count` is about how many there are.

        Returns:
            The points that were not written; all others are.

        Raises:
            SinkUnavailable: the service stayed down, or it can't be used as things are.
        """
        if self._client is None:
            raise SinkUnavailable("Timestream: the sink is closed")
        self._client.credentials = self._access.credentials()
        try:
            return self._run(Delivery(self._client.call, self._settings).run(bodies, count))
        except SinkUnavailable as error:
            table = f"{self._settings.database}.{self._settings.table}"
            raise SinkUnavailable(
                f"Timestream table {table} at {self._client.address}: {error}"
            ) from error.__cause__

    def close(self) -> None:
        """Close the connections and end the thread. Closing twice is fine."""
        if self._loop.is_closed():
            return
        client, self._client = self._client, None
        if client is not None:
            self._run(client.close())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


async def _made(make: Callable[[], T]) -> T:
    """Make it in the event loop."""
    return make()
