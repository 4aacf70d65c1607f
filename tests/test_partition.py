import datetime as dt

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from iotstream.partition import CHUNK_ROWS, HOUR_MS, SHORT_RUN_ROWS, object_key, split
from iotstream.position import Position, Span

time = st.integers(-(3 * HOUR_MS), 3 * HOUR_MS) | st.integers(-62_135_596_800_000, 253_402_300_799_999)
long_runs = st.lists(time, max_size=6).map(lambda ms: [one for one in ms for _ in range(SHORT_RUN_ROWS + 1)])
times = st.lists(time) | long_runs


def table(ms):
    column = pa.array(ms, pa.int64()).cast(pa.timestamp("ms", "UTC"))
    return pa.table({"t": column, "n": pa.array(range(len(ms)), pa.int64())})


def addresses(data):
    return {chunk.buffers()[1].address for column in data.columns for chunk in column.chunks}


@given(times)
def test_each_row_is_in_the_partition_of_its_hour_and_rows_keep_their_order(ms):
    seen = []
    for path, data in split(table(ms), "t"):
        numbers = data["n"].to_pylist()
        assert numbers == sorted(numbers)
        for number in numbers:
            time = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms[number])
            assert path == f"dt={time.year:04}-{time.month:02}-{time.day:02}/hour={time.hour:02}"
        seen += numbers
    assert sorted(seen) == list(range(len(ms)))


@given(times)
def test_one_partition_an_hour_in_order_of_time(ms):
    paths = [partition.path for partition in split(table(ms), "t")]
    assert paths == sorted(set(paths))


def test_rows_in_order_are_not_copied():
    data = table([0, 1, HOUR_MS])
    assert addresses(data) == {address for part in split(data, "t") for address in addresses(part.data)}


def test_rows_of_hours_in_long_turns_are_not_copied():
    data = table(([0] * SHORT_RUN_ROWS + [HOUR_MS] * SHORT_RUN_ROWS) * 3)
    parts = [part.data for part in split(data, "t")]
    assert [part.num_rows for part in parts] == [3 * SHORT_RUN_ROWS] * 2
    assert addresses(data) == {address for part in parts for address in addresses(part)}


@given(st.lists(times, max_size=4))
def test_chunks_of_any_length_make_the_same_partitions(chunks):
    ms = [one for chunk in chunks for one in chunk]
    whole, start, parts = table(ms), 0, []
    for chunk in chunks:
        parts.append(whole.slice(start, len(chunk)).combine_chunks())
        start += len(chunk)
    pieces = pa.concat_tables(parts) if parts else whole
    found, expected = list(split(pieces, "t")), list(split(whole, "t"))
    assert [part.path for part in found] == [part.path for part in expected]
    assert all(one.data.equals(other.data) for one, other in zip(found, expected, strict=True))


def test_a_large_table_is_sorted_in_parts_and_rows_keep_their_order():
    ms = [index % 3 * HOUR_MS for index in range(3 * CHUNK_ROWS)]
    parts = [part.data for part in split(table(ms), "t")]
    assert [part["n"].to_pylist() for part in parts] == [list(range(hour, len(ms), 3)) for hour in range(3)]
    assert all(part["n"].num_chunks == 3 for part in parts)


def test_short_chunks_are_put_together():
    data = pa.concat_tables([table([0]), table([HOUR_MS]), table([0])])
    assert [part.data["t"].num_chunks for part in split(data, "t")] == [1, 1]


def test_the_key_holds_the_span():
    span = Span("s", "shardId-0", Position(5), Position(9, 2))
    assert object_key("dt=2026-11-24/hour=07", span) == "data/dt=2026-11-24/hour=07/shardId-0-5-9.2.parquet"
