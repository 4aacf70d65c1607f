"""The decoder in pure Python: the fast way for what is plainly good, the reference for all else.

A record that is one plain object becomes a typed struct (`_columns`), the structs become whole
columns, and the rules are checked over whole columns (`validate`). What does not fit on that way (a
record that is no such object, a value that its column does not take, a row that may break a rule)
goes to the reference decoder, and its answer is put in its place. So the fast way takes nothing that
the reference would not take, and it takes it with the same values.

Records that hold several items have a way of their own in between, so that one bad item does not
send its neighbours the slow way.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import not_
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from iotstream._columns import UNFIT, Structs, build, raw_lines, raw_list, to_array
from iotstream._reference import BLANKS, BOM, Bad, Row, read_item, read_record
from iotstream.decoded import Decoded
from iotstream.rejects import Fault, Reject, Rejects
from iotstream.schema import Schema
from iotstream.unpack import inflate
from iotstream.validate import suspects

SAMPLE_EVERY = 100
"""One record in so many is looked at for fields that the schema does not know."""

CHUNK_RECORDS = 10_000
"""Records decoded at once: a chunk's Python objects should stay in the cache."""
_INDEXES = list(range(CHUNK_RECORDS))
_INDEX_ARRAY = pa.array(_INDEXES, pa.int32())
_BLANK_BYTES = BLANKS.encode()
_BYTES_PER_LEVEL = len('{"":}')
"""An object in an object costs at least so many bytes, an array in an array two."""


@dataclass
class _Work:
    """A chunk on its way: items found the fast way with their places, and the outcomes of the slow way."""

    payloads: Sequence[bytes]
    arrival_ms: pa.Int64Array | None
    items: list[Any]
    records: list[int]
    numbers: list[int]
    packed: set[int] = field(default_factory=set)
    slow: list[tuple[int, int, Row | Bad]] = field(default_factory=list)

    def arrival(self, record: int) -> int | None:
        return None if self.arrival_ms is None else self.arrival_ms[record].as_py()

    @property
    def arrivals(self) -> pa.Int64Array | None:
        """Of the records of the items."""
        if self.arrival_ms is None or len(self.items) == len(self.payloads) == len(set(self.records)):
            return self.arrival_ms
        return self.arrival_ms.take(pa.array(self.records, pa.int32()))


