import pytest
from hypothesis import given
from hypothesis import strategies as st

import iotstream
from iotstream.batch import BatchLimits
from iotstream.errors import SinkUnavailable
from iotstream.partition import SHORT_RUN_ROWS, split
from iotstream.pipeline import Pipeline, Progress
from iotstream.position import Position
from iotstream.testing import FIRST_SEQUENCE_NUMBER as FIRST
from iotstream.testing import MemorySink, raw_batch

SCHEMA = iotstream.Schema.load()
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"a","temperature":1,"humidity":2}'


def pipeline(lake, hot=(), **limits):
    return Pipeline(SCHEMA, lake=lake, hot=hot, limits=BatchLimits(**limits))


payloads = st.lists(
    st.sampled_from([GOOD, b"[" + GOOD + b",{}]", b"bad", b"", GOOD + b"\n" + GOOD]), max_size=20
)


@given(st.lists(payloads, max_size=6), st.integers(1, 10))
def test_items_are_rows_and_dead_letters_and_progress_is_what_is_durable(pushes, max_rows):
    lake, hot = MemorySink("lake"), MemorySink("hot")
    flow, first = pipeline([lake], [hot], max_rows=max_rows), FIRST
    for push in pushes:
        progress = flow.push(raw_batch(push, first=first), 0.0)
        first += len(push)
        written = lake.batches[-1].span.last if lake.batches else None
        assert progress.done == written
        assert (progress.pending is None) == (written == Position(first - 1) or first == FIRST)
    progress = flow.drain()
    assert progress == Progress(Position(first - 1) if first > FIRST else None, None)
    rows = sum(batch.data.num_rows for batch in lake.batches)
    letters = sum(len(batch.dead_letters) for batch in lake.batches)
    assert rows == flow.stats.rows == sum(batch.data.num_rows for batch in hot.batches)
    assert letters == flow.stats.rejects.total()
    assert flow.stats.records == sum(map(len, pushes))
    assert rows + letters == sum({GOOD: 1, b"bad": 1, b"": 1}.get(one, 2) for push in pushes for one in push)


def test_hot_sinks_get_each_push_at_once_and_the_lake_gets_spans():
    lake, hot = MemorySink("lake"), MemorySink("hot")
    flow = pipeline([lake], [hot], max_rows=3)
    assert flow.push(raw_batch([GOOD]), 0.0) == Progress(None, Position(FIRST))
    assert (len(hot.batches), len(lake.batches)) == (1, 0)
    assert flow.push(raw_batch([GOOD] * 2, first=FIRST + 1), 0.0) == Progress(Position(FIRST + 2), None)
    assert (len(hot.batches), len(lake.batches)) == (2, 1)
    assert lake.batches[0].records == 3


def test_late_rows_are_put_to_their_hour_at_once_so_that_the_span_is_split_without_a_copy():
    def reading(index):
        hour = 9 if index % 5 == 0 else 10  # each fifth is late
        return b'{"timestamp":"2024-12-19T%02d:30:00Z","deviceId":"%d","temperature":1,"humidity":2}' % (
            hour,
            index,
        )

    lake, hot, count = MemorySink("lake"), MemorySink("hot"), 5 * SHORT_RUN_ROWS
    flow = pipeline([lake], [hot])
    for first in (0, count):
        payloads = [reading(index) for index in range(first, first + count)]
        flow.push(raw_batch(payloads, first=FIRST + first), 0.0)
    flow.drain()
    span = lake.batches[0].data
    parts = [part.data for part in split(span, "timestamp")]
    assert [part["device_id"].to_pylist() for part in parts] == [
        [str(index) for index in range(2 * count) if (index % 5 == 0) is late] for late in (True, False)
    ]
    # The first push is left as it came.
    assert addresses(span.slice(count)) <= {address for part in parts for address in addresses(part)}
    # A hot sink's refusals count the rows as they came.
    assert hot.batches[0].data["device_id"].to_pylist() == [str(index) for index in range(count)]


def addresses(data):
    return {chunk.buffers()[1].address for column in data.columns for chunk in column.chunks}


def test_an_idle_shards_span_closes_by_age():
    lake = MemorySink("lake")
    flow = pipeline([lake], max_age_s=60)
    flow.push(raw_batch([GOOD]), 100.0)
    assert flow.push(raw_batch([]), 159.0).done is None
    assert flow.push(raw_batch([]), 160.0).done == Position(FIRST)


def test_dead_letters_of_hot_sinks_reach_the_span_with_their_place():
    lake, hot = MemorySink("lake"), MemorySink("hot", refuse={(1, 0)})
    flow = pipeline([lake], [hot])
    flow.push(raw_batch([b"bad", GOOD, GOOD], arrival_ms=1_734_604_200_000), 0.0)
    flow.drain()
    letters = lake.batches[0].dead_letters
    assert [(one.position.sequence_number - FIRST, one.sink, one.reason) for one in letters] == [
        (0, "", "not_json"),
        (1, "hot", "sink"),
    ]
    assert lake.batches[0].data.num_rows == 2
    assert lake.batches[0].rejects == 1
    assert flow.stats.refused == {"hot": 1}


@pytest.mark.parametrize("down", ["hot", "dead", "lake"])
def test_a_sink_that_is_down_leaves_nothing_done(down):
    sinks = {name: MemorySink(name, down=int(name == down)) for name in ("hot", "dead", "lake")}
    flow = pipeline([sinks["dead"], sinks["lake"]], [sinks["hot"]])

    def write():
        flow.push(raw_batch([GOOD]), 0.0)
        flow.drain()

    with pytest.raises(SinkUnavailable):
        write()
    assert flow.progress == Progress(None, Position(FIRST))


def test_what_was_done_before_a_failure_stays_done():
    lake = MemorySink("lake")
    flow = pipeline([lake], max_rows=2)
    flow.push(raw_batch([GOOD] * 2), 0.0)
    lake.down = 1
    with pytest.raises(SinkUnavailable):
        flow.push(raw_batch([GOOD] * 2, first=FIRST + 2), 0.0)
    assert flow.progress == Progress(Position(FIRST + 1), Position(FIRST + 2))


def test_a_hot_sink_that_fails_while_a_span_is_open_reports_the_spans_start():
    hot = MemorySink("hot")
    flow = pipeline([MemorySink("lake")], [hot])
    flow.push(raw_batch([GOOD]), 0.0)
    hot.down = 1
    with pytest.raises(SinkUnavailable):
        flow.push(raw_batch([GOOD], first=FIRST + 1), 0.0)
    assert flow.progress == Progress(None, Position(FIRST))


def test_aggregated_records_have_sub_positions():
    import hashlib

    from iotstream.unpack import KPL_MAGIC

    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    users = b"".join(field(3, b"\x08\x00" + field(3, one)) for one in (GOOD, b"bad"))
    message = field(1, b"key") + users
    aggregate = KPL_MAGIC + message + hashlib.md5(message).digest()
    lake = MemorySink("lake")
    flow = pipeline([lake])
    flow.push(raw_batch([aggregate]), 0.0)
    assert flow.drain().done == Position(FIRST, 1)
    (batch,) = lake.batches
    assert (batch.span.first, batch.span.last, batch.records) == (Position(FIRST), Position(FIRST, 1), 2)
    assert batch.dead_letters[0].position == Position(FIRST, 1)
