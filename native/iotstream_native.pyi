"""The compiled kernel of iotstream: bytes from the stream in, Arrow memory out."""

from collections.abc import Sequence
from typing import Any, TypeAlias, final

from typing_extensions import Buffer as BytesLike

__version__: str

@final
class Buffer:
    """Read-only memory with the buffer protocol: `pyarrow.py_buffer(buffer)` reads it in place."""

    def __len__(self) -> int:
        """The length in bytes."""

    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Decoder:
    """Decodes payloads by one schema. It does not change, so threads may share it."""

    def __new__(cls, fields: Sequence[dict[str, Any]], limits: dict[str, Any]) -> Decoder:
        """A decoder for a schema.

        Args:
            fields: in the schema's order, each with `name`; `source`, a list of keys; `type`; `time`, whether
                it is the event time; `encoding`; `optional`, whether it may be missing or null; `nullable`;
                `default`, or None (of a timestamp: int ms); `lenient`; `min` and `max`, as values of the
                column, or None; `max_length`, or None; `pattern`, whether there is one: the caller checks it.
            limits: `max_record_bytes`, `max_inflated_bytes`, `max_items`, `max_depth`, and `max_age_ms` and
                `max_ahead_ms`, each of which may be None.

        Raises:
            ValueError: a key is missing or of another type, or one source leads through another.
        """

    def decode(self, payloads: list[bytes] | tuple[bytes, ...], arrival_ms: BytesLike | None = None) -> Chunk:
        """Decode n payloads, none of which is a KPL aggregate. Other threads run meanwhile.

        Args:
            payloads: n of them.
            arrival_ms: n int64, in the machine's order: when each arrived; -2^63 where it is unknown.

        Raises:
            TypeError: a payload is not bytes.
            ValueError: `arrival_ms` is of another length.
            OverflowError: more than 2^31 - 1 rows, or bytes in a column of strings.
        """

    def decode_column(
        self, offsets: BytesLike, data: BytesLike, arrival_ms: BytesLike | None = None
    ) -> Chunk:
        """The same for a column of payloads.

        Args:
            offsets: n + 1 int32, in the machine's order, into the data.
            data: the payloads' bytes.
            arrival_ms: as for `decode`. Nobody may write to any of the three meanwhile.

        Raises:
            ValueError: the offsets do not rise or lead beyond the data, or as for `decode`.
            OverflowError: as for `decode`.
        """

@final
class Chunk:
    """What became of payloads: rows, rejects, and records that are left to the reference decoder."""

    @property
    def rows(self) -> int:
        """How many."""

    @property
    def columns(self) -> list[tuple[Buffer | None, Buffer, Buffer | None]]:
        """Of each field, in the schema's order, its memory as Arrow has it.

        That is the validity, or None if no row is null; the values (of a timestamp int64 ms; of a string its
        int32 offsets); and the bytes of strings, or None.
        """

    @property
    def record(self) -> Buffer | None:
        """int32 for each row, the index of its record; None if each record became one row."""

    @property
    def item(self) -> Buffer | None:
        """int32 for each row, its number in the record; None if each record became one row."""

    @property
    def reject_record(self) -> list[int]:
        """Of each reject, the index of its record. They are in the order of records and items."""

    @property
    def reject_item(self) -> list[int]:
        """Its number in the record."""

    @property
    def reject_reason(self) -> list[str]:
        """Its code, of `iotstream.rejects.Reason`."""

    @property
    def reject_field(self) -> list[int]:
        """The index of the field at fault; -1 where the item as a whole is."""

    @property
    def reject_payload(self) -> list[bytes | None]:
        """The item's own bytes; None where that is the record as it came."""

    @property
    def undecided(self) -> list[int]:
        """The records, rising, of which nothing is among the rows and rejects."""

