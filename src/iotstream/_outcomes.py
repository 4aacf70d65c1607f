"""What all decoders share: the reference's answers put in their places, and fields outside the schema."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from iotstream._columns import UNFIT, pieces, to_array
from iotstream._reference import BLANK_BYTES, BOM, Bad, Row
from iotstream.rejects import Fault, Reject
from iotstream.schema import Schema
from iotstream.unpack import inflate

SAMPLE_EVERY = 100
"""One record in so many is looked at for fields that the schema does not know."""

Outcome = tuple[int, int, Row | Bad]
"""The index of a record, the number of an item in it, and what the reference says of it."""


class Places(NamedTuple):
    """Where rows come from.

    Attributes:
        record: int32, a row each: the index of its record.
        item: int32, a row each: its number in there.
        in_order: they rise.
    """

    record: pa.Int32Array
    item: pa.Int32Array
    in_order: bool = True


def split(outcomes: Sequence[Outcome], offset: int) -> tuple[list[Outcome], list[Reject]]:
    """The valid ones among them, and the others as rejects, `offset` added to their records' indexes."""
    rows = [one for one in outcomes if isinstance(one[2], Row)]
    rejects = [
        Reject(record + offset, number, one.fault.reason, one.field, one.fault.detail, one.payload)
        for record, number, one in outcomes
        if isinstance(one, Bad)
    ]
    return rows, rejects


def with_rows(
    schema: Schema, columns: Sequence[pa.Array], places: Places, rows: Sequence[Outcome]
) -> tuple[list[pa.Array], Places]:
    """The columns with these rows put in their places, all in input order."""
    if rows:
        records, numbers, outcomes = zip(*rows, strict=True)
        added = zip(*(one.values for one in outcomes), strict=True)
        columns = [
            pa.concat_arrays([column, to_array(one, values)])
            for column, one, values in zip(columns, schema.fields, added, strict=True)
        ]
        places = Places(
            pa.concat_arrays([places.record, int32(array("i", records))]),
            pa.concat_arrays([places.item, int32(array("i", numbers))]),
            in_order=False,
        )
    if places.in_order:
        return list(columns), places
    table = pa.table([places.record, places.item], ["record", "item"])
    order = pc.sort_indices(table, [("record", "ascending"), ("item", "ascending")])
    return [column.take(order) for column in columns], Places(
        places.record.take(order), places.item.take(order)
    )


def shifted(record: pa.Int32Array, offset: int) -> pa.Int32Array:
    """The indexes counted from further back."""
    return pc.add(record, pa.scalar(offset, pa.int32())) if offset else record


def int32(numbers: array[int]) -> pa.Int32Array:
    """The same memory as an Arrow column."""
    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])


def mask(length: int, places: Iterable[int]) -> pa.BooleanArray:
    """False at the places, else true."""
    flags = bytearray(b"\1") * length
    for place in places:
        flags[place] = 0
    return pa.Array.from_buffers(pa.uint8(), length, [None, pa.py_buffer(flags)]).cast(pa.bool_())


def text_of(payload: bytes, schema: Schema) -> bytes:
    """The record's text, blanks and BOM stripped; none if the record has a fault as a whole."""
    text = inflate(payload, schema.limits)
    if isinstance(text, Fault):
        return b""
    text = text.removeprefix(BOM).strip(BLANK_BYTES)
    return text if is_utf8(text) else b""


def is_utf8(text: bytes) -> bool:
    """Whether it can be read as text."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def extra_fields(payloads: Sequence[bytes], schema: Schema, offset: int) -> Counter[str]:
    """Names that the schema does not know, in one record of a hundred.

    Args:
        payloads: a chunk.
        schema: the telemetry.
        offset: the index of the chunk's first record among all: of many small chunks not each has one.
    """
    counts: Counter[str] = Counter()
    known, holds_no_other = _known(schema), _holds_no_other(schema)
    for payload in payloads[-offset % SAMPLE_EVERY :: SAMPLE_EVERY]:
        if holds_no_other(payload):
            continue
        text = text_of(payload, schema)
        if holds_no_other(text):
            continue
        for item in _values(text):
            if isinstance(item, dict):
                counts.update(_unknown(item, (), known))
    return counts


@lru_cache(maxsize=64)
def _known(schema: Schema) -> set[tuple[str, ...]]:
    return {one.source[: depth + 1] for one in schema.fields for depth in range(len(one.source))}


@lru_cache(maxsize=64)
def _holds_no_other(schema: Schema) -> Callable[[bytes], bool]:
    """Whether a text is plainly made of objects with no key that the schema does not know: most are.

    That takes an eighth of the time of looking at each key.
    """
    known: Any = _strict({one.source for one in schema.fields})
    ways = (msgspec.json.Decoder(known | list[known]).decode, msgspec.json.Decoder(known).decode_lines)

    def holds_no_other(text: bytes) -> bool:
        for way in ways:
            try:
                way(text)
            except UNFIT:
                continue
            return True
        return False

    return holds_no_other


def _strict(sources: set[tuple[str, ...]]) -> Any:
    """A type that takes objects with these paths alone; a value that is an object is for a longer path."""
    if () in sources:
        return str | int | float | bool | list[msgspec.Raw] | None
    keys = sorted({source[0] for source in sources})
    members = [
        (f"f{index}", _strict({one[1:] for one in sources if one[0] == key}), None)
        for index, key in enumerate(keys)
    ]
    names = {member[0]: key for member, key in zip(members, keys, strict=True)}
    return msgspec.defstruct("Known", members, rename=names, forbid_unknown_fields=True, gc=False)


def _values(text: bytes) -> Iterator[object]:
    """The items of a text, as far as they are easily had."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        lone = pieces(text)
        if len(lone) > 1:
            for piece in lone:
                yield from _values(piece)
    else:
        yield from value if isinstance(value, list) else [value]


def _unknown(item: dict[str, Any], above: tuple[str, ...], known: set[tuple[str, ...]]) -> Iterator[str]:
    """Dotted names of what no field's path leads to, through the objects that paths lead through."""
    for key, value in item.items():
        path = (*above, key)
        if path not in known:
            yield ".".join(path)
        elif isinstance(value, dict):
            yield from _unknown(value, path, known)
