"""One number for a set of rows: the same for equal multisets, another for anything else."""

import datetime as dt
import hashlib
import struct
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import native_ways
from iotstream import row_hash as module
from iotstream.row_hash import add, row_hash
from iotstream.schema import TIMESTAMP

FINITE = {"allow_nan": False, "allow_infinity": False}
VALUES = {
    pa.float64(): st.floats(**FINITE),
    pa.float32(): st.floats(width=32, **FINITE),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    TIMESTAMP: st.integers(-(2**41), 2**41),
}
TYPES = list(VALUES)


def columns(rows, kinds):
    lists = [st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows) for kind in kinds]
    return st.tuples(*lists).map(
        lambda found: pa.table(
            {f"c{index}": pa.array(values, kinds[index]) for index, values in enumerate(found)}
        )
    )


def tables(min_rows=0):
    return st.tuples(
        st.integers(min_rows, 6), st.lists(st.sampled_from(TYPES), min_size=1, max_size=8)
    ).flatmap(lambda size: columns(*size))


def mark(value):
    """As the hash sees it: -0.0 is 0.0, but True is not 1."""
    return (type(value), value + 0.0) if isinstance(value, float) else (type(value), value)


@pytest.mark.skipif(not native_ways.is_there(), reason=native_ways.MISSING)
@given(tables(), st.integers(0, 3), st.integers(1, 400))
def test_the_kernel_mixes_as_python_does(table, start, times):
    whole = pa.concat_tables([table] * times).combine_chunks().slice(start)
    with native_ways.used("python", module):
        expected = row_hash(whole)
    assert row_hash(whole) == expected


@pytest.mark.skipif(not native_ways.is_there(), reason=native_ways.MISSING)
def test_the_kernel_forgets_texts_when_there_are_too_many():
    names = [f"device-{number}" for number in range(300_000)]
    whole = pa.table({"name": pa.array([*names, *names[::7], None, "", "ä"], pa.string())})
    with native_ways.used("python", module):
        expected = row_hash(whole)
    assert row_hash(whole) == expected


@given(tables(), st.data())
def test_order_of_rows_and_columns_and_cuts_do_not_matter(table, data):
    expected = row_hash(table)
    assert len(expected) == 16
    order = data.draw(st.permutations(range(table.num_rows)))
    names = data.draw(st.permutations(table.column_names))
    assert row_hash(table.take(pa.array(order, pa.int64())).select(names)) == expected
    cut = data.draw(st.integers(0, table.num_rows))
    parts = [table.slice(0, cut), table.slice(cut)]
    assert add([row_hash(part) for part in parts]) == expected
    assert row_hash(pa.concat_tables(parts)) == expected


@given(tables(1), st.data())
def test_a_row_lost_or_doubled_is_seen(table, data):
    row = data.draw(st.integers(0, table.num_rows - 1))
    rest = pa.concat_tables([table.slice(0, row), table.slice(row + 1)])
    assert row_hash(rest) != row_hash(table)
    assert row_hash(pa.concat_tables([table, table.slice(row, 1)])) != row_hash(table)
    # Twice the same row does not cancel itself out.
    assert row_hash(pa.concat_tables([rest, table.slice(row, 1), table.slice(row, 1)])) != row_hash(rest)


@given(tables(1), st.data())
def test_a_value_altered_is_seen(table, data):
    row = data.draw(st.integers(0, table.num_rows - 1))
    name = data.draw(st.sampled_from(table.column_names))
    kind = table.schema.field(name).type
    values = table[name].to_pylist()
    new = pa.array([data.draw(st.none() | VALUES[kind])], kind)[0].as_py()
    assume(mark(new) != mark(values[row]))
    changed = pa.array([*values[:row], new, *values[row + 1 :]], kind)
    altered = table.set_column(table.column_names.index(name), table.schema.field(name), changed)
    assert row_hash(altered) != row_hash(table)


@given(tables(2), st.data())
def test_values_swapped_between_two_rows_are_seen(table, data):
    assume(table.num_columns > 1)
    one, other = data.draw(st.permutations(range(table.num_rows)))[:2]
    name = data.draw(st.sampled_from(table.column_names))
    values = table[name].to_pylist()
    values[one], values[other] = values[other], values[one]
    swapped = table.set_column(
        table.column_names.index(name),
        table.schema.field(name),
        pa.array(values, table.schema.field(name).type),
    )
    assert (row_hash(swapped) == row_hash(table)) == (multiset(table) == multiset(swapped))


