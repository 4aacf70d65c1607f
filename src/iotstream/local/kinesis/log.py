"""The records that one shard retains, in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import Final

import msgspec

_ARRIVAL: Final = attrgetter("ApproximateArrivalTimestamp")
_COMPACT_FROM: Final = 1024


# gc=False: a record refers to no container, and a stream may hold millions of them.
class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A record as GetRecords returns it; its fields are the service's. Arrival is in epoch seconds."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: float
    Data: bytes
    PartitionKey: str
    EncryptionType: str | None = None


class Log:
    """Records with their sequence numbers and running total of bytes, addressed by index.

    An index counts from the oldest record retained and is valid until the next `trim`.
    """

    __slots__ = ("_head", "_numbers", "_records", "_totals")

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._records: list[Record] = []
        self._totals: list[int] = []
        # Records before this index are trimmed; removing them from the lists at once would move the rest.
        self._head = 0

    def __len__(self) -> int:
        return len(self._records) - self._head

    def append(self, sequence_number: int, record: Record, size: int) -> None:
        """Add the newest record; `size` is what it counts against throughput, in bytes."""
        self._totals.append(self._totals[-1] + size if self._totals else size)
        self._numbers.append(sequence_number)
        self._records.append(record)

    def index_of(self, sequence_number: int) -> int:
        """Index of the first record at or after a sequence number."""
        return bisect_left(self._numbers, sequence_number, self._head) - self._head

    def number_at(self, index: int) -> int:
        """Sequence number of a record."""
        return self._numbers[self._head + index]

    def number_from(self, timestamp: float) -> int | None:
        """Sequence number of the first record that arrived at or after a time; None if there is none."""
        index = bisect_left(self._records, timestamp, self._head, key=_ARRIVAL)
        return self._numbers[index] if index < len(self._numbers) else None

    def read(self, index: int, max_records: int, max_bytes: int) -> tuple[list[Record], int]:
        """Records from an index on and their bytes: the most that fits, at least one if there is one."""
        start = self._head + index
        before = self._totals[start - 1] if start else 0
        stop = max(bisect_right(self._totals, before + max_bytes, start), start + 1)
        records = self._records[start : min(stop, start + max_records)]
        if not records:
            return records, 0
        return records, self._totals[start + len(records) - 1] - before

    def trim(self, before: float) -> None:
        """Drop what arrived before a time."""
        if len(self) == 0 or self._records[self._head].ApproximateArrivalTimestamp >= before:
            return
        self._head = bisect_left(self._records, before, self._head, key=_ARRIVAL)
        if self._head >= max(_COMPACT_FROM, len(self._records) // 2):
            self._compact()

    def _compact(self) -> None:
        kept = self._totals[self._head - 1]
        self._totals = [total - kept for total in self._totals[self._head :]]
        del self._numbers[: self._head]
        del self._records[: self._head]
        self._head = 0
