import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.batch import LETTER_BYTES, Batch, Batcher, BatchLimits, DeadLetter
from iotstream.position import Position, Span
from iotstream.rejects import Reason
from iotstream.testing import FIRST_SEQUENCE_NUMBER, raw_batch


def push(first, rows, letters=0):
    letter = DeadLetter(
        position=Position(first),
        item=0,
        arrival_ms=None,
        sink="",
        reason=Reason.EMPTY,
        field="",
        detail="",
        payload=b"",
    )
    return Batch(
        data=pa.table({"n": pa.array(range(first, first + rows), pa.int64())}),
        span=Span("s", "shard", Position(first), Position(first + max(rows - 1, 0))),
        records=rows,
        dead_letters=[letter] * letters,
    )


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(1, 100))
def test_spans_are_contiguous_in_order_and_complete(sizes, max_rows):
    batcher, spans, first = Batcher(BatchLimits(max_rows=max_rows)), [], 0
    for rows in sizes:
        batcher.add(push(first, rows), 0.0)
        first += rows
        if batcher.due(0.0):
            spans.append(batcher.flush())
            assert spans[-1].data.num_rows >= max_rows
    assert batcher.pending is None or batcher.pending.sequence_number == sum(s.data.num_rows for s in spans)
    spans += [last] if (last := batcher.flush()) else []
    assert [n for span in spans for n in span.data["n"].to_pylist()] == list(range(first))
    assert [span.span.first.sequence_number for span in spans] == [
        span.data["n"][0].as_py() for span in spans
    ]
    assert [span.span.last.sequence_number for span in spans] == [
        span.data["n"][-1].as_py() for span in spans
    ]
    assert sum(span.records for span in spans) == first


def test_age_counts_from_the_first_push():
    batcher = Batcher(BatchLimits(max_age_s=60))
    batcher.add(push(0, 1), 100.0)
    batcher.add(push(1, 1), 159.0)
    assert not batcher.due(159.9)
    assert batcher.due(160.0)
    batcher.flush()
    assert not batcher.due(1000.0)


@pytest.mark.parametrize("limits", [BatchLimits(max_rows=3), BatchLimits(max_bytes=LETTER_BYTES + 2 * 8)])
def test_dead_letters_and_bytes_count(limits):
    batcher = Batcher(limits)
    batcher.add(push(0, 1, letters=1), 0.0)
    assert not batcher.due(0.0)
    batcher.add(push(1, 1), 0.0)
    assert batcher.due(0.0)


def test_the_first_push_always_fits():
    batcher = Batcher(BatchLimits(max_rows=1))
    batcher.add(push(0, 500), 0.0)
    assert batcher.flush().data.num_rows == 500


def test_flushing_nothing_gives_nothing():
    assert Batcher(BatchLimits()).flush() is None


def test_a_dead_letter_knows_where_its_record_stood():
    from iotstream.rejects import Reject

    raw = raw_batch([b"a", b"b"], arrival_ms=[10, 20])
    letter = DeadLetter.of(Reject(1, 3, Reason.NOT_JSON, "", "d", b"b"), raw, sink="timestream")
    assert letter.position == Position(FIRST_SEQUENCE_NUMBER + 1)
    assert (letter.item, letter.arrival_ms, letter.sink) == (3, 20, "timestream")


def test_an_aggregate_that_comes_in_two_parts_is_one_record_of_the_stream():
    batcher = Batcher(BatchLimits())
    for first, last in (((1, 0), (2, 3)), ((2, 4), (3, 0)), ((4, 0), (4, 0))):
        ends = Position(*first), Position(*last)
        span, records = Span("s", "shard", *ends), ends[1].sequence_number - ends[0].sequence_number + 1
        batcher.add(Batch(data=pa.table({"n": [1]}), span=span, records=5, kinesis_records=records), 0.0)
    assert batcher.flush().kinesis_records == 4
