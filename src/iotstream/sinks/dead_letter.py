"""Dead letters: rejected items as gzipped JSON lines, each with its reason, place and raw bytes."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from iotstream.batch import Batch, DeadLetter
from iotstream.position import Span
from iotstream.rejects import Rejects
from iotstream.sinks.objects import Object, ObjectStore

UNKNOWN_DAY = "unknown"
"""The day of letters whose record's arrival time is not known."""


class DeadLetterSink:
    """Writes a span's dead letters, by day of arrival.

    The decoder's rejects make one object; what a hot sink refused stands beside it in an object named
    after that sink, since those rows are in the lake all the same.
    """

    name = "dead_letter"

    def __init__(self, store: ObjectStore, schema_fingerprint: str) -> None:
        self._store = store
        self._schema = schema_fingerprint

    def write(self, batch: Batch) -> Rejects:
        """Put the span's dead letters.

        Raises:
            SinkUnavailable: they could not be put.
        """
        self._store.put_new(one.object for one in objects(batch.dead_letters, batch.span, self._schema))
        return Rejects()

    def close(self) -> None:
        """Nothing to do: connections are the store's."""


class Letters(NamedTuple):
    """An object of dead letters.

    Attributes:
        object: its key and bytes.
        lines: how many letters.
        sink: the sink that refused the rows; empty: the decoder rejected the items.
    """

    object: Object
    lines: int
    sink: str


def objects(letters: Iterable[DeadLetter], span: Span, schema: str) -> Iterator[Letters]:
    """The objects of a span's dead letters.

    Args:
        letters: in order.
        span: what they come from.
        schema: fingerprint of the schema that rejected them.
    """
    groups: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for letter in letters:
        groups[_day(letter.arrival_ms), letter.sink].append(line(letter, span, schema))
    for (day, sink), lines in groups.items():
        key = f"dt={day}/{span}{'.' if sink else ''}{sink}.jsonl.gz"
        # No time in gzip's header: the same letters make the same bytes.
        body = gzip.compress(b"".join(lines), compresslevel=6, mtime=0)
        yield Letters(Object(key, body), len(lines), sink)


def line(letter: DeadLetter, span: Span, schema: str) -> bytes:
    """One letter as a JSON line. Sequence numbers are text: JSON's numbers are too small for them."""
    return orjson.dumps(
        {
            "stream": span.stream,
            "shard_id": span.shard_id,
            "sequence_number": str(letter.position.sequence_number),
            "sub_sequence_number": letter.position.sub_sequence_number,
            "item": letter.item,
            "arrival_time": _iso(letter.arrival_ms),
            "sink": letter.sink,
            "reason": letter.reason,
            "field": letter.field,
            "detail": letter.detail,
            "schema": schema,
            "payload": base64.b64encode(letter.payload).decode(),
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _day(arrival_ms: int | None) -> str:
    return UNKNOWN_DAY if arrival_ms is None else _time(arrival_ms).date().isoformat()


def _iso(arrival_ms: int | None) -> str | None:
    if arrival_ms is None:
        return None
    return _time(arrival_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(ms: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
