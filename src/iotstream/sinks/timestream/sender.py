"""`Sender`: the sync face of the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from iotstream.errors import SinkUnavailable
from iotstream.retry import Backoff
from iotstream.sinks.calls.answers import Refusal
from iotstream.sinks.calls.delivery import Delivery
from iotstream.sinks.calls.loop import LoopThread
from iotstream.sinks.timestream.access import Access
from iotstream.sinks.timestream.client import Client
from iotstream.sinks.timestream.request import Body
from iotstream.sinks.timestream.settings import TimestreamSettings


class Sender:
    """Sends bodies; its connections stay open from one write to the next.

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
        self._loop = LoopThread("timestream")
        self._client: Client | None = None
        try:
            self._client = self._loop.make(lambda: Client(access, settings, clock))
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
        settings = self._settings
        self._client.credentials = self._access.credentials()
        backoff = Backoff(base_s=settings.base_s, cap_s=settings.cap_s, deadline_s=settings.deadline_s)
        delivery = Delivery(self._client.call, in_flight=settings.in_flight, backoff=backoff)
        try:
            return self._loop.run(delivery.run(bodies, count))
        except SinkUnavailable as error:
            table = f"{settings.database}.{settings.table}"
            raise SinkUnavailable(
                f"Timestream table {table} at {self._client.address}: {error}"
            ) from error.__cause__

    def close(self) -> None:
        """Close the connections and end the thread. Closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            self._loop.run(client.close())
        self._loop.close()
