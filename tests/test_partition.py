import datetime as dt

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from iotstream.partition import HOUR_MS, SHORT_RUN_ROWS, object_key, split
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


def test_the_key_holds_the_span():
    span = Span("s", "shardId-0", Position(5), Position(9, 2))
    assert object_key("dt=2026-11-24/hour=07", span) == "data/dt=2026-11-24/hour=07/shardId-0-5-9.2.parquet"
