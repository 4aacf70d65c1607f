"""The MultiLang protocol between KCL's daemon and the process of one shard: a line of JSON a message.

The daemon writes an action to the process's standard input; the process answers on standard output
with a status that names the action, when it is done with it, and may ask for checkpoints before.
https://github.com/awslabs/amazon-kinesis-client/tree/v3.1.3/amazon-kinesis-client-multilang/src/main/java/software/amazon/kinesis/multilang

`amazon_kclpy` has a loop for this too. It isn't used: it answers with success when a handler has raised,
so that the next checkpoint passes over what failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec
import pyarrow as pa

from iotstream._native import native
from iotstream.errors import StreamUnavailable
from iotstream.position import Position
from iotstream.records import RawBatch

if TYPE_CHECKING:
    from iotstream_native import Records

SHARD_END = "SHARD_END"
"""The checkpoint of a shard that is read to its end."""
FIRST_BUFFER_BYTES = 1 << 20
"""Of the lines' buffer. It grows to the longest line: some 14 MB for a page of 10 MB."""


class DaemonGone(StreamUnavailable):
    """The daemon has ended before it was done with this process."""


class Record(msgspec.Struct, rename="camel", gc=False):
    """A record, or a user record of a KPL aggregate, which the daemon takes apart.

    Attributes:
        data: the payload; base64 in the message.
        sequence_number: decimal.
        sub_sequence_number: index in the aggregate; 0 for other records.
        approximate_arrival_timestamp: ms since the epoch.
    """

    data: bytes
    sequence_number: str
    sub_sequence_number: int | None = 0
    approximate_arrival_timestamp: int | None = None


class Initialize(msgspec.Struct, rename="camel", tag_field="action", tag="initialize"):
    """The first message: which shard, and its checkpoint, after which records follow.

    Attributes:
        shard_id: the shard.
        sequence_number: decimal, or TRIM_HORIZON, LATEST, AT_TIMESTAMP, SHARD_END.
        sub_sequence_number: of the checkpoint.
    """

    shard_id: str
    sequence_number: str | None = None
    sub_sequence_number: int | None = 0

    @property
    def checkpoint(self) -> Position | None:
        """The checkpoint, if it is a position."""
        number = self.sequence_number or ""
        return Position(int(number), self.sub_sequence_number or 0) if number.isdecimal() else None

    @property
    def read_after(self) -> str | None:
        """The checkpoint as text: a position, TRIM_HORIZON, LATEST or AT_TIMESTAMP; None: it isn't said."""
        if self.sequence_number is None or self.sequence_number == SHARD_END:
            return None
        return self.sequence_number if self.checkpoint is None else str(self.checkpoint)


class ProcessRecords(msgspec.Struct, rename="camel", tag_field="action", tag="processRecords"):
    """The next records, in order; none, if it is an idle shard's.

    Attributes:
        records: up to 10,000, or more if aggregates have been taken apart.
        millis_behind_latest: how far behind the shard's tip reading is.
    """

    records: list[Record]
    millis_behind_latest: int | None = None


@dataclass(frozen=True)
class ProcessColumns:
    """`ProcessRecords` as the compiled kernel reads it: the records as columns."""

    records: Records

    @property
    def millis_behind_latest(self) -> int | None:
        """How far behind the shard's tip reading is."""
        return self.records.millis_behind_latest


class LeaseLost(msgspec.Struct, tag_field="action", tag="leaseLost"):
    """The shard is no longer this process's; no checkpoint is taken any more."""


class ShardEnded(msgspec.Struct, tag_field="action", tag="shardEnded"):
    """The shard is read to its end. A checkpoint must follow before the status."""


class ShutdownRequested(msgspec.Struct, tag_field="action", tag="shutdownRequested"):
    """The daemon ends, or hands the shard over, after the status. The last chance of a checkpoint."""


class Checkpoint(msgspec.Struct, rename="camel", tag_field="action", tag="checkpoint"):
    """The answer to a checkpoint.

    Attributes:
        error: the exception's name; None: it is taken.
        sequence_number, sub_sequence_number: what was asked for.
    """

    error: str | None = None
    sequence_number: str | None = None
    sub_sequence_number: int | None = None


Action = Initialize | ProcessRecords | ProcessColumns | LeaseLost | ShardEnded | ShutdownRequested
Message = Action | Checkpoint

_decoder = msgspec.json.Decoder(
    Initialize | ProcessRecords | LeaseLost | ShardEnded | ShutdownRequested | Checkpoint
)


def decode_message(line: bytes | memoryview) -> Message:
    """A line as a message.

    Raises:
        StreamUnavailable: it is none, so the daemon isn't of a version that is known.
    """
    columns = None if native is None else native.read_message(line)
    if columns is not None:
        return ProcessColumns(columns)
    return decode_message_in_python(line)


