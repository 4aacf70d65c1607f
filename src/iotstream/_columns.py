"""From payloads to columns, the fast way: typed structs made from the schema, then Arrow arrays.

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
from iotstream.schema import FLOATS, INTEGERS, TIMESTAMP, Encoding, Field, Schema, Type

# What the decoders below raise for a payload that does not fit.
UNFIT = (msgspec.DecodeError, ValueError, RecursionError)


class Structs:
    """The schema as msgspec types.

    Attributes:
        decode: bytes of one object → struct.
        decode_list: bytes of an array of objects → list of structs.
        decode_lines: bytes of objects one after the other → list of structs.
        columns: structs → a list of Python values for each field.
    """

    def __init__(self, schema: Schema) -> None:
        names = itertools.count()
        paths: dict[tuple[str, ...], str] = {}
        struct = _struct(schema.fields, 0, names, paths, ())
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(struct).decode
        self.decode_list = msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]
        self.decode_lines = msgspec.json.Decoder(struct).decode_lines
        self.columns = _extractor([paths[one.source] for one in schema.fields])


raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
raw_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines


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
        leaf = len(inner[0].source) == depth + 1
        if leaf:
            paths[inner[0].source] = ".".join((*above, attribute))
            kind: Any = Union[tuple(itertools.chain.from_iterable(_types(one) for one in inner))]  # noqa: UP007
        else:
            kind = _struct(inner, depth + 1, names, paths, (*above, attribute))
        optional = leaf and all(one.may_be_absent for one in inner)
        members.append((attribute, kind | None, None) if optional else (attribute, kind))
    # Structs hold no references to each other, so the garbage collector need not look at them.
    return msgspec.defstruct("Item", members, rename=rename, gc=False, kw_only=True)


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
    kind = pa.float64() if one.type is Type.FLOAT32 else one.arrow_type
    try:
        column = pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None
    if one.type is not Type.FLOAT32:
        return column
    column = pc.cast(column, pa.float32())
    return column if pc.all(pc.is_finite(column)).as_py() is not False else None


def _timestamps(one: Field, values: list[Any]) -> tuple[pa.Array | None, list[int]]:
    if None in values:
        return None, []
    if not isinstance(values[0], str):
        ms = epoch_column_to_ms(values, one.encoding)
        return (None, []) if ms is None else (ms.cast(TIMESTAMP), [])
    try:
        texts = pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None, []
    if one.encoding not in {Encoding.AUTO, Encoding.ISO}:
        return None, []
    column = iso_column_to_ms(texts).cast(TIMESTAMP)
    return column, pc.indices_nonzero(column.is_null()).to_pylist() if column.null_count else []


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
