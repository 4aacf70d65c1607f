"""Columns of times where Arrow's arithmetic and Python's could part."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotstream._times import epoch_column_to_ms, epoch_to_ms, iso_column_to_ms, iso_to_ms
from iotstream.schema import Encoding


@settings(max_examples=300)
@given(st.floats(-1e15, 1e15) | st.integers(-(10**9), 10**9).map(lambda number: number + 0.5))
def test_arrow_rounds_as_python_does(number):
    assert pc.round(number, round_mode="half_to_even").as_py() == round(number)


def odd_one():
    """An integer of ns that a float64 holds exactly, and whose division by a million as floats is a tie."""
    r = random.Random(1)
    while True:
        number = r.randrange(2**60 // 256, 2**61 // 256) * 256
        if round(number / 10**6) != epoch_to_ms(number, Encoding.NS):
            return number


def test_integers_among_floats_stay_exact():
    values = [odd_one(), 1734604200122500000.5]
    column = epoch_column_to_ms(values, Encoding.NS)
    assert column is None or column.to_pylist() == [epoch_to_ms(one, Encoding.NS) for one in values]


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0.0005, 0.0015, 0.0025], "s", [0, 2, 2]),
        ([1734604200.0005, 1734604200.0015], "s", [1734604200000, 1734604200002]),
        ([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], "ms", [0, 2, 2, 0, -2, -2]),
        ([500, 1500, 2500, 2501, 2499], "us", [0, 2, 2, 3, 2]),
        ([500_000, 1_500_000, 1_500_001, 1_499_999], "ns", [0, 2, 2, 1]),
        ([99_999_999_999, 0], "auto", [99_999_999_999_000, 0]),
        ([100_000_000_000, 99_999_999_999_999], "auto", [100_000_000_000, 99_999_999_999_999]),
        ([100_000_000_000_000, 99_999_999_999_999_999], "auto", [100_000_000_000, 100_000_000_000_000]),
        ([100_000_000_000_000_000, 9_000_000_000_000_000_000], "auto", [100_000_000_000, 9_000_000_000_000]),
        ([253402300799.9994, 253402300799], "s", [253402300799999, 253402300799000]),
    ],
)
def test_ties_and_borders(values, unit, expected):
    encoding = Encoding(unit)
    assert [epoch_to_ms(one, encoding) for one in values] == expected
    column = epoch_column_to_ms(values, encoding)
    assert column is None or column.to_pylist() == expected


@pytest.mark.parametrize(
    "values",
    [
        ["2024-12-19T10:30:00Z"] * 200 + ["9999-12-31T23:59:59-01:00"],
        ["9999-12-31T23:59:59.999-00:01", "0001-01-01T00:00:00.000+00:01", "2024-12-19T10:30:00.000+00:00"],
        ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.000001Z", "1970-01-01T00:00:00.000999Z"],
        [
            "1677-09-21T00:12:43.145224193Z",
            "1969-12-31T23:59:59.999999999Z",
            "2262-04-11T23:47:16.854775807Z",
        ],
        [
            "1677-09-21T00:12:43.145224191Z",
            "2262-04-11T23:47:16.854775808Z",
            "2024-12-19T10:30:00.123456789Z",
        ],
        ["2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z"],
        ["2024-12-19T10:30:00", "2024-12-19T10:30+01", "2024-12-19T10:30:0Z"],
        ["2024-12-19T10:30:00.5Z", "2024-12-19T10:30+0100", "2024-12-19T10:30+01:00"],
        ["2024-12-19T10:30:00.1", "2024-12-19T10:30:00.12", "2024-12-19T10:30:00.123456789"] * 60,
        ["2024-12-19T10:30:00.1Z", "nonsense", "2024-12-19T10:30:00+01"] * 60,
        ["", "x", "2024"],
        ["2024-12-19T10:30:00\u00b5", "2024-12-19T10:30:\u0660\u0660", "2024-12-19T10:30:00Z"],
    ],
    ids=lambda values: values[0][:30],
)
def test_iso_columns_of_few_kinds(values):
    for texts in (values, values[::-1], values * 3 + ["2024-12-19T10:30:00.25Z"] * 150):
        assert iso_column_to_ms(pa.array(texts)).to_pylist() == [iso_to_ms(text) for text in texts]
