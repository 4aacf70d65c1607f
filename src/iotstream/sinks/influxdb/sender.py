"""`Sender`: the sync face of the calls."""

from __future__ import annotations

from collections.abc import Iterator

from iotstream.errors import SinkUnavailable
from iotstream.retry import Backoff
from iotstream.sinks.calls.answers import Refusal
from iotstream.sinks.calls.delivery import Delivery
from iotstream.sinks.calls.loop import LoopThread
from iotstream.sinks.influxdb.access import Access
from iotstream.sinks.influxdb.client import Client
from iotstream.sinks.influxdb.lines import Body
from iotstream.sinks.influxdb.settings import InfluxSettings


class Sender:
    """Sends bodies; its connections stay open from one write to the next.

    Args:
        access: the authorization.
        settings: where to, how many at once, how long.
    """

    def __init__(self, access: Access, settings: InfluxSettings) -> None:
        self._settings = settings
        self._loop = LoopThread("influxdb")
        self._client: Client | None = self._loop.make(lambda: Client(access, settings))

    def send(self, bodies: Iterator[Body], count: int) -> list[Refusal]:
        """Send them all; `count` is about how many there are.

        Returns:
            The points that were not written; all others are.

        Raises:
            SinkUnavailable: the server stayed down, or it can't be used as things are.
        """
        if self._client is None:
            raise SinkUnavailable("InfluxDB: the sink is closed")
        settings = self._settings
        backoff = Backoff(base_s=settings.base_s, cap_s=settings.cap_s, deadline_s=settings.deadline_s)
        delivery = Delivery(self._client.call, in_flight=settings.in_flight, backoff=backoff)
        try:
            return self._loop.run(delivery.run(bodies, count))
        except SinkUnavailable as error:
            raise SinkUnavailable(
                f"InfluxDB database {settings.database} at {settings.url}: {error}"
            ) from error.__cause__

    def close(self) -> None:
        """Close the connections and end the thread. Closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            self._loop.run(client.close())
        self._loop.close()
