"""Bad data as a value: `Reason`, the closed list of codes, and `Rejects`, the rows that bear them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Reason(StrEnum):
    """Why an item was rejected. The codes are stable, and their order decides which one is named.

    A record's reasons come first; then, for the first faulty field in the schema's order, the first
    reason that holds. `SINK` is not the decoder's: a sink refused the row for good.
    """

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BAD_COMPRESSION = "bad_compression"
    TOO_MANY = "too_many"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"

    NOT_OBJECT = "not_object"
    MISSING = "missing"
    NULL = "null"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    BAD_STRING = "bad_string"
    BAD_TIME = "bad_time"
    OUT_OF_BOUNDS = "out_of_bounds"
    TOO_LONG = "too_long"
    PATTERN = "pattern"
    TIME_OUT_OF_BOUNDS = "time_out_of_bounds"

    SINK = "sink"


class Fault(NamedTuple):
    """Why something can't be taken: a reason, and the detail in words."""

    reason: Reason
    detail: str


class Reject(NamedTuple):
    """One rejected item.

    Attributes:
        record: index of its record in the batch.
        item: index of the item within its record.
        reason: why.
        field: the column at fault, or "" where the record as a whole is.
        detail: the fault in words, with the value.
        payload: the raw bytes: the record as it came if it is rejected as a whole or holds one item
            only, else the bytes of this item.
    """

    record: int
    item: int
    reason: Reason
    field: str
    detail: str
    payload: bytes


class Rejects:
    """The rejected items of a batch, ordered by record and item.

    Attributes:
        reasons: of each.
    """

    __slots__ = ("_read", "_rows", "reasons")

    def __init__(self, rows: Iterable[Reject] = ()) -> None:
        self._rows: list[Reject] | None = list(rows)
        self.reasons: Sequence[Reason] = [row.reason for row in self._rows]
        self._read: Callable[[], Iterable[Reject]] | None = None

    @classmethod
    def later(cls, reasons: Sequence[Reason], read: Callable[[], Iterable[Reject]]) -> Rejects:
        """Rejects of which, until somebody looks at one, no more is made than their reasons.

        Args:
            reasons: n reasons, in the order of the rejects.
            read: gives the n rejects; called once.
        """
        later = cls()
        later._rows, later.reasons, later._read = None, reasons, read
        return later

    @classmethod
    def joined(cls, parts: Sequence[Rejects]) -> Rejects:
        """The rejects of several batches, one after the other."""
        reasons = [reason for part in parts for reason in part.reasons]
        return cls.later(reasons, lambda: (row for part in parts for row in part))

    def __len__(self) -> int:
        return len(self.reasons)

    def __iter__(self) -> Iterator[Reject]:
        if self._rows is None:
            assert self._read is not None
            self._rows, self._read = list(self._read()), None
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"Rejects({dict(self.by_reason())})"

    def by_reason(self) -> Counter[str]:
        """How many items bear each reason."""
        return Counter(map(str, self.reasons))

    def to_pylist(self) -> list[dict[str, Any]]:
        """A dict for each: `record`, `item`, `reason`, `field`, `detail`, `payload`."""
        return [{**row._asdict(), "reason": str(row.reason)} for row in self]
