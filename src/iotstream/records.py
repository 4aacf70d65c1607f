"""`RawBatch`: the records of one shard as they came, in order, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, overload

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.position import Position, Span

if TYPE_CHECKING:
    from iotstream_native import Records

T = TypeVar("T", bytes, str)


class Column(Sequence[T]):
    """An Arrow column of bytes or of texts, read like a list of them.

    What came in one message stays in one buffer; a Python object is made only of what is looked at.

    Args:
        array: n values, none of them null.
    """

    __slots__ = ("array",)

    def __init__(self, array: pa.BinaryArray | pa.StringArray) -> None:
        self.array = array

    @classmethod
    def of_bytes(cls, offsets: object, data: object) -> Column[bytes]:
        """A column over memory that is not copied: n + 1 int32 offsets into the data."""
        return Column(_strings(pa.binary(), offsets, data))

    @classmethod
    def of_texts(cls, offsets: object, data: object) -> Column[str]:
        """The same of UTF-8."""
        return Column(_strings(pa.string(), offsets, data))

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Column[T]: ...
    def __getitem__(self, index: int | slice) -> T | Column[T]:
        if isinstance(index, slice):
            return Column(self.array[index])
        value: T = self.array[index].as_py()
        return value

    def __iter__(self) -> Iterator[T]:
        return iter(self.array.to_pylist())

    @property
    def buffers(self) -> tuple[pa.Buffer, pa.Buffer]:
        """Where each value begins and the last one ends, int32, n + 1; and the bytes that these count."""
        _, offsets, data = self.array.buffers()
        width = pa.int32().byte_width
        start = self.array.offset * width
        return offsets.slice(start, (len(self.array) + 1) * width), data

    @property
    def total(self) -> int:
        """Bytes of all values."""
        ends = memoryview(self.buffers[0]).cast("i")
        return ends[-1] - ends[0]


def _strings(kind: pa.DataType, offsets: object, data: object) -> pa.Array:
    starts = pa.py_buffer(offsets)
    return pa.Array.from_buffers(kind, starts.size // 4 - 1, [None, starts, pa.py_buffer(data)])


def arrivals_of(seconds: Sequence[float]) -> pa.Int64Array:
    """Arrival times, ms since the epoch, of the seconds that Kinesis gives."""
    return pc.round(pc.multiply(pa.array(seconds, pa.float64()), 1000)).cast(pa.int64())


def size(values: Sequence[bytes]) -> int:
    """Bytes of all of them."""
    return values.total if isinstance(values, Column) else sum(map(len, values))


SIZED = 64
"""Of a list so many values are looked at, to tell about how large all are."""


def about_size(values: Sequence[bytes]) -> int:
    """About how many bytes all of them are: to look at each would cost a tenth of decoding it."""
    if isinstance(values, Column) or len(values) <= SIZED:
        return size(values)
    some = values[:: len(values) // SIZED]
    return size(some) * len(values) // len(some)


@dataclass(frozen=True, kw_only=True, eq=False)
class RawBatch:
    """Records of one shard, in the order of the shard.

    Attributes:
        payloads: n payloads, as they came.
        sequence_numbers: n decimal texts; turned into integers only where a position is asked for.
        sub_sequence_numbers: n indexes within a KPL aggregate, or None if none is an aggregate's.
        arrival_ms: int64, n: the stream's arrival time, ms since the epoch; None where it is unknown.
        stream: the stream's name.
        shard_id: the shard.
        deaggregated: KPL aggregates have been taken apart already (KCL does that), so that a payload
            which looks like one is a device's own bytes.
    """

    payloads: Sequence[bytes]
    sequence_numbers: Sequence[str]
    sub_sequence_numbers: Sequence[int] | None = None
    arrival_ms: pa.Int64Array | None = None
    stream: str = ""
    shard_id: str = ""
    deaggregated: bool = False

    def __post_init__(self) -> None:
        """See that all columns are of one length.

        Raises:
            ValueError: one is not.
        """
        for name in ("sequence_numbers", "sub_sequence_numbers", "arrival_ms"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.payloads):
                raise ValueError(f"{name} has {len(column)} values for {len(self.payloads)} payloads")

    @classmethod
    def of_columns(
        cls, records: Records, *, stream: str = "", shard_id: str = "", deaggregated: bool = False
    ) -> RawBatch:
        """The compiled kernel's records, with the names that the source knows; no object for each record."""
        subs = records.sub_sequence_numbers
        arrival = pa.py_buffer(records.arrival_ms)
        return cls(
            payloads=Column.of_bytes(records.payload_offsets, records.payload_data),
            sequence_numbers=Column.of_texts(records.sequence_offsets, records.sequence_data),
            sub_sequence_numbers=None if subs is None else memoryview(subs).cast("q"),
            arrival_ms=pa.Array.from_buffers(pa.int64(), records.count, [None, arrival]),
            stream=stream,
            shard_id=shard_id,
            deaggregated=deaggregated,
        )

    def __len__(self) -> int:
        return len(self.payloads)

    @cached_property
    def payload_bytes(self) -> int:
        """Bytes of all payloads."""
        return size(self.payloads)

    def position(self, record: int) -> Position:
        """The position of the record at that index."""
        sub = self.sub_sequence_numbers[record] if self.sub_sequence_numbers is not None else 0
        return Position(int(self.sequence_numbers[record]), sub)

    @property
    def span(self) -> Span:
        """From the first record to the last.

        Raises:
            IndexError: there is no record.
        """
        return Span(self.stream, self.shard_id, self.position(0), self.position(len(self) - 1))

    def slice(self, start: int, stop: int) -> RawBatch:
        """The records from index `start` up to, not including, `stop`."""
        subs, arrival = self.sub_sequence_numbers, self.arrival_ms
        return RawBatch(
            payloads=self.payloads[start:stop],
            sequence_numbers=self.sequence_numbers[start:stop],
            sub_sequence_numbers=None if subs is None else subs[start:stop],
            arrival_ms=None if arrival is None else arrival.slice(start, stop - start),
            stream=self.stream,
            shard_id=self.shard_id,
            deaggregated=self.deaggregated,
        )