@final
class Records:
    """The records of an envelope, all of one shard, in order."""

    @property
    def count(self) -> int:
        """How many: n."""

    @property
    def payload_offsets(self) -> Buffer:
        """Where each payload begins in `payload_data`, and where the last one ends: n + 1 int32."""

    @property
    def payload_data(self) -> Buffer:
        """The payloads, one after the other."""

    @property
    def sequence_offsets(self) -> Buffer:
        """Where each begins in `sequence_data`, and where the last one ends: n + 1 int32."""

    @property
    def sequence_data(self) -> Buffer:
        """The sequence numbers, in decimal digits."""

    @property
    def arrival_ms(self) -> Buffer:
        """When each arrived in the stream: n int64."""

    @property
    def sub_sequence_numbers(self) -> Buffer | None:
        """Of each its number in its aggregate: n int64; None if all are 0."""

    @property
    def shard_id(self) -> str:
        """Empty where the envelope does not say."""

    @property
    def stream_arn(self) -> str:
        """Empty where the envelope does not say."""

    @property
    def millis_behind_latest(self) -> int | None:
        """How far the records lie behind the stream's end; None where the envelope does not say."""

def read_event(data: BytesLike) -> Records | None:
    """The records of the JSON of a Lambda event of a Kinesis mapping; None if it is not plainly that."""

def read_records(records: list[dict[str, Any]]) -> Records | None:
    """The same of its `Records`, which the runtime has parsed."""

def read_message(line: BytesLike) -> Records | None:
    """The records of a line of the MultiLangDaemon, `processRecords`; None if it is not plainly that."""

def read_page(answer: BytesLike) -> tuple[Records, bytes] | None:
    """The records of an answer of GetRecords, and the answer without them; None if it is not plainly one."""

def may_hold_aggregates(payloads: Sequence[bytes]) -> bool:
    """Whether a payload begins as a KPL aggregate does.

    Raises:
        TypeError: a payload is not bytes.
    """

def may_hold_aggregates_column(offsets: BytesLike, data: BytesLike) -> bool:
    """The same of a column: n + 1 int32 offsets into the data.

    Raises:
        ValueError: the offsets do not rise or lead beyond the data.
    """

def split_aggregates(offsets: BytesLike, data: BytesLike) -> list[Buffer]:
    """The user records of a column's KPL aggregates, and its other payloads as they are.

    Returns:
        n + 1 int32 offsets; the bytes that they count; n int64, the index of the payload that each came in;
        n int64, its number in there. An aggregate that holds none gives one that is empty.

    Raises:
        ValueError: the offsets do not rise or lead beyond the data.
    """

def inflate_text(payload: bytes, max_inflated: int) -> bytes | None:
    """The text of a payload, decompressed where it is compressed; None where only the reference can tell."""

Column: TypeAlias = tuple[str, BytesLike, BytesLike | None, BytesLike | None, int]
"""The memory of an Arrow array: its kind, "bool", "int32", "int64", "float32", "float64" or "string"; its
values (of strings their int32 offsets); its validity, or None; its texts, or None; the index of its first
value in there. Nobody may write to it while it is read."""

def mix_rows(rows: int, columns: Sequence[tuple[int, Column]]) -> int:
    """The sum of the rows' hashes modulo 2^64, as `iotstream.row_hash` has them.

    Args:
        rows: how many.
        columns: each with its seed.

    Raises:
        ValueError: a column's memory has fewer rows, or its kind is none of these.
    """

def write_rows(
    rows: int, groups: Sequence[tuple[str, Sequence[tuple[str, Column, str]], str]]
) -> tuple[Buffer, Buffer]:
    """Rows as JSON text. Other threads run meanwhile.

    Args:
        rows: how many: n.
        groups: of each the text before, its elements, between which commas are put, and the text behind. Of
            each element the text before its value, the column, and the text behind the value. Where a value
            is null the element is not there.

    Returns:
        The rows' text, one after the other, and n + 1 int64: where each begins in there, and where the last
        one ends.

    Raises:
        ValueError: a column's memory has fewer rows, or its kind is none of these.
    """