def decode_message_in_python(line: bytes | memoryview) -> Message:
    """The same, without the kernel.

    Raises:
        StreamUnavailable: it is none.
    """
    try:
        message: Message = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        start = bytes(line[:200]).decode(errors="replace")
        raise StreamUnavailable(
            f"KCL's daemon sent what is no message of its protocol: {error}; it begins {start!r}. "
            "Install the version that is known: pip install 'iotstream[kcl]'"
        ) from error
    return message


def to_raw_batch(message: ProcessRecords | ProcessColumns, stream: str, shard_id: str) -> RawBatch:
    """The records as columns.

    Args:
        message: n records.
        stream: the stream's name.
        shard_id: the shard.
    """
    if isinstance(message, ProcessColumns):
        return RawBatch.of_columns(message.records, stream=stream, shard_id=shard_id, deaggregated=True)
    records = message.records
    subs = [one.sub_sequence_number or 0 for one in records]
    return RawBatch(
        payloads=[one.data for one in records],
        sequence_numbers=[one.sequence_number for one in records],
        sub_sequence_numbers=subs if any(subs) else None,
        arrival_ms=pa.array([one.approximate_arrival_timestamp for one in records], pa.int64()),
        stream=stream,
        shard_id=shard_id,
        deaggregated=True,
    )


def _name(message: Message) -> object:
    """What the protocol calls it."""
    kind = ProcessRecords if isinstance(message, ProcessColumns) else type(message)
    return kind.__struct_config__.tag


class Source(Protocol):
    """A pipe, or what is read like one: `io.FileIO`, `io.BytesIO`."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read what is there, at least a byte, into the buffer; how many bytes, 0 at the end."""
        ...


class _Lines:
    """A pipe's lines, read into one buffer that stays.

    `readline` would put a line of megabytes together from as many pieces as the pipe gives it in, and into
    new memory each time: that takes two to six times as long.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = bytearray(FIRST_BUFFER_BYTES)
        self._start = self._end = 0

    def next(self) -> memoryview | None:
        """The next line; None: the end, which a line that was cut off is too.

        The line must be released before the next one is asked for.
        """
        looked_at = self._start
        while (newline := self._buffer.find(b"\n", looked_at, self._end)) < 0:
            looked_at = self._end - self._make_room()
            with memoryview(self._buffer) as whole, whole[self._end :] as room:
                count = self._source.readinto(room)
            if not count:
                return None
            self._end += count
        line = memoryview(self._buffer)[self._start : newline + 1]
        self._start = newline + 1
        return line

    def _make_room(self) -> int:
        """Have the rest begin at the start, and space after it; by how many bytes it was moved."""
        moved, rest = self._start, self._end - self._start
        if moved:
            self._buffer[:rest] = self._buffer[moved : self._end]
            self._start, self._end = 0, rest
        if rest == len(self._buffer):
            self._buffer.extend(bytes(rest))
        return moved


class Channel:
    """The process's side of the protocol.

    Args:
        source: where the daemon's lines come from, unbuffered.
        target: where ours go, unbuffered.
    """

    def __init__(self, source: Source, target: BinaryIO) -> None:
        self._lines = _Lines(source)
        self._target = target

    def receive(self) -> Message | None:
        """The next message; None: the daemon is gone, or done with this process.

        Raises:
            StreamUnavailable: the line is no message.
        """
        line = self._lines.next()
        if line is None:
            return None
        with line:
            return decode_message(line)

    def acknowledge(self, action: Action) -> None:
        """Say that an action is done with.

        Raises:
            DaemonGone: there is nobody to hear it.
        """
        self._send({"action": "status", "responseFor": _name(action)})

    def checkpoint(self, position: Position | None) -> str | None:
        """Ask for a checkpoint.

        Args:
            position: everything up to it is durable; None: the shard's end.

        Returns:
            The name of the exception for which it wasn't taken; None: it is taken.

        Raises:
            DaemonGone: there was no answer.
            StreamUnavailable: it was another message.
        """
        numbers = (None, None) if position is None else (str(position[0]), position[1])
        self._send({"action": "checkpoint", "sequenceNumber": numbers[0], "subSequenceNumber": numbers[1]})
        answer = self.receive()
        if answer is None:
            raise DaemonGone("KCL's daemon ended before it answered a checkpoint")
        if not isinstance(answer, Checkpoint):
            raise StreamUnavailable(f"KCL's daemon answered a checkpoint with {_name(answer)}")
        return answer.error

    def _send(self, message: dict[str, object]) -> None:
        try:
            self._target.write(msgspec.json.encode(message) + b"\n")
        except BrokenPipeError as error:
            raise DaemonGone("KCL's daemon ended before it was answered") from error
