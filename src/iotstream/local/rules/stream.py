"""Records into Kinesis: PutRecords with its limits, and what it refuses tried again."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from iotstream.retry import Backoff

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORDS = 500
MAX_BYTES = 10 * 1024 * 1024
MAX_PARTITION_KEY_CHARS = 256
BACKOFF = Backoff(base_s=0.05, cap_s=2.0, deadline_s=30.0)
"""Between tries by default."""


class Entry(NamedTuple):
    """A record on its way.

    Attributes:
        stream: the stream's name.
        partition_key: 1 to 256 characters.
        data: its bytes.
    """

    stream: str
    partition_key: str
    data: bytes

    @property
    def size(self) -> int:
        """What counts against the limits."""
        return len(self.data) + len(self.partition_key.encode())


class Stopped(Exception):  # noqa: N818 - no error: it was asked for
    """The writer was told to stop before everything was taken."""


class StreamWriter:
    """Puts entries, in order.

    Args:
        client: a boto3 client of Kinesis.
        backoff: between tries; what is refused until its deadline is given back.
        sleep: seconds; for tests. By default it ends early when the writer is told to stop.
    """

    def __init__(
        self, client: Any, *, backoff: Backoff | None = None, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._client = client
        self._backoff = backoff or BACKOFF
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self.refused = 0

    def stop(self) -> None:
        """Try nothing again from now on."""
        self._stopping.set()

    def put(self, entries: Sequence[Entry]) -> dict[int, str]:
        """Put the entries; return the index of each that was not taken, and why.

        Raises:
            Stopped: the writer was told to stop, and some were not taken.
        """
        failed: dict[int, str] = {}
        by_stream: dict[str, list[int]] = defaultdict(list)
        for index, entry in enumerate(entries):
            by_stream[entry.stream].append(index)
        for stream, indexes in by_stream.items():
            for part in _parts(entries, indexes):
                failed |= self._put_part(stream, entries, part)
        return failed

    def _put_part(self, stream: str, entries: Sequence[Entry], part: list[int]) -> dict[int, str]:
        delays = self._backoff.delays()
        while True:
            refused = self._try(stream, entries, part)
            if not refused:
                return {}
            self.refused += len(refused)
            delay = next(delays, None)
            if delay is None:
                return refused
            # Only what was refused goes again, in its order, before anything that follows.
            part = sorted(refused)
            self._sleep(delay)
            if self._stopping.is_set():
                raise Stopped

    def _try(self, stream: str, entries: Sequence[Entry], part: list[int]) -> dict[int, str]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - of an extra

        records = [{"Data": entries[i].data, "PartitionKey": entries[i].partition_key} for i in part]
        try:
            answer = self._client.put_records(StreamName=stream, Records=records)
        except (BotoCoreError, ClientError) as error:
            return dict.fromkeys(part, str(error))
        results = zip(part, answer["Records"], strict=True)
        return {
            index: f"{one['ErrorCode']}: {one.get('ErrorMessage', '')}"
            for index, one in results
            if one.get("ErrorCode")
        }


def _parts(entries: Sequence[Entry], indexes: Sequence[int]) -> Iterator[list[int]]:
    """Indexes cut into calls."""
    part: list[int] = []
    size = 0
    for index in indexes:
        one = entries[index].size
        if part and (len(part) >= MAX_RECORDS or size + one > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(index)
        size += one
    if part:
        yield part
