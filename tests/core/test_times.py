"""Times by columns are times one by one."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import iso

from iotstream._times import MAX_MS, MIN_MS, epoch_column_to_ms, epoch_to_ms, iso_column_to_ms, iso_to_ms
from iotstream.schema import Encoding

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-12-19T10:30:00Z", "2024-12-19T10:30:00.000+00:00"),
        ("2024-12-19t10:30:00z", "2024-12-19T10:30:00.000+00:00"),
        ("2024-12-19 10:30:00", "2024-12-19T10:30:00.000+00:00"),
        ("2024-12-19T10:30:00.1Z", "2024-12-19T10:30:00.100+00:00"),
        ("2024-12-19T10:30:00.123999999Z", "2024-12-19T10:30:00.123+00:00"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999+00:00"),
        ("2024-12-19T10:30:00+01", "2024-12-19T09:30:00.000+00:00"),
        ("2024-12-19T10:30:00-0530", "2024-12-19T16:00:00.000+00:00"),
        ("2024-12-19T10:30:00+05:30", "2024-12-19T05:00:00.000+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000+00:00"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999+00:00"),
    ],
)
def test_what_is_a_time(text, expected):
    ms = iso_to_ms(text)
    assert (EPOCH + dt.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") == expected
    assert iso_column_to_ms(pa.array([text])).to_pylist() == [ms]


@pytest.mark.parametrize(
    "text",
    [
        "2024-12-19", "2024-12-19T10:30", "2024-12-19T10:30Z", "2024-12-19T10:30+01:00", "2024-12-19T10Z",
        "2024-12-19T24:00:00Z", "2024-12-19T10:30:60Z", "2024-12-19T10:60:00Z", "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-10T00:00:00Z", "2024-12-19T10:30:00.Z", "2024-12-19T10:30:00,5Z",
        "2024-12-19T10:30:00.1234567890Z", "2024-12-19T10:30:00+1", "2024-12-19T10:30:00+24:00",
        "2024-12-19T10:30:00+01:60", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "20241219T103000Z",
        " 2024-12-19T10:30:00Z", "2024-12-19T10:30:00Z ", "2024-12-19T10:30:00Z\n", "+2024-12-19T10:30:00Z",
        "2024-12-19T10:30:00 Z", "٢٠٢٤-12-19T10:30:00Z", "2024-12-19T10+00:00", "", "now",
    ],
)  # fmt: skip
def test_what_is_none(text):
    assert iso_to_ms(text) is None
    assert iso_column_to_ms(pa.array([text])).to_pylist() == [None]
    assert iso_column_to_ms(pa.array([text] + ["2024-12-19T10:30:00Z"] * 3)).to_pylist()[0] is None


@settings(max_examples=500)
@given(st.lists(iso, min_size=1, max_size=8))
def test_iso_columns(texts):
    assert iso_column_to_ms(pa.array(texts)).to_pylist() == [iso_to_ms(text) for text in texts]


@settings(max_examples=300)
@given(st.datetimes(), st.sampled_from(["seconds", "milliseconds", "microseconds"]), st.integers(1, 4))
def test_uniform_columns(time, digits, count):
    texts = [time.isoformat(timespec=digits) + "Z"] * count
    ms = (time.replace(tzinfo=dt.UTC) - EPOCH) // dt.timedelta(milliseconds=1)
    if digits == "seconds":
        ms = ms // 1000 * 1000
    assert iso_column_to_ms(pa.array(texts)).to_pylist() == [ms] * count


@pytest.mark.parametrize(
    ("value", "encoding", "ms"),
    [
        (1734604200, "auto", 1734604200000),
        (1734604200.1235, "auto", 1734604200124),
        (1734604200123, "auto", 1734604200123),
        (1734604200123456, "auto", 1734604200123),
        (1734604200123500, "auto", 1734604200124),
        (1734604200122500, "auto", 1734604200122),
        (1734604200123456789, "auto", 1734604200123),
        (1734604200122500000, "auto", 1734604200122),
        (1734604200122500001, "auto", 1734604200123),
        (-1.5, "auto", -1500),
        (0.5, "ms", 0),
        (1.5, "ms", 2),
        (2.5, "ms", 2),
        (-1500, "us", -2),
        (-500, "us", 0),
        (1e11, "s", 100_000_000_000_000),
        (253402300799, "s", 253402300799000),
        (253402300800, "s", None),
        (1e308, "auto", None),
    ],
)
def test_epochs(value, encoding, ms):
    assert epoch_to_ms(value, Encoding(encoding)) == ms


numbers = st.one_of(
    st.floats(0, 2e11), st.floats(0, 2e18), st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 2 * 10**18), st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 10**9).map(lambda n: n + 0.5), st.integers(0, 10**15).map(lambda n: n * 1000 + 500),
)  # fmt: skip


@settings(max_examples=500)
@given(
    st.lists(numbers, min_size=1, max_size=6)
    | st.lists(st.integers(10**9, 2 * 10**9) | st.floats(1e9, 2e9), min_size=1),
    st.sampled_from([one for one in Encoding if one is not Encoding.ISO]),
)
def test_epoch_columns(values, encoding):
    column = epoch_column_to_ms(values, encoding)
    if column is not None:
        assert column.to_pylist() == [epoch_to_ms(value, encoding) for value in values]


def test_the_common_columns_go_the_fast_way():
    for values in ([1734604200], [1734604200.5, 1734604200], [1734604200123], [1734604200123456789]):
        assert epoch_column_to_ms(values, Encoding.AUTO) is not None


def test_the_years():
    assert iso_to_ms("0001-01-01T00:00:00Z") == MIN_MS
    assert iso_to_ms("9999-12-31T23:59:59.999Z") == MAX_MS
