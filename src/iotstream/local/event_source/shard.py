"""One shard's reader: reads, batches, invokes, tries again, in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from iotstream.local.event_source.batching import Record, Source, event, fitting, lane
from iotstream.local.event_source.outcome import TOO_LARGE, Discard, Piece, after, first_failure, given_up
from iotstream.local.event_source.settings import EventSourceSettings
from iotstream.local.event_source.stream import GET_RECORDS_LIMIT, KinesisError, Page, Stream
from iotstream.local.lambda_runtime import MAX_PAYLOAD_BYTES, InvokeResult
from iotstream.retry import Backoff

MIN_READ_INTERVAL_S = 0.2
"""A shard gives five reads a second: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

Invoke = Callable[[bytes], InvokeResult]
OnDiscard = Callable[[Discard, Source, InvokeResult | None], None]


@dataclass
class ShardStats:
    """What a shard's reader has done.

    Attributes:
        invocations, failures, retries: of the function; a failure is an answer that leaves records over.
        processed: records done.
        discarded: records given up.
        read: records read.
        buffered: records read, and neither done nor given up.
        behind_ms: how far the last read was behind the shard's tip.
        iterator_age_ms: of the last record read, at that moment.
        caught_up_at: when the read began (seconds since the epoch) that found the shard's tip with
            everything before it done; 0 = never.
        ended: whether the shard is closed and done.
    """

    invocations: int = 0
    failures: int = 0
    retries: int = 0
    processed: int = 0
    discarded: int = 0
    read: int = 0
    behind_ms: int = 0
    iterator_age_ms: int = 0
    caught_up_at: float = 0.0
    ended: bool = False

    @property
    def buffered(self) -> int:
        """Read, and not yet done or given up."""
        return self.read - self.processed - self.discarded


