"""From texts to columns, the fast way: typed structs made from the schema, then Arrow arrays.

A struct is only made of an object that every field's type fits; whatever else comes is left to the
reference decoder. The values of the structs become columns at once, and the rows that do not fit
their column are named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Union

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from iotstream._times import epoch_column_to_ms, iso_column_to_ms
from iotstream._values import convert
from iotstream.rejects import Fault
from iotstream.schema import FLOATS, INTEGERS, NO_SIGN, TIMESTAMP, Encoding, Field, Schema, Type

# What the decoders below raise for a text that does not fit.
UNFIT = (msgspec.DecodeError, ValueError, RecursionError)


class Structs:
    """The schema as msgspec types.

    Attributes:
        decode: text of one object → struct; raises one of `UNFIT` if it does not fit.
        columns: structs → a list of Python values for each field.
        brackets: what the text of a struct has of them at least.
    """

    def __init__(self, schema: Schema) -> None:
        names = itertools.count()
        paths: dict[tuple[str, ...], str] = {}
        struct = _struct(schema.fields, 0, names, paths, ())
        self.decode: Callable[[bytes | str], Any] = msgspec.json.Decoder(struct).decode
        self.columns = _extractor([paths[one.source] for one in schema.fields])
        required = [one.source for one in schema.fields if not one.may_be_absent]
        self.brackets = len({source[:depth] for source in required for depth in range(len(source))})
        self._decode_list = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]
        self._decode_lines = msgspec.json.Decoder(struct).decode_lines

    def decode_all(self, text: bytes) -> tuple[list[Any], int]:
        """The items of a text, an array or objects one after the other, and how many are no struct.

        Each is a struct, or the bytes of what does not fit; none where only the reference can tell.
        """
        try:
            return (self._decode_list if text[:1] == b"[" else self._decode_lines)(text), 0
        except UNFIT:
            items = [self._struct_or_bytes(piece) for piece in pieces(text)]
            return items, list(map(type, items)).count(bytes)

    def _struct_or_bytes(self, piece: bytes) -> Any:
        try:
            return self.decode(piece)
        except UNFIT:
            return piece


_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines


def pieces(text: bytes) -> list[bytes]:
    """The items of a text, each as its bytes; none where only the reference can tell."""
    array = text[:1] == b"["
    try:
        found = list(map(bytes, _raw_list(text) if array else _raw_lines(text)))
    except UNFIT:
        return []
    if array or all(piece[:1] == b"{" for piece in found):
        return found
    return []


def _struct(
    fields: Sequence[Field],
    depth: int,
    names: Iterator[int],
    paths: dict[tuple[str, ...], str],
    above: tuple[str, ...],
) -> type[msgspec.Struct]:
    """The struct of the fields whose paths part at that depth; notes the attribute path of each source."""
    members: list[Any] = []
    rename: dict[str, str] = {}
    for key in dict.fromkeys(one.source[depth] for one in fields):
        inner = [one for one in fields if one.source[depth] == key]
        attribute = f"f{next(names)}"
        rename[attribute] = key
        optional = all(one.may_be_absent for one in inner)
        if len(inner[0].source) == depth + 1:
            paths[inner[0].source] = ".".join((*above, attribute))
            kind = _leaf(inner)
            members.append((attribute, kind | None, None) if optional else (attribute, kind))
        else:
            kind = _struct(inner, depth + 1, names, paths, (*above, attribute))
            absent = msgspec.field(default_factory=kind)
            members.append((attribute, kind, absent) if optional else (attribute, kind))
    # Structs hold no references to each other, so the garbage collector need not look at them.
    return msgspec.defstruct("Item", members, rename=rename, gc=False, kw_only=True)


def _leaf(fields: Sequence[Field]) -> Any:
    """What fits a value that these fields share."""
    kinds = set(itertools.chain.from_iterable(map(_types, fields)))
    if bool in kinds and len(kinds) > 1:
        return type(None)  # nothing else fits both, and Arrow would take True for 1.0
    return Union[tuple(kinds)]  # noqa: UP007 - there is no other way to write a union of a tuple


def _types(one: Field) -> tuple[Any, ...]:
    numeric: tuple[Any, ...] = (float, str) if one.lenient else (float,)
    if one.type in FLOATS:
        return numeric
    if one.type in INTEGERS:
        return (int, *numeric)
    if one.type is Type.TIMESTAMP:
        return {Encoding.AUTO: (str, int, float), Encoding.ISO: (str,)}.get(one.encoding, (int, *numeric))
    return (bool,) if one.type is Type.BOOL else (str,)


def _extractor(paths: Sequence[str]) -> Callable[[list[Any]], tuple[list[Any], ...]]:
    """A function of one list comprehension for each path: half the time of `operator.attrgetter`."""
    lists = ", ".join(f"[row.{path} for row in rows]" for path in paths)
    function: Callable[[list[Any]], tuple[list[Any], ...]] = eval(f"lambda rows: ({lists},)")  # noqa: S307 - the names are ours
    return function


def build(one: Field, values: list[Any]) -> tuple[pa.Array, list[int]]:
    """The column of the field, and the rows whose value it does not take (null there).

    Args:
        one: the field.
        values: n Python values of the types that its struct takes, None for missing and null.
    """
    if one.type is Type.TIMESTAMP:
        column, bad = _timestamps(one, values)
    else:
        column, bad = _whole(one, values), []
    if column is None:
        column, bad = _one_by_one(one, values)
    if one.default is not None and column.null_count:
        column = pc.fill_null(column, one.default)
    return column, bad


def _whole(one: Field, values: list[Any]) -> pa.Array | None:
    """The whole column at once, or None where Arrow would take what is not to be taken, or nothing."""
    if one.type in INTEGERS and not set(map(type, values)) <= {int, type(None)}:
        return None  # Arrow would cut 3.7 to 3
    kind = pa.float64() if one.type in FLOATS else one.arrow_type
    try:
        column = pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None
    if one.type not in FLOATS:
        return column
    if one.type is Type.FLOAT64:
        return pc.add(column, NO_SIGN)
    # The nearest float32 of a tiny number is -0.
    column = pc.add(pc.cast(column, pa.float32()), pa.scalar(NO_SIGN, pa.float32()))
    return column if pc.all(pc.is_finite(column)).as_py() is not False else None


def _timestamps(one: Field, values: list[Any]) -> tuple[pa.Array | None, list[int]]:
    if one.may_be_absent and None in values:
        return _with_gaps(one, values)
    if not values:
        return None, []
    textual = one.encoding in (Encoding.AUTO, Encoding.ISO)
    if not isinstance(values[0], str):
        ms = None if one.encoding is Encoding.ISO else epoch_column_to_ms(values, one.encoding)
        return (None, []) if ms is None else (ms.cast(TIMESTAMP), [])
    try:
        texts = pa.array(values, pa.string()) if textual else None
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = None
    if texts is None:
        return None, []
    column = iso_column_to_ms(texts).cast(TIMESTAMP)
    return column, pc.indices_nonzero(column.is_null()).to_pylist() if column.null_count else []


def _with_gaps(one: Field, values: list[Any]) -> tuple[pa.Array | None, list[int]]:
    """The column of the values that are there, spread out over the rows."""
    rows = [row for row, value in enumerate(values) if value is not None]
    column, bad = _timestamps(one, [values[row] for row in rows])
    if column is None:
        return None, []
    places = pa.array([None if value is None else 0 for value in values], pa.int32())
    places = pc.replace_with_mask(places, places.is_valid(), pa.array(range(len(rows)), pa.int32()))
    return column.take(places), [rows[row] for row in bad]


def _one_by_one(one: Field, values: list[Any]) -> tuple[pa.Array, list[int]]:
    results = [None if value is None else convert(one, value) for value in values]
    bad = [row for row, result in enumerate(results) if type(result) is Fault]
    for row in bad:
        results[row] = None
    return to_array(one, results), bad


def to_array(one: Field, values: Sequence[Any]) -> pa.Array:
    """The column of values that `convert` gave."""
    kind = pa.int64() if one.type is Type.TIMESTAMP else one.arrow_type
    column = pa.array(values, kind)
    return column.cast(TIMESTAMP) if one.type is Type.TIMESTAMP else column
