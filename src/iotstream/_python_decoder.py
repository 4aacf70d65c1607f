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

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from iotstream._columns import UNFIT, Structs, build, pieces, to_array
from iotstream._outcomes import (
    Places,
    extra_fields,
    int32,
    is_utf8,
    mask,
    shifted,
    split,
    text_of,
    with_rows,
)
from iotstream._reference import BLANKS, Bad, Known, Row, read_item, read_record
from iotstream.decoded import Decoded
from iotstream.rejects import Rejects
from iotstream.schema import Schema
from iotstream.validate import suspects

CHUNK_RECORDS = 10_000
CHUNK_BYTES = 3 * 512 * 1024
"""Records, or bytes of payloads, decoded at once: a chunk's Python objects should stay in the cache."""
_INDEX_ARRAY = pa.array(range(CHUNK_RECORDS), pa.int32())
_ZERO_ARRAY = pa.array([0] * CHUNK_RECORDS, pa.int32())
_READ = frozenset({Row, Bad})
_OUTCOMES = _READ | {Known}
_BYTES_PER_LEVEL = len("[]")
"""A level of nesting costs at least so many bytes."""


@dataclass
class _Work:
    """A chunk on its way.

    Attributes:
        payloads, arrival_ms: as they came.
        structs, record, number: the items found the fast way, with the index of the record of each and
            its number in there.
        plain: so many of them, the first ones, are whole records.
        slow: what the reference made of the others, with their places.
        texts: of some records, the texts of the items that a struct was made of.
    """

    payloads: Sequence[bytes]
    arrival_ms: pa.Int64Array | None
    structs: list[Any]
    record: pa.Int32Array
    number: pa.Int32Array
    plain: int
    slow: list[tuple[int, int, Any]] = field(default_factory=list)
    texts: dict[int, list[bytes]] = field(default_factory=dict)

    def arrival(self, record: int) -> int | None:
        return None if self.arrival_ms is None else self.arrival_ms[record].as_py()

    @property
    def untouched(self) -> bool:
        """Whether each record is one item, found the fast way."""
        return self.plain == len(self.payloads)

    @property
    def arrivals(self) -> pa.Int64Array | None:
        """Of the records of the items."""
        if self.arrival_ms is None or self.untouched:
            return self.arrival_ms
        return self.arrival_ms.take(self.record)

    def add(self, records: array[int], numbers: array[int]) -> None:
        """Places of more items."""
        self.record = pa.concat_arrays([self.record, int32(records)])
        self.number = pa.concat_arrays([self.number, int32(numbers)])