@dataclass(kw_only=True)
class ShardReader:
    """Follows a shard to its end, or until it is told to stop.

    Parallel batches (`parallelization`) are taken together and wait for each other: a lane that fails
    holds up the others of its shard, which Lambda's do not.

    Attributes:
        stream: a client of its own.
        source: what its events say.
        settings: of the mapping.
        invoke: calls the function.
        on_discard: takes what is given up.
        stopping: set to stop after the invocation that is under way.
        poll_s: between reads at the shard's tip. Lambda reads a shard once a second.
        now: seconds since the epoch.
    """

    stream: Stream
    source: Source
    settings: EventSourceSettings
    invoke: Invoke
    on_discard: OnDiscard
    stopping: threading.Event
    poll_s: float = 1.0
    now: Callable[[], float] = time.time
    stats: ShardStats = field(default_factory=ShardStats)
    children: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: str | None = None

    def run(self) -> None:
        """Read to the end of the shard."""
        buffer: deque[Record] = deque()
        opened = next_read = 0.0
        iterator: str | None = self._first_iterator()
        while not self.stopping.is_set():
            began = self.now()
            if iterator is not None and len(buffer) < self._wanted() and began >= next_read:
                page = self._read(iterator)
                next_read = began + (MIN_READ_INTERVAL_S if page.behind_ms else self.poll_s)
                iterator = page.iterator
                if page.records and not buffer:
                    opened = began
                buffer.extend(page.records)
                self._note(page, began, idle=not buffer)
                self.children = page.children or self.children
            ended = iterator is None
            full = len(buffer) >= self._wanted()
            if buffer and (full or ended or self.now() - opened >= self.settings.window_s):
                self._deliver(buffer)
                opened = self.now()
            elif ended:
                self.stats.caught_up_at = began
                self.stats.ended = True
                return
            elif not full:
                closes = [opened + self.settings.window_s] if buffer else []
                self.stopping.wait(max(min([next_read, *closes]) - self.now(), 0.005))

    def _wanted(self) -> int:
        return self.settings.batch_size * self.settings.parallelization

    def _first_iterator(self) -> str:
        where: dict[str, Any] = {}
        if self.settings.starting_timestamp is not None:
            where["Timestamp"] = self.settings.starting_timestamp
        return self.stream.iterator(self.source.shard_id, self.settings.starting_position, **where)

    def _read(self, iterator: str) -> Page:
        try:
            page = self.stream.records(iterator, min(GET_RECORDS_LIMIT, self._wanted()))
        except KinesisError as error:
            if error.code != "ExpiredIteratorException":
                raise
            page = self.stream.records(self._resume(), min(GET_RECORDS_LIMIT, self._wanted()))
        if page.records:
            self._last = page.records[-1].sequence_number
        return page

    def _resume(self) -> str:
        """An iterator after the last record read, when the old one has expired."""
        if self._last is None:
            return self._first_iterator()
        return self.stream.iterator(
            self.source.shard_id, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=self._last
        )

    def _note(self, page: Page, began: float, *, idle: bool) -> None:
        stats = self.stats
        stats.read += len(page.records)
        stats.behind_ms = page.behind_ms
        if page.records:
            stats.iterator_age_ms = max(0, round((self.now() - page.records[-1].arrival_s) * 1000))
        elif idle and not page.behind_ms:
            stats.iterator_age_ms = 0
            stats.caught_up_at = began

    def _deliver(self, buffer: deque[Record]) -> None:
        """Take a batch, or one for each lane, and see it through: done or given up."""
        lanes = self.settings.parallelization
        taken: list[list[Record]] = [[] for _ in range(lanes)]
        wanted = min(len(buffer), self._wanted())
        for _ in range(wanted):
            record = buffer.popleft()
            taken[lane(record.partition_key, lanes)].append(record)
        busy = [records for records in taken if records]
        if len(busy) == 1:
            self._see_through(busy[0])
            return
        with ThreadPoolExecutor(len(busy)) as pool:
            for future in [pool.submit(self._see_through, records) for records in busy]:
                future.result()

    def _see_through(self, records: list[Record]) -> None:
        pieces: deque[Piece] = deque()
        rest = records
        while rest:
            count = fitting(rest, self.source, self.settings.batch_size)
            pieces.append(Piece(rest[:count]))
            rest = rest[count:]
        result: InvokeResult | None = None
        delays = Backoff(base_s=0.2, cap_s=10.0, deadline_s=float("inf")).delays()
        while pieces and not self.stopping.is_set():
            discards, piece = given_up(pieces.popleft(), self.settings, self.now())
            for discard in discards:
                self._discard(discard, result)
            if piece is None or self._is_too_large(piece, result):
                continue
            result, done = self._invoke(piece)
            pieces.extendleft(reversed(after(piece, done, self.settings)))
            if done == len(piece.records):
                delays = Backoff(base_s=0.2, cap_s=10.0, deadline_s=float("inf")).delays()
            elif done == 0:
                self.stopping.wait(next(delays))

    def _is_too_large(self, piece: Piece, result: InvokeResult | None) -> bool:
        """Whether no invocation can hold the piece, which is then given up: it is one record."""
        if len(piece.records) > 1 or len(event(piece.records, self.source)) <= MAX_PAYLOAD_BYTES:
            return False
        self._discard(Discard(piece, TOO_LARGE), result)
        return True

    def _invoke(self, piece: Piece) -> tuple[InvokeResult, int]:
        result = self.invoke(event(piece.records, self.source))
        if result.function_error is not None:
            done = 0
        elif self.settings.report_failures:
            done = first_failure(result.payload, piece.records)
        else:
            done = len(piece.records)
        with self._lock:
            self.stats.invocations += 1
            self.stats.retries += piece.invocations > 0
            self.stats.failures += done < len(piece.records)
            self.stats.processed += done
        return result, done

    def _discard(self, discard: Discard, result: InvokeResult | None) -> None:
        self.on_discard(discard, self.source, result)
        with self._lock:
            self.stats.discarded += len(discard.piece.records)
