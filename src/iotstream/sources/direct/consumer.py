"""The process: one task for each shard, health and metrics, signals, the exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from iotstream.assembly import Assembly
from iotstream.aws_region import region_of
from iotstream.batch import BatchLimits
from iotstream.errors import IotstreamError, MissingDependencyError, StreamUnavailable
from iotstream.journal.base import ShardKey
from iotstream.manifest import LATEST
from iotstream.pipeline import Pipeline
from iotstream.settings import Settings
from iotstream.sources.arrow_memory import use_compact_pool
from iotstream.sources.direct.lineage import (
    Lineage,
    Shard,
    children_of,
    expired_before_read,
    finished_before,
    listed,
)
from iotstream.sources.direct.pages import Pages
from iotstream.sources.direct.shard import ShardConsumer
from iotstream.sources.direct.starts import after, initial_start, plan
from iotstream.sources.direct.threads import in_thread
from iotstream.sources.status import Status, StatusLog, StatusServer
from iotstream.stream_calls import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    ChildShard,
    Cursor,
    Start,
    parse_pages,
)
from iotstream.stream_reader import ShardDescription, StreamDescription, StreamReader

LIST_SHARDS_EVERY_S = 30.0
"""New shards are told by GetRecords at the end of their parents; this finds what was missed."""
CONNECTIONS = 256
"""At once at most; each shard needs one for the moment of a call."""
MIB = 1 << 20
PROCESS_BYTES = 160 * MIB
"""Of the interpreter and its libraries."""
PAGES_BYTES = 20 * MIB
"""Of a shard: the page that is written and the one that is fetched meanwhile, 10 MB each at most."""
PEAK_FACTOR = 3
"""What a span takes while it is closed, against what it holds, should it be of dead letters: their lines and
objects. Rows take a third more than their columns."""
LEAST_SPAN_BYTES = 1 * MIB

log = logging.getLogger("iotstream.direct")


def run(settings: Settings) -> int:
    """Consume the stream until told to stop, by SIGTERM or SIGINT, or until something fails.

    To be called in the main thread. If a shard doesn't finish within `consumer.shutdown_s` the process
    ends there and then, with status 1: recovery finishes what was intended.

    Args:
        settings: `lake.uri` and `journal.uri` must be set.

    Returns:
        The exit status: 0 after a clean stop on request, else 1.

    Raises:
        ConfigurationError: a setting is wrong.
        MissingDependencyError: aiobotocore isn't installed.
        SinkUnavailable: the lake or the journal can't be reached.
    """
    settings.require("lake.uri", "journal.uri")
    use_compact_pool()
    with ExitStack() as stack:
        assembly = Assembly(settings)
        stack.callback(assembly.close)
        reader = StreamReader.open(backoff=settings.retry.backoff())
        stack.callback(reader.close)
        status = Status()
        stack.enter_context(_told(status, settings))
        return asyncio.run(_serve(settings, assembly, reader, status))


async def _serve(settings: Settings, assembly: Assembly, reader: StreamReader, status: Status) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _client() as client:
        parse_pages(client)
        consumer = Consumer(
            settings, assembly=assembly, reader=reader, client=client, status=status, stop=stop
        )
        done = await consumer.run()
        if consumer.is_late:
            # A write that hangs can't be interrupted, and would hold up whatever is closed now.
            logging.shutdown()
            os._exit(1)
        return 0 if done else 1


def _client() -> Any:
    try:
        # It ships no type information; `direct` is an extra.
        from aiobotocore.config import AioConfig  # noqa: PLC0415
        from aiobotocore.session import get_session  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "consumer.source = 'direct' needs aiobotocore: pip install 'iotstream[direct]'"
        ) from error
    config = AioConfig(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=CONNECTIONS,
        # The settings' deadline is to hold: the tries are counted in `Pages`.
        retries={"total_max_attempts": 1},
    )
    return get_session().create_client("kinesis", region_name=region_of(os.environ), config=config)


@contextmanager
def _told(status: Status, settings: Settings) -> Iterator[None]:
    """Health and metrics."""
    consumer = settings.consumer
    server = StatusServer(status, consumer.host, consumer.port)
    lines = StatusLog(
        status,
        namespace=settings.metrics.namespace,
        application=settings.application,
        stream=settings.stream.name,
        every_s=consumer.metrics_every_s,
    )
    log.info(
        "consuming %s as %s; /health and /metrics on port %d",
        settings.stream.name,
        settings.application,
        server.port,
        extra={"port": server.port},
    )
    try:
        yield
    finally:
        lines.close()
        server.close()


class Consumer:
    """All shards of a stream.

    Args:
        settings: what to read and how.
        assembly: makes the shards' pipelines.
        reader: describes the stream.
        client: reads it; of aiobotocore.
        status: is told how each shard is doing.
        stop: ends it, cleanly.

    Attributes:
        is_late: a shard did not finish in time, and its thread is still at it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        assembly: Assembly,
        reader: StreamReader,
        client: Any,
        status: Status,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._assembly = assembly
        self._reader = reader
        self._client = client
        self._status = status
        self._stop = stop
        self._initial = initial_start(settings.consumer.initial_position)
        self._lineage = Lineage()
        self._tasks: dict[asyncio.Task[list[ChildShard] | None], str] = {}
        self._failed = False
        self.is_late = False

    async def run(self) -> bool:
        """Read until the stop is set or something fails; the other shards then end cleanly.

        Returns:
            Whether it was the former, and everything that was read is durable.
        """
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await self._read_until(stopped)
        except Exception as error:  # noqa: BLE001 - whatever it is, the shards end cleanly
            self._fail(str(error), error)
        self._stop.set()
        await stopped
        await self._finish()
        return not self._failed

    async def _read_until(self, stopped: asyncio.Task[Any]) -> None:
        looking = asyncio.create_task(in_thread(self._look_at_stream))
        await asyncio.wait({looking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            looking.cancel()
            return
        stream, listing = looking.result(), self._list_later()
        try:
            while not self._stop.is_set():
                self._begin_shards(stream)
                await asyncio.wait({*self._tasks, listing, stopped}, return_when=asyncio.FIRST_COMPLETED)
                self._collect()
                if listing.done():
                    self._lineage.learn(listed(listing.result()))
                    listing = self._list_later()
        finally:
            listing.cancel()

    def _look_at_stream(self) -> StreamDescription:
        name, application = self._settings.stream.name, self._settings.application
        stream = self._reader.describe(name)
        shards = self._reader.shards(name)
        group = ShardKey(application, stream.arn, stream.created_ms, "").group
        states = self._assembly.journal.shards(group)
        self._lineage.learn(listed(shards))
        for shard_id in finished_before(shards, states, from_latest=self._initial.kind == LATEST):
            self._lineage.finish(shard_id)
        for shard_id in sorted(expired_before_read(shards, states)):
            # As a source that resumes beyond what is durable: that is noted as a gap.
            self._assembly.pipeline(stream=stream.name, shard_id=shard_id, read_after=LATEST).drain()
        return stream

    def _list_later(self) -> asyncio.Task[list[ShardDescription]]:
        async def wait_and_list() -> list[ShardDescription]:
            await asyncio.sleep(LIST_SHARDS_EVERY_S)
            return await in_thread(lambda: self._reader.shards(self._settings.stream.name))

        return asyncio.create_task(wait_and_list())

    def _begin_shards(self, stream: StreamDescription) -> None:
        for shard in self._lineage.begin():
            consumer = ShardConsumer(
                stream=stream.name,
                shard_id=shard.shard_id,
                open_pipeline=self._opening(stream, shard),
                read_from=self._reading(shard),
                limits=self._limits,
                report=self._status.update,
                stop=self._stop,
            )
            self._tasks[asyncio.create_task(consumer.run())] = shard.shard_id

    def _opening(self, stream: StreamDescription, shard: Shard) -> Callable[[], tuple[Pipeline, Start]]:
        application, journal = self._settings.application, self._assembly.journal

        def key_of(shard_id: str) -> ShardKey:
            return ShardKey(application, stream.arn, stream.created_ms, shard_id)

        def open_pipeline() -> tuple[Pipeline, Start]:
            state = journal.read(key_of(shard.shard_id))
            follows = any(journal.read(key_of(parent)) is not None for parent in shard.parents)
            start, read_after = plan(state, self._initial, follows=follows)
            pipeline = self._assembly.pipeline(
                stream=stream.name, shard_id=shard.shard_id, read_after=read_after
            )
            done = pipeline.progress.done
            return pipeline, start if done is None else after(done).start

        return open_pipeline

    def _reading(self, shard: Shard) -> Callable[[Start], Pages]:
        stream, backoff = self._settings.stream.name, self._settings.retry.backoff()

        def read_from(start: Start) -> Pages:
            cursor = Cursor(stream, shard.shard_id, start)
            return Pages(self._client, cursor, stream=stream, shard_id=shard.shard_id, backoff=backoff)

        return read_from

    def _limits(self) -> BatchLimits:
        return limits_within(self._assembly.limits, self._settings.consumer.memory_bytes, len(self._tasks))

    def _collect(self) -> None:
        """Look at the shards that have ended."""
        for task in [task for task in self._tasks if task.done()]:
            shard_id = self._tasks.pop(task)
            self._status.remove(shard_id)
            error = task.exception()
            if error is not None:
                self._fail(f"{shard_id}: {error}", error)
                continue
            children = task.result()
            if children is not None:
                self._lineage.learn(children_of(children))
                self._lineage.finish(shard_id)

    def _fail(self, reason: str, error: BaseException) -> None:
        known = isinstance(error, IotstreamError)
        log.error("%s: %s", type(error).__name__, reason, exc_info=None if known else error)
        self._status.fail(reason)
        self._failed = True
        self._stop.set()

    async def _finish(self) -> None:
        """Let the shards write what they have read."""
        if not self._tasks:
            return
        limit = self._settings.consumer.shutdown_s
        log.info("stopping %d shards within %g s", len(self._tasks), limit)
        _, late = await asyncio.wait(self._tasks, timeout=limit)
        self.is_late = bool(late)
        for task in late:
            reason = f"not finished within consumer.shutdown_s = {limit:g} s"
            self._fail(f"{self._tasks.pop(task)}: {reason}", StreamUnavailable(reason))
            task.cancel()
        self._collect()


def limits_within(limits: BatchLimits, memory_bytes: int, shards: int) -> BatchLimits:
    """The limits, lowered so that all shards together stay within the memory."""
    share = (memory_bytes - PROCESS_BYTES) // max(shards, 1)
    room = (share - PAGES_BYTES) // PEAK_FACTOR
    return replace(limits, max_bytes=min(limits.max_bytes, max(room, LEAST_SPAN_BYTES)))
