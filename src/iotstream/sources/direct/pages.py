"""`Pages`: one shard's pages by GetRecords, at the pace that the service allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from iotstream.retry import Backoff
from iotstream.stream_calls import GET_RECORDS_EVERY_S, Cursor, Page, Trouble, trouble_of, unavailable

POLL_EVERY_S = 1.0
"""At the tip of a shard."""


class Pages:
    """Reads a shard page by page.

    Args:
        client: of aiobotocore, with `stream_calls.parse_pages`.
        cursor: where it begins.
        stream, shard_id: for messages.
        backoff: between tries of a page; past its deadline the stream counts as unavailable.
        clock: seconds of a clock that doesn't go back.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        client: Any,
        cursor: Cursor,
        *,
        stream: str,
        shard_id: str,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._cursor = cursor
        self._stream = stream
        self._shard_id = shard_id
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    async def next(self) -> Page:
        """The next page, which may be empty. After one without a next iterator there is none.

        Raises:
            StreamUnavailable: the stream or shard is not there, there is no right to, or it stayed down.
        """
        delays = self._backoff.delays()
        while True:
            try:
                return await self._page()
            except Exception as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                if trouble is Trouble.EXPIRED:
                    self._cursor.renew()
                delay = next(delays, None) if trouble in {Trouble.PASSING, Trouble.EXPIRED} else None
                if delay is None:
                    raise unavailable(self._stream, f"reading {self._shard_id}", error, trouble) from error
            await self._sleep(delay)

    async def _page(self) -> Page:
        while True:
            call = self._cursor.call()
            if call.operation == "get_records":
                await self._wait_for_turn()
            answer = await getattr(self._client, call.operation)(**call.parameters)
            page = self._cursor.take(answer)
            if page is not None:
                if page.behind_ms == 0:
                    self._due = self._clock() + POLL_EVERY_S
                return page

    async def _wait_for_turn(self) -> None:
        wait = self._due - self._clock()
        if wait > 0:
            await self._sleep(wait)
        self._due = self._clock() + GET_RECORDS_EVERY_S
