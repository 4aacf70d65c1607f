"""`StreamReader`: reads a stream again, a range of a shard or all that is kept of it, by boto3.

For recovery of spans and for the audit; the flow itself has sources of its own.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from iotstream.aws_region import region_of
from iotstream.errors import ConfigurationError, MissingDependencyError, RangeExpired
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.retry import Backoff
from iotstream.stream_calls import (
    CONNECT_TIMEOUT_S,
    GET_RECORDS_EVERY_S,
    READ_TIMEOUT_S,
    TRIM_HORIZON,
    Cursor,
    Page,
    Start,
    Trouble,
    name_of,
    parse_pages,
    short_name,
    trouble_of,
    unavailable,
)
from iotstream.unpack import deaggregate

EMPTY_PAGES_AT_TIP = 3
"""So often the service must say that it has nothing more before a record counts as gone."""

T = TypeVar("T")


class StreamDescription(NamedTuple):
    """A stream.

    Attributes:
        name, arn: of it.
        created_ms: when it was made, ms since the epoch.
        retention_ms: how long it keeps records.
    """

    name: str
    arn: str
    created_ms: int
    retention_ms: int


class ShardDescription(NamedTuple):
    """A shard, open or closed.

    Attributes:
        shard_id: its id.
        parents: the shards that it was split or merged from; they may be gone.
        starting, ending: the range of its sequence numbers; `ending` is None while it is open.
    """

    shard_id: str
    parents: tuple[str, ...]
    starting: int
    ending: int | None


class StreamReader:
    """Reads a stream, synchronously. Threads may share one.

    Streams are given by name or ARN. Batches come with KPL aggregates taken apart. Throttling, failures
    of the service and of the connection are tried again.

    Args:
        client: a Kinesis client of boto3, used by nothing else.
        backoff: of one call's tries.
        sleep: waits for seconds.
        clock: seconds, of a clock that doesn't go back.
    """

    def __init__(
        self,
        client: Any,
        *,
        backoff: Backoff,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parse_pages(client)
        self._client = client
        self._backoff = backoff
        self._sleep = sleep
        self._clock = clock
        self._last_read: dict[tuple[str, str], float] = {}

    @classmethod
    def open(cls, *, backoff: Backoff) -> StreamReader:
        """A reader whose region, endpoint and credentials are those of the SDK's own variables.

        Raises:
            ConfigurationError: there is no region, or the SDK's configuration is wrong.
            MissingDependencyError: boto3 is not installed.
        """
        try:
            import boto3  # noqa: PLC0415 - `aws` is an extra
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        except ImportError as error:
            raise MissingDependencyError(
                "reading the stream needs boto3: pip install 'iotstream[aws]'"
            ) from error
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            # The backoff's deadline is to hold: the tries are counted here.
            retries={"total_max_attempts": 1},
        )
        try:
            client = boto3.session.Session(region_name=region_of(os.environ)).client("kinesis", config=config)
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError(
                f"no client for Kinesis: {error} (AWS_REGION and AWS_ENDPOINT_URL_KINESIS set region and "
                "endpoint)"
            ) from error
        return cls(client, backoff=backoff)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def describe(self, stream: str) -> StreamDescription:
        """What stream it is.

        Raises:
            StreamUnavailable: it is not there, there is no right to, or the service stayed down.
        """
        request = name_of(stream)
        answer = self._call(
            stream, "DescribeStreamSummary", lambda: self._client.describe_stream_summary(**request)
        )
        return description_of(answer)

    def shards(self, stream: str) -> list[ShardDescription]:
        """All shards, also closed ones whose records are kept.

        Raises:
            StreamUnavailable: as `describe`.
        """
        return self._call(stream, "ListShards", lambda: self._list_shards(stream))

    def read_range(self, stream: str, shard_id: str, first: Position, last: Position) -> Iterator[RawBatch]:
        """The records of a shard from `first` to `last`, both included, also within a KPL aggregate.

        Raises:
            RangeExpired: not all of the range is there any more, as far as the stream shows. It may come
                after batches: only a range read to its end is a whole one.
            StreamUnavailable: as `describe`.
        """
        gone = _Gone(stream, shard_id, first, last)
        begun, pages, at_tip = False, 0, 0
        for page in self._pages(stream, shard_id, Start.at(first), gone):
            whole = deaggregate(page.raw(short_name(stream), shard_id))
            if not len(whole):
                at_tip += page.behind_ms == 0
                if at_tip == EMPTY_PAGES_AT_TIP:
                    raise gone.error("the shard ends before")
                continue
            pages += 1
            part = between(whole, first, last)
            if not begun and (not len(part) or part.position(0) != first):
                raise gone.error(f"the oldest record from there on is {whole.position(0)}")
            begun = True
            if len(part):
                yield part
            if whole.position(len(whole) - 1) >= last:
                if not len(part) or part.position(len(part) - 1) != last:
                    raise gone.error("the last record is not there")
                if pages > 1:
                    self._see_that_it_was_kept(stream, shard_id, first, gone)
                return
        raise gone.error("the shard ends before")

    def read_retained(
        self, stream: str, shard_id: str, *, after: Position | None = None
    ) -> Iterator[RawBatch]:
        """The records of a shard that are kept now, from the oldest, or after a position, to the newest.

        Raises:
            RangeExpired: the shard is gone, or the position is not one of its.
            StreamUnavailable: as `describe`.
        """
        start = TRIM_HORIZON if after is None else Start.at(after)
        for page in self._pages(stream, shard_id, start, _Gone(stream, shard_id, after, None)):
            raw = deaggregate(page.raw(short_name(stream), shard_id))
            if after is not None and len(raw):
                raw = beyond(raw, after)
            if len(raw):
                yield raw
            if page.behind_ms == 0:
                return

    def oldest(self, stream: str, shard_id: str) -> Position | None:
        """The first record of a shard that is kept; None if there is none now, or the shard is gone.

        Raises:
            StreamUnavailable: as `describe`.
        """
        try:
            for page in self._pages(stream, shard_id, TRIM_HORIZON, _Gone(stream, shard_id), limit=1):
                if len(page.records):
                    return page.records.position(0)
                if page.behind_ms == 0:
                    return None
        except RangeExpired:
            return None
        return None

    def _see_that_it_was_kept(self, stream: str, shard_id: str, first: Position, gone: _Gone) -> None:
        """Records expire from the oldest on: if the first is still there, none was skipped on the way."""
        page = next(self._pages(stream, shard_id, Start.at(first), gone, limit=1))
        found = page.records
        if not len(found) or found.position(0).sequence_number != first.sequence_number:
            raise gone.error("it expired while it was read")

    def _list_shards(self, stream: str) -> list[ShardDescription]:
        request, shards = name_of(stream), list[ShardDescription]()
        while True:
            answer = self._client.list_shards(**request)
            shards += map(shard_of, answer["Shards"])
            if not answer.get("NextToken"):
                return shards
            request = {"NextToken": answer["NextToken"]}

    def _pages(
        self, stream: str, shard_id: str, start: Start, gone: _Gone, *, limit: int | None = None
    ) -> Iterator[Page]:
        cursor = Cursor(stream, shard_id, start, limit=limit)
        while not cursor.is_closed:
            yield self._call(
                stream, f"reading {shard_id}", lambda: self._next_page(stream, shard_id, cursor), gone
            )

    def _next_page(self, stream: str, shard_id: str, cursor: Cursor) -> Page:
        while True:
            operation, parameters = cursor.call()
            if operation == "get_records":
                self._wait_for_turn(stream, shard_id)
            try:
                page = cursor.take(getattr(self._client, operation)(**parameters))
            except Exception as error:
                if trouble_of(error) is Trouble.EXPIRED:
                    cursor.renew()
                raise
            if page is not None:
                return page

    def _wait_for_turn(self, stream: str, shard_id: str) -> None:
        now = self._clock()
        due = self._last_read.get((stream, shard_id), now - GET_RECORDS_EVERY_S) + GET_RECORDS_EVERY_S
        if due > now:
            self._sleep(due - now)
        self._last_read[stream, shard_id] = max(now, due)

    def _call(self, stream: str, what: str, call: Callable[[], T], gone: _Gone | None = None) -> T:
        delays = self._backoff.delays()
        while True:
            try:
                return call()
            except Exception as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                delay = next(delays, None) if trouble in {Trouble.PASSING, Trouble.EXPIRED} else None
                if delay is None:
                    raise self._give_up(stream, what, error, trouble, gone) from error
            self._sleep(delay)

    def _give_up(
        self, stream: str, what: str, error: Exception, trouble: Trouble, gone: _Gone | None
    ) -> Exception:
        if gone is None or trouble not in {Trouble.ABSENT, Trouble.INVALID}:
            return unavailable(stream, what, error, trouble)
        # The service says the same of a stream and of a shard that is not there.
        self.describe(stream)
        return gone.error(str(error))


class _Gone(NamedTuple):
    """What is to be said if a range turns out to be gone."""

    stream: str
    shard_id: str
    first: Position | None = None
    last: Position | None = None

    def error(self, why: str) -> RangeExpired:
        ends = [str(end) for end in (self.first, self.last) if end is not None]
        records = f"records {' to '.join(ends)}" if ends else "the records"
        return RangeExpired(
            f"{records} of {self.shard_id} in stream {short_name(self.stream)!r} can't be read: {why}"
        )


def between(raw: RawBatch, first: Position, last: Position) -> RawBatch:
    """The records from `first` to `last`, both included."""
    every = range(len(raw))
    return raw.slice(bisect_left(every, first, key=raw.position), bisect_right(every, last, key=raw.position))


def beyond(raw: RawBatch, position: Position) -> RawBatch:
    """The records after that position."""
    return raw.slice(bisect_right(range(len(raw)), position, key=raw.position), len(raw))


def description_of(answer: dict[str, Any]) -> StreamDescription:
    """What DescribeStreamSummary says."""
    summary = answer["StreamDescriptionSummary"]
    return StreamDescription(
        name=summary["StreamName"],
        arn=summary["StreamARN"],
        created_ms=round(summary["StreamCreationTimestamp"].timestamp() * 1000),
        retention_ms=summary["RetentionPeriodHours"] * 3_600_000,
    )


def shard_of(listed: dict[str, Any]) -> ShardDescription:
    """What ListShards says of a shard."""
    numbers = listed["SequenceNumberRange"]
    ending = numbers.get("EndingSequenceNumber")
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    return ShardDescription(
        shard_id=listed["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        starting=int(numbers["StartingSequenceNumber"]),
        ending=None if ending is None else int(ending),
    )