class PythonDecoder:
    """Decodes chunks of payloads by one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._structs = Structs(schema)

    def decode(
        self, payloads: Sequence[bytes], arrival_ms: pa.Int64Array | None, *, offset: int = 0
    ) -> Decoded:
        """Decode a chunk.

        Args:
            payloads: n payloads, at most `CHUNK_RECORDS`; none is a KPL aggregate.
            arrival_ms: int64, n: when each arrived; None where it is unknown.
            offset: added to the index of each record.
        """
        structs, failed = self._plain(payloads)
        record = _INDEX_ARRAY[: len(payloads)]
        if failed:
            record = record.filter(mask(len(payloads), failed))
        work = _Work(payloads, arrival_ms, structs, record, _ZERO_ARRAY[: len(structs)], len(structs))
        self._read_failed(failed, work)
        return self._assemble(self._columns(work), work, offset)

    # --- Records to items ---

    def _plain(self, payloads: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        """The structs of the records that are one plain object each, and the indexes of all others.

        The struct decoder does not look at the bytes of strings that it skips, at the size, or at the
        depth: a record that may break such a rule is one of the others.
        """
        joined, longest = b"\n".join(payloads), max(map(len, payloads), default=0)
        texts, most = list(payloads), self._schema.limits.max_record_bytes
        if longest > most:
            texts = [b"" if len(one) > most else one for one in texts]
        if not joined.isascii():
            foreign = list(_places(map(bytes.isascii, texts), 0))
            if not is_utf8(b"\n".join([texts[record] for record in foreign])):
                for record in foreign:
                    texts[record] = texts[record] if is_utf8(texts[record]) else b""
        structs, failed = self._decode_each(texts)
        shallow = self._schema.limits.max_depth * _BYTES_PER_LEVEL
        if longest <= shallow or not structs or self._is_shallow(joined, len(structs)):
            return structs, failed
        others = set(failed)
        deep = {
            record
            for record, one in enumerate(texts)
            if len(one) > shallow and record not in others and not self._is_shallow(one, 0)
        }
        if not deep:
            return structs, failed
        return self._decode_each([b"" if record in deep else one for record, one in enumerate(texts)])

    def _decode_each(self, payloads: Sequence[bytes]) -> tuple[list[Any], list[int]]:
        """The structs of the payloads that are one object that fits, and the indexes of the others."""
        structs: list[Any] = []
        failed: list[int] = []
        rest = iter(payloads)
        while True:
            # At a payload that does not fit, `extend` keeps what it has, and `rest` is past it.
            try:
                structs.extend(map(self._structs.decode, rest))
            except UNFIT:
                failed.append(len(structs) + len(failed))
            else:
                return structs, failed

    def _is_shallow(self, text: bytes, structs: int) -> bool:
        """Whether nothing in the text can be too deep: each of its structs has brackets of its own."""
        others = max(structs - 1, 0) * self._structs.brackets
        return _brackets(text) - others <= self._schema.limits.max_depth

    def _read_failed(self, failed: Sequence[int], work: _Work) -> None:
        """The items of the records that are no plain object that fits."""
        records, numbers = array("i"), array("i")
        for record in failed:
            items, clean = self._items(work.payloads[record], work.arrival(record))
            if clean:
                work.structs += items
                records += array("i", [record]) * len(items)
                numbers += array("i", range(len(items)))
                continue
            if len(items) == 1 and type(items[0]) in _READ:
                work.slow.append((record, 0, items[0]))
                continue
            fits: Sequence[int] = range(len(items))
            kinds = set(map(type, items))
            if not _OUTCOMES.isdisjoint(kinds):
                work.slow += [
                    (record, number, items[number]) for number in fits if type(items[number]) in _READ
                ]
                if Known in kinds:
                    work.texts[record] = [one.text.encode() if type(one) is Known else b"" for one in items]
                fits = [number for number in fits if type(items[number]) not in _READ]
                items = [one.item if type(one) is Known else one for one in map(items.__getitem__, fits)]
            work.structs += items
            numbers.extend(fits)
            records += array("i", [record]) * len(items)
        if records:
            work.add(records, numbers)

    def _items(self, payload: bytes, arrival: int | None) -> tuple[Sequence[Any], bool]:
        """The items of a record: a struct where one fits, else what the reference says; whether all fit."""
        if not payload or (payload[:1] == b"{" and not _has_several(payload)):
            return read_record(payload, self._schema, arrival), False
        text = text_of(payload, self._schema)
        items, misfits = self._structs.decode_all(text) if text else ([], 0)
        if not 0 < len(items) <= self._schema.limits.max_items or not self._are_shallow(
            text, len(items) - misfits
        ):
            return read_record(payload, self._schema, arrival, self._known_lines), False
        if not misfits:
            return items, True
        whole = payload if len(items) == 1 else None
        return [
            read_item(item, self._schema, arrival, whole or item) if type(item) is bytes else item
            for item in items
        ], False

    def _are_shallow(self, text: bytes, structs: int) -> bool:
        if self._is_shallow(text, structs):
            return True
        inner = self._schema.limits.max_depth - (text[:1] == b"[")
        return all(_brackets(piece) <= inner for piece in pieces(text))

    def _known_lines(self, text: str) -> dict[int, Known]:
        """The lines of a text that are an object which fits: where something else is broken, they are not."""
        known: dict[int, Known] = {}
        at = 0
        for line in text.split("\n"):
            try:
                struct = self._structs.decode(line)
            except UNFIT:
                pass
            else:
                if line.count("{") + line.count("[") <= self._schema.limits.max_depth:
                    known[at + len(line) - len(line.lstrip(BLANKS))] = Known(struct, line.strip(BLANKS))
            at += len(line) + 1
        return known

    # --- Items to columns ---

    def _columns(self, work: _Work) -> list[pa.Array]:
        """The columns of the items; those that may break a rule are taken out and read the slow way."""
        if not work.structs:
            return [to_array(one, []) for one in self._schema.fields]
        columns: list[pa.Array] = []
        bad: set[int] = set()
        for one, values in zip(self._schema.fields, self._structs.columns(work.structs), strict=True):
            column, rows = build(one, values)
            columns.append(column)
            bad.update(rows)
        bad |= suspects(columns, self._schema, work.arrivals)
        if not bad:
            return columns
        self._read_again(sorted(bad), work)
        rest = mask(len(work.structs), bad)
        work.plain -= sum(row < work.plain for row in bad)
        work.record, work.number = work.record.filter(rest), work.number.filter(rest)
        return [column.filter(rest) for column in columns]

    def _read_again(self, rows: Sequence[int], work: _Work) -> None:
        places = zip(
            work.record.take(pa.array(rows)).to_pylist(),
            work.number.take(pa.array(rows)).to_pylist(),
            strict=True,
        )
        last, found = -1, []
        for row, (record, number) in zip(rows, places, strict=True):
            payload, arrival = work.payloads[record], work.arrival(record)
            if row < work.plain:
                (outcome,) = read_record(payload, self._schema, arrival)
            else:
                if record != last:
                    last, found = record, work.texts.get(record) or pieces(text_of(payload, self._schema))
                whole = payload if len(found) == 1 else found[number]
                outcome = read_item(found[number], self._schema, arrival, whole)
            work.slow.append((record, number, outcome))

    # --- Columns to rows and rejects ---

    def _assemble(self, columns: list[pa.Array], work: _Work, offset: int) -> Decoded:
        work.slow.sort(key=lambda one: one[:2])
        rows, rejects = split(work.slow, offset)
        places = Places(work.record, work.number, in_order=work.plain in {0, len(work.record)})
        columns, places = with_rows(self._schema, columns, places, rows)
        return Decoded(
            data=pa.RecordBatch.from_arrays(columns, schema=self._schema.arrow),
            rejects=Rejects(rejects),
            record=shifted(places.record, offset),
            item=places.item,
            extra_fields=extra_fields(work.payloads, self._schema, offset),
        )


def _places(values: Iterable[int], value: int) -> Iterator[int]:
    """Where among small integers that one stands."""
    found = bytes(values)
    place = found.find(value)
    while place >= 0:
        yield place
        place = found.find(value, place + 1)


def _has_several(text: bytes) -> bool:
    return b"\n" in text or b"}{" in text


def _brackets(text: bytes) -> int:
    """How many are opened. `replace` leaps from one to the next, where `count` looks at each byte."""
    return 2 * len(text) - len(text.replace(b"{", b"")) - len(text.replace(b"[", b""))
