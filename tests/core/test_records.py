"""Positions, spans, raw batches, rejects."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iotstream
from iotstream import Position, Reason, Reject, Rejects, Span
from iotstream.records import Column, size
from iotstream.testing import raw_batch


@given(st.integers(0, 2**186), st.integers(0, 2**31))
def test_a_position_survives_its_text(sequence, sub):
    position = Position(sequence, sub)
    assert Position.parse(str(position)) == position


def test_positions_are_ordered():
    assert Position(1) < Position(1, 1) < Position(2) < Position(10)


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".1", "1.1.1", "-1", "+1", " 1", "1_0", "1,5", "\u0661", "x"]
)
def test_what_is_no_position(text):
    with pytest.raises(ValueError, match="is no position"):
        Position.parse(text)


def test_a_span_and_its_name():
    raw = raw_batch([b"a", b"b", b"c"], first=10)
    assert raw.span == Span("kinesis-stream", "shardId-000000000006", Position(10), Position(12))
    assert str(raw.span) == "shardId-000000000006-10-12"
    assert str(raw.slice(1, 2).span) == "shardId-000000000006-11-11"
    with pytest.raises(IndexError):
        _ = raw.slice(0, 0).span


def test_a_slice_has_all_columns():
    raw = iotstream.RawBatch(
        payloads=[b"a", b"b", b"c"], sequence_numbers=["1", "1", "2"], sub_sequence_numbers=[0, 1, 0],
        arrival_ms=raw_batch([b""] * 3, arrival_ms=[5, 6, 7]).arrival_ms,
        stream="s", shard_id="h", deaggregated=True,
    )  # fmt: skip
    part = raw.slice(1, 3)
    assert len(part) == 2
    assert [part.position(0), part.position(1)] == [Position(1, 1), Position(2)]
    assert part.arrival_ms.to_pylist() == [6, 7]
    assert (part.stream, part.shard_id, part.deaggregated) == ("s", "h", True)


@pytest.mark.parametrize("column", ["sequence_numbers", "sub_sequence_numbers", "arrival_ms"])
def test_columns_are_of_one_length(column):
    columns = {"payloads": [b"a"], "sequence_numbers": ["1"]} | {column: []}
    with pytest.raises(ValueError, match=f"{column} has 0 values for 1 payloads"):
        iotstream.RawBatch(**columns)


@given(st.lists(st.binary(max_size=9)), st.data())
def test_a_column_is_read_like_a_list(values, data):
    column = Column(pa.array(values, pa.binary()))
    start, stop = (data.draw(st.none() | st.integers(-12, 12)) for _ in "12")
    step = data.draw(st.sampled_from([None, 1, 3]))
    for whole, plain in [(column, values), (column[start:stop:step], values[start:stop:step])]:
        assert isinstance(whole, Column)
        assert list(whole) == plain
        assert [whole[index] for index in range(len(whole))] == plain
        assert (len(whole), size(whole)) == (len(plain), size(plain))
        offsets, memory = whole.buffers
        ends = memoryview(offsets).cast("i").tolist()
        assert [bytes(memory)[a:b] for a, b in itertools.pairwise(ends)] == plain
    with pytest.raises(IndexError):
        column[len(values)]


def test_rejects_are_made_when_somebody_looks():
    made = []

    def read():
        made.append(1)
        return [Reject(0, 0, Reason.NULL, "x", "x is null", b"{}")]

    first = Rejects.later([Reason.NULL], read)
    both = Rejects.joined([first, Rejects(), Rejects([Reject(1, 0, Reason.EMPTY, "", "no bytes", b"")])])
    assert (len(both), both.by_reason(), made) == (2, {"null": 1, "empty": 1}, [])
    assert [one.detail for one in both] == [one.detail for one in both] == ["x is null", "no bytes"]
    assert made == [1]


def test_rejects_as_dicts():
    rejects = Rejects([Reject(0, 1, Reason.NULL, "x", "x is null", b"{}")] * 2)
    assert (len(rejects), rejects.by_reason()) == (2, {"null": 2})
    assert rejects.to_pylist()[0] == {
        "record": 0, "item": 1, "reason": "null", "field": "x", "detail": "x is null", "payload": b"{}",
    }  # fmt: skip
    assert repr(rejects) == "Rejects({'null': 2})"


def test_the_reasons_are_a_closed_list():
    assert list(Reason) == [
        "empty", "too_large", "bad_compression", "too_many", "not_utf8", "not_json", "too_deep",
        "not_object", "missing", "null", "wrong_type", "not_finite", "bad_string", "bad_time",
        "out_of_bounds", "too_long", "pattern", "time_out_of_bounds", "sink",
    ]  # fmt: skip