def multiset(table):
    return Counter(tuple(map(mark, row.values())) for row in table.to_pylist())


@given(columns(3, [pa.float64(), pa.float64()]))
def test_columns_are_told_by_their_names(table):
    exchanged = table.rename_columns(["c1", "c0"]).select(["c0", "c1"])
    assert (row_hash(table) == row_hash(exchanged)) == (multiset(table) == multiset(exchanged))


def mix(number):
    """SplitMix64's finaliser, by its definition."""
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


def text_bits(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def bits(value):
    if value is None:
        return 0x9E3779B97F4A7C15
    if isinstance(value, str):
        return text_bits(value)
    if isinstance(value, float):
        return struct.unpack("<Q", struct.pack("<d", value + 0.0))[0]
    if isinstance(value, dt.datetime):
        value = (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    return value % 2**64


@given(tables())
def test_it_is_what_its_definition_says(table):
    total = sum(
        mix(sum(mix(bits(value) ^ text_bits(name)) for name, value in row.items()) % 2**64)
        for row in table.to_pylist()
    )
    assert row_hash(table) == f"{total % 2**64:016x}"


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
def test_minus_zero_is_zero(kind):
    assert row_hash(pa.table({"x": pa.array([-0.0, None], kind)})) == row_hash(
        pa.table({"x": pa.array([0.0, None], kind)})
    )


def test_text_is_the_same_however_it_is_encoded():
    texts = ["a", None, "", "b", "a"]
    plain = pa.table({"x": pa.array(texts)})
    expected = row_hash(plain)
    coded = pa.chunked_array(
        [pa.array(texts[:2]).dictionary_encode(), pa.array(texts[2:]).dictionary_encode()]
    )
    assert row_hash(pa.table({"x": coded})) == expected
    assert row_hash(pa.table({"x": pa.array(texts, pa.large_string())})) == expected


def test_slices_of_columns_are_hashed_from_their_offset():
    table = pa.table(
        {
            "f": pa.array([1.0, None, 3.0, 4.0]),
            "i": pa.array([1, 2, None, 4]),
            "b": pa.array([True, None, False, True]),
            "s": pa.array(["a", "b", None, "d"]),
            "t": pa.array([1, None, 3, 4], TIMESTAMP),
        }
    )
    copied = pa.Table.from_pylist(table.slice(1, 2).to_pylist(), schema=table.schema)
    assert row_hash(table.slice(1, 2)) == row_hash(copied)


def test_many_rows_are_hashed_in_pieces_with_the_same_result(monkeypatch):
    table = pa.table(
        {"x": pa.array(range(1000), pa.int64()), "s": pa.array([str(n % 7) for n in range(1000)])}
    )
    whole = row_hash(table)
    monkeypatch.setattr(module, "_CACHED_ROWS", 33)
    assert row_hash(table) == whole


def test_the_number_stays_what_it_is_over_versions():
    """Manifests hold it: another number for the same rows would condemn every lake."""
    table = pa.table(
        {
            "timestamp": pa.array([0, dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)], TIMESTAMP),
            "device_id": pa.array(["sensor-1", None]),
            "temperature": pa.array([21.5, -0.0]),
            "count": pa.array([2**31 - 1, None], pa.int32()),
            "ok": pa.array([True, False]),
        }
    )
    assert row_hash(table) == "63217afe461c573d"
    assert row_hash(table.slice(0, 0)) == "0" * 16
    assert add([]) == "0" * 16
    assert add(["ffffffffffffffff", "0000000000000002"]) == "0000000000000001"


@pytest.mark.parametrize(
    "kind",
    [
        pa.uint64(),
        pa.int16(),
        pa.float16(),
        pa.binary(),
        pa.date32(),
        pa.timestamp("us"),
        pa.decimal128(5),
        pa.list_(pa.int64()),
        pa.dictionary(pa.int32(), pa.int64()),
        pa.null(),
    ],
    ids=str,
)
def test_another_type_is_refused_by_its_name(kind):
    column = pa.nulls(1, kind) if not pa.types.is_dictionary(kind) else pa.array([1]).dictionary_encode()
    with pytest.raises(TypeError, match="no row hash of column 'x'"):
        row_hash(pa.table({"x": column}))