class PythonDecoder:
    """Decodes chunks of payloads by one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._structs = Structs(schema)
        self._known = {one.source[: depth + 1] for one in schema.fields for depth in range(len(one.source))}

    def decode(
        self, payloads: Sequence[bytes], arrival_ms: pa.Int64Array | None, *, offset: int = 0
    ) -> Decoded:
        """Decode a chunk.

        Args:
            payloads: n payloads, at most `CHUNK_RECORDS`; none is a KPL aggregate.
            arrival_ms: int64, n: when each arrived; None where it is unknown.
            offset: added to the index of each record.
        """
        items, failed = self._plain(payloads)
        records = _INDEXES[: len(payloads)]
        if failed:
            records = list(itertools.compress(records, _mask(len(payloads), failed)))
        work = _Work(payloads, arrival_ms, items, records, [0] * len(items))
        for record in failed:
            self._read_failed(record, work)
        columns = self._columns(work)
        return self._assemble(columns, work, offset)

    # --- Records to items ---

    def _plain(self, payloads: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        """The structs of the records that are one plain object each, and the indexes of all others."""
        doubtful = self._doubtful(payloads)
        if doubtful:
            payloads = list(payloads)
            for record in doubtful:
                payloads[record] = b""
        items: list[Any] = []
        failed: list[int] = []
        rest = iter(payloads)
        while True:
            # At a payload that does not fit, `extend` keeps what it has, and `rest` is past it.
            try:
                items.extend(map(self._structs.decode, rest))
            except UNFIT:
                failed.append(len(items) + len(failed))
            else:
                return items, failed

    def _doubtful(self, payloads: Sequence[bytes]) -> set[int]:
        """Records that the struct decoder might take although they break a rule of the whole record.

        It does not look at the bytes of strings that it skips, at the depth, or at the size.
        """
        limits = self._schema.limits
        joined = b"\n".join(payloads)
        longest = max(map(len, payloads), default=0)
        doubtful: set[int] = set()
        if not _is_utf8(joined):
            others = itertools.compress(itertools.count(), map(not_, map(bytes.isascii, payloads)))
            doubtful.update(index for index in others if not _is_utf8(payloads[index]))
        if longest > limits.max_record_bytes:
            doubtful.update(i for i, one in enumerate(payloads) if len(one) > limits.max_record_bytes)
        if longest > limits.max_depth * (2 if b"[" in joined else _BYTES_PER_LEVEL):
            doubtful.update(i for i, one in enumerate(payloads) if _brackets(one) > limits.max_depth)
        return doubtful

    def _read_failed(self, record: int, work: _Work) -> None:
        payload = work.payloads[record]
        items = self._unpack(payload)
        if items is None:
            outcomes = read_record(payload, self._schema, work.arrival(record))
            work.slow += [(record, number, outcome) for number, outcome in enumerate(outcomes)]
            return
        work.packed.add(record)
        for number, item in enumerate(items):
            if isinstance(item, bytes):
                whole = payload if len(items) == 1 else item
                outcome = read_item(item, self._schema, work.arrival(record), whole)
                work.slow.append((record, number, outcome))
            else:
                work.items.append(item)
                work.records.append(record)
                work.numbers.append(number)

    def _unpack(self, payload: bytes) -> list[Any] | None:
        """The items of a record: structs, or the bytes of those that do not fit.

        None where the reference must read the whole record: it has a fault of its own, or it is one
        plain object that did not fit.
        """
        text = _text(payload, self._schema)
        if text is None or not (text is not payload or text[:1] == b"[" or _has_several(text)):
            return None
        try:
            items = (self._structs.decode_list if text[:1] == b"[" else self._structs.decode_lines)(text)
        except UNFIT:
            items = [self._struct_or_bytes(piece) for piece in _pieces(text)]
        fits = 0 < len(items) <= self._schema.limits.max_items
        return items if fits and self._is_shallow(text, len(items)) else None

    def _struct_or_bytes(self, piece: bytes) -> Any:
        try:
            return self._structs.decode(piece)
        except UNFIT:
            return piece

    def _is_shallow(self, text: bytes, items: int) -> bool:
        """Whether no document is deeper than allowed; each item but the deepest has a bracket of its own."""
        most = self._schema.limits.max_depth
        outer = 1 if text[:1] == b"[" else 0
        if _brackets(text) - (items - 1) <= most:
            return True
        return all(_brackets(piece) + outer <= most for piece in _pieces(text))

    # --- Items to columns ---

    def _columns(self, work: _Work) -> list[pa.Array]:
        """The columns of the items; those that may break a rule are taken out and read the slow way."""
        if not work.items:
            return [to_array(one, []) for one in self._schema.fields]
        columns: list[pa.Array] = []
        bad: set[int] = set()
        for one, values in zip(self._schema.fields, self._structs.columns(work.items), strict=True):
            column, rows = build(one, values)
            columns.append(column)
            bad.update(rows)
        bad |= suspects(columns, self._schema, work.arrivals)
        if not bad:
            return columns
        self._read_again(sorted(bad), work)
        mask = _mask(len(work.items), bad)
        work.records = list(itertools.compress(work.records, mask))
        work.numbers = list(itertools.compress(work.numbers, mask))
        keep = pa.Array.from_buffers(pa.uint8(), len(mask), [None, pa.py_buffer(mask)]).cast(pa.bool_())
        return [column.filter(keep) for column in columns]

    def _read_again(self, rows: Sequence[int], work: _Work) -> None:
        pieces: dict[int, list[bytes]] = {}
        for row in rows:
            record, number = work.records[row], work.numbers[row]
            payload, arrival = work.payloads[record], work.arrival(record)
            if record in work.packed:
                if record not in pieces:
                    pieces[record] = _pieces(_text(payload, self._schema) or b"")
                items = pieces[record]
                whole = payload if len(items) == 1 else items[number]
                outcome = read_item(items[number], self._schema, arrival, whole)
            else:
                (outcome,) = read_record(payload, self._schema, arrival)
            work.slow.append((record, number, outcome))

    # --- Columns to rows and rejects ---

    def _assemble(self, columns: list[pa.Array], work: _Work, offset: int) -> Decoded:
        work.slow.sort(key=lambda one: one[:2])
        rejects = Rejects(
            Reject(
                record + offset,
                number,
                outcome.fault.reason,
                outcome.field,
                outcome.fault.detail,
                outcome.payload,
            )
            for record, number, outcome in work.slow
            if isinstance(outcome, Bad)
        )
        columns = self._splice(columns, work)
        untouched = len(work.records) == len(work.payloads) and not work.packed and not work.slow
        record = _INDEX_ARRAY[: len(work.records)] if untouched else pa.array(work.records, pa.int32())
        return Decoded(
            data=pa.RecordBatch.from_arrays(columns, schema=self._schema.arrow),
            rejects=rejects,
            record=pc.add(record, pa.scalar(offset, pa.int32())) if offset else record,
            item=pa.array(work.numbers, pa.int32()),
            extra_fields=self._extra_fields(work.payloads),
        )

    def _splice(self, columns: list[pa.Array], work: _Work) -> list[pa.Array]:
        """Put the rows of the slow way, and those of packed records, into the order of the input."""
        rows = [(record, number, one.values) for record, number, one in work.slow if isinstance(one, Row)]
        if rows:
            added = zip(*(values for _, _, values in rows), strict=True)
            columns = [
                pa.concat_arrays([column, to_array(one, values)])
                for column, one, values in zip(columns, self._schema.fields, added, strict=True)
            ]
            work.records += [record for record, _, _ in rows]
            work.numbers += [number for _, number, _ in rows]
        if not rows and not work.packed:
            return columns
        keys = list(zip(work.records, work.numbers, strict=True))
        order = sorted(range(len(keys)), key=keys.__getitem__)
        work.records = [work.records[row] for row in order]
        work.numbers = [work.numbers[row] for row in order]
        return [column.take(pa.array(order, pa.int32())) for column in columns]

    def _extra_fields(self, payloads: Sequence[bytes]) -> Counter[str]:
        """Names that the schema does not know, in one record of a hundred that is a plain object."""
        counts: Counter[str] = Counter()
        for payload in payloads[::SAMPLE_EVERY]:
            try:
                item = orjson.loads(payload)
            except orjson.JSONDecodeError:
                continue
            if isinstance(item, dict):
                counts.update(_unknown(item, (), self._known))
        return counts


def _mask(length: int, places: Iterable[int]) -> bytearray:
    """1, and 0 at the places."""
    mask = bytearray(b"\1") * length
    for place in places:
        mask[place] = 0
    return mask


def _unknown(item: dict[str, Any], above: tuple[str, ...], known: set[tuple[str, ...]]) -> Iterator[str]:
    """Dotted names of what no field's path leads to, through the objects that paths lead through."""
    for key, value in item.items():
        path = (*above, key)
        if path not in known:
            yield ".".join(path)
        elif isinstance(value, dict):
            yield from _unknown(value, path, known)


def _text(payload: bytes, schema: Schema) -> bytes | None:
    """The record's text, blanks and BOM stripped; None if the record has a fault as a whole."""
    text = inflate(payload, schema.limits)
    if isinstance(text, Fault):
        return None
    text = text.removeprefix(BOM).strip(_BLANK_BYTES)
    return text if text and _is_utf8(text) else None


def _has_several(text: bytes) -> bool:
    return b"\n" in text or b"}{" in text


def _pieces(text: bytes) -> list[bytes]:
    """The items of a text, each as its bytes; none where only the reference can tell."""
    array = text[:1] == b"["
    try:
        pieces = [bytes(piece) for piece in (raw_list(text) if array else raw_lines(text))]
    except UNFIT:
        return []
    nested = not array and any(piece[:1] == b"[" for piece in pieces)
    return [] if nested else pieces


def _brackets(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
