"""Where a record stands in a stream: `Position`, and a contiguous range of them: `Span`."""

from __future__ import annotations

import re
from typing import NamedTuple

_POSITION = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)


class Position(NamedTuple):
    """A record's place in its shard, ordered.

    Attributes:
        sequence_number: the Kinesis record's sequence number, as an integer.
        sub_sequence_number: the user record's index in a KPL aggregate; 0 for an ordinary record.
    """

    sequence_number: int
    sub_sequence_number: int = 0

    def __str__(self) -> str:
        """`<sequence>`, or `<sequence>.<sub>` beyond the first user record of an aggregate."""
        if self.sub_sequence_number:
            return f"{self.sequence_number}.{self.sub_sequence_number}"
        return str(self.sequence_number)

    @classmethod
    def parse(cls, text: str) -> Position:
        """The inverse of `str`.

        Raises:
            ValueError: the text is not `<sequence>` or `<sequence>.<sub>`.
        """
        match = _POSITION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no position: <sequence> or <sequence>.<sub> is expected")
        return cls(int(match[1]), int(match[2] or 0))


class Span(NamedTuple):
    """A contiguous range of one shard's records, both ends included."""

    stream: str
    shard_id: str
    first: Position
    last: Position

    def __str__(self) -> str:
        """`<shard>-<first>-<last>`: the name that its objects bear."""
        return f"{self.shard_id}-{self.first}-{self.last}"
