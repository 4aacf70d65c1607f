"""`Endpoint`: where the records go: found by DescribeEndpoints and kept as long as that says.

https://docs.aws.amazon.com/timestream/latest/developerguide/Using.API.html#Using-API.endpoint-discovery
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

RETRY_S = 60.0
"""How long an endpoint is used beyond its time before the next try, when a new one can't be had."""


class Place(NamedTuple):
    """An endpoint: its URL, the `Host` header and the path."""

    url: str
    host: str
    path: str


def place_of(address: str) -> Place:
    """The endpoint of a URL, or of a host as DescribeEndpoints gives it."""
    url = address if "://" in address else f"https://{address}"
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    path = parts.path or "/"
    return Place(f"{parts.scheme}://{host}{path}", host.removesuffix(default), path)


class Endpoint:
    """The endpoint of the moment. Used in one event loop.

    Args:
        url: the endpoint where none is to be discovered.
        describe: an address and for how many seconds it holds; blocks; None = `url` it is.
        monotonic: seconds of a clock that doesn't go back.
    """

    def __init__(
        self, url: str, describe: Callable[[], tuple[str, float]] | None, monotonic: Callable[[], float]
    ) -> None:
        self._describe = describe
        self._monotonic = monotonic
        self._place = place_of(url) if describe is None else None
        self._until = math.inf if describe is None else -math.inf
        self._lock = asyncio.Lock()

    async def current(self) -> Place:
        """The endpoint; an old one for a while longer when a new one can't be had.

        Raises:
            Exception: what `describe` raised, when there is no old one.
        """
        if self._place is not None and self._monotonic() < self._until:
            return self._place
        async with self._lock:
            if self._place is None or self._monotonic() >= self._until:
                await self._renew()
            assert self._place is not None
            return self._place

    def forget(self, place: Place) -> None:
        """Ask anew before the next call: the service said that this one is not valid."""
        if self._describe is not None and place == self._place:
            self._until = -math.inf

    async def _renew(self) -> None:
        assert self._describe is not None
        try:
            address, seconds = await asyncio.to_thread(self._describe)
        except Exception:
            if self._place is None:
                raise
            seconds = RETRY_S
        else:
            self._place = place_of(address)
        self._until = self._monotonic() + seconds
