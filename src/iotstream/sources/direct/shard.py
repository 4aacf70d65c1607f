"""`ShardConsumer`: one shard's pages in, its pipeline driven."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from iotstream.batch import BatchLimits
from iotstream.pipeline import Pipeline
from iotstream.sources.direct.pages import Pages
from iotstream.sources.direct.threads import in_thread
from iotstream.sources.status import ShardStatus, status_of
from iotstream.stream_calls import ChildShard, Page, Start, raw_batch

PUSH_EVERY_S = 1.0
"""A shard without records is pushed to as often, so that a span's age is seen."""

log = logging.getLogger("iotstream.direct")


class ShardConsumer:
    """One shard, from the claim to its end or to the stop.

    While a page goes through the pipeline, in a thread, the next one is fetched: one, not more.

    Args:
        stream, shard_id: what is read.
        open_pipeline: claims and recovers the shard, which may take its time: the flow, and where to read on.
        read_from: the pages from there on.
        limits: asked before each push: when a span closes, given the memory there is.
        report: takes the shard's status after each push.
        stop: set when the process is to end.
        clock: seconds of a clock that doesn't go back; for the spans' age.
    """

    def __init__(
        self,
        *,
        stream: str,
        shard_id: str,
        open_pipeline: Callable[[], tuple[Pipeline, Start]],
        read_from: Callable[[Start], Pages],
        limits: Callable[[], BatchLimits],
        report: Callable[[ShardStatus], object],
        stop: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._shard_id = shard_id
        self._open_pipeline = open_pipeline
        self._read_from = read_from
        self._limits = limits
        self._report = report
        self._stop = stop
        self._clock = clock

    async def run(self) -> list[ChildShard] | None:
        """Read until the shard ends or the stop is set; then everything that was read is durable.

        Returns:
            The shard's children, if it is read to its end; None if it was stopped before.

        Raises:
            SinkUnavailable: a sink stayed down. What isn't durable is read again by whoever comes next.
            ClaimLost: another worker has the shard.
            GapFound: records are gone, and the settings say to stop.
            StreamUnavailable: the stream can't be read.
        """
        pipeline, start = await in_thread(self._open_pipeline)
        self._report(status_of(self._shard_id, pipeline, None))
        log.info("%s: reading from %s", self._shard_id, _words(start), extra={"shard": self._shard_id})
        children = await self._consume(pipeline, self._read_from(start))
        await in_thread(pipeline.drain)
        self._report(status_of(self._shard_id, pipeline, 0 if children is not None else None))
        log.info(
            "%s: %s, durable up to %s",
            self._shard_id,
            "stopped" if children is None else "read to its end",
            pipeline.progress.done,
            extra={"shard": self._shard_id},
        )
        return children

    async def _consume(self, pipeline: Pipeline, pages: Pages) -> list[ChildShard] | None:
        stopped = asyncio.create_task(self._stop.wait())
        following = asyncio.create_task(pages.next())
        try:
            while True:
                await asyncio.wait(
                    (following, stopped), timeout=PUSH_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                )
                if self._stop.is_set():
                    return None
                page = following.result() if following.done() else None
                if page is not None and page.next_iterator is not None:
                    following = asyncio.create_task(pages.next())
                await self._push(pipeline, page)
                if page is not None and page.next_iterator is None:
                    return page.child_shards
        finally:
            stopped.cancel()
            following.cancel()
            await asyncio.gather(stopped, following, return_exceptions=True)

    async def _push(self, pipeline: Pipeline, page: Page | None) -> None:
        """Push the page, or nothing, for the age of the span."""
        now = self._clock()
        pipeline.limits = self._limits()
        behind_ms = None if page is None else page.behind_ms

        def push() -> None:
            raw = raw_batch([]) if page is None else page.raw(self._stream, self._shard_id)
            pipeline.push(raw, now, behind_ms=behind_ms)

        await in_thread(push)
        self._report(status_of(self._shard_id, pipeline, behind_ms))


def _words(start: Start) -> str:
    value = start.timestamp if start.sequence_number is None else start.sequence_number
    return start.kind if value is None else f"{start.kind} {value}"
