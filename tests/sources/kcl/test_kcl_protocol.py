from __future__ import annotations

import base64
import contextlib
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import native_ways
from iotstream.errors import StreamUnavailable
from iotstream.position import Position
from iotstream.sources.kcl import protocol
from iotstream.sources.kcl.protocol import (
    Channel,
    Checkpoint,
    DaemonGone,
    Initialize,
    LeaseLost,
    ProcessColumns,
    ProcessRecords,
    ShardEnded,
    ShutdownRequested,
    decode_message,
    to_raw_batch,
)

# As the daemon of KCL 3.1.3 writes them.
INITIALIZE = (
    b'{"action":"initialize","shardId":"shardId-000000000000","sequenceNumber":"TRIM_HORIZON",'
    b'"subSequenceNumber":0}\n'
)
PROCESS = (
    b'{"action":"processRecords","records":[{"data":"eyJhIjoxfQ==","partitionKey":"k\xc3\xa4\\u0000\\"",'
    b'"sequenceNumber":"49590338271490256608559692538361571095921575989136588898",'
    b'"approximateArrivalTimestamp":1734604200123,"subSequenceNumber":0,"action":"record"}],'
    b'"millisBehindLatest":42}\n'
)
EMPTY = b'{"action":"processRecords","records":[],"millisBehindLatest":0}\n'
CHECKPOINT = (
    b'{"action":"checkpoint","sequenceNumber":"5","subSequenceNumber":2,"error":"ThrottlingException"}\n'
)


PROCESSED = (ProcessRecords, ProcessColumns)


@pytest.fixture(scope="module", params=["kernel", "python"], autouse=True)
def way(request):
    """Messages are read by the compiled kernel, and without it."""
    with native_ways.used(request.param, protocol):
        yield


def channel(*lines):
    sent = io.BytesIO()
    return Channel(io.BytesIO(b"".join(lines)), sent), sent


def record(data, sequence, sub=0, arrival=1):
    fields = {"data": base64.b64encode(data).decode(), "partitionKey": "k", "sequenceNumber": str(sequence)}
    return {**fields, "approximateArrivalTimestamp": arrival, "subSequenceNumber": sub, "action": "record"}


def test_the_daemons_lines():
    assert decode_message(INITIALIZE) == Initialize("shardId-000000000000", "TRIM_HORIZON", 0)
    message = decode_message(PROCESS)
    assert isinstance(message, PROCESSED)
    raw = to_raw_batch(message, "stream", "shardId-0")
    assert (list(raw.payloads), raw.arrival_ms.to_pylist()) == ([b'{"a":1}'], [1734604200123])
    assert message.millis_behind_latest == 42
    empty = decode_message(EMPTY)
    assert isinstance(empty, PROCESSED)
    assert (len(to_raw_batch(empty, "stream", "shardId-0")), empty.millis_behind_latest) == (0, 0)
    assert decode_message(b'{"action":"leaseLost"}\n') == LeaseLost()
    assert decode_message(b'{"action":"shardEnded"}\n') == ShardEnded()
    assert decode_message(b'{"action":"shutdownRequested"}\n') == ShutdownRequested()
    assert decode_message(CHECKPOINT) == Checkpoint("ThrottlingException", "5", 2)
    taken = b'{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null,"error":null}'
    assert decode_message(taken) == Checkpoint(None)


@pytest.mark.parametrize(
    ("sequence", "sub", "read_after", "checkpoint"),
    [
        ("TRIM_HORIZON", 0, "TRIM_HORIZON", None),
        ("LATEST", 0, "LATEST", None),
        ("AT_TIMESTAMP", 0, "AT_TIMESTAMP", None),
        ("49590338271490256608559692538361571095921575989136588898", 0, None, ...),
        ("7", 3, "7.3", Position(7, 3)),
        ("7", None, "7", Position(7, 0)),
        ("SHARD_END", 0, None, None),
        (None, None, None, None),
    ],
)
def test_from_where_a_shard_is_read(sequence, sub, read_after, checkpoint):
    message = Initialize("shardId-0", sequence, sub)
    if checkpoint is ...:
        read_after, checkpoint = sequence, Position(int(sequence))
    assert message.read_after == read_after
    assert message.checkpoint == checkpoint


payloads = st.lists(
    st.tuples(st.binary(max_size=40), st.integers(0, 2**184), st.integers(0, 9), st.integers(0, 2**52)),
    max_size=20,
)


@given(payloads, st.integers(0, 2**40) | st.none())
def test_records_become_columns_in_their_order(records, behind):
    message = {"action": "processRecords", "millisBehindLatest": behind}
    message["records"] = [record(*one) for one in records]
    decoded = decode_message(json.dumps(message).encode() + b"\n")
    assert isinstance(decoded, PROCESSED)
    raw = to_raw_batch(decoded, "stream", "shardId-0")
    assert list(raw.payloads) == [one[0] for one in records]
    assert [raw.position(index) for index in range(len(raw))] == [Position(*one[1:3]) for one in records]
    assert raw.arrival_ms is not None
    assert raw.arrival_ms.to_pylist() == [one[3] for one in records]
    assert (raw.stream, raw.shard_id, raw.deaggregated) == ("stream", "shardId-0", True)
    assert decoded.millis_behind_latest == behind


def test_what_may_be_missing_may_be_missing():
    line = b'{"action":"processRecords","records":[{"data":"","sequenceNumber":"1","explicitHashKey":null}]}'
    decoded = decode_message(line)
    assert isinstance(decoded, PROCESSED)
    raw = to_raw_batch(decoded, "s", "x")
    assert list(raw.payloads) == [b""]
    assert raw.arrival_ms is not None
    assert raw.arrival_ms.to_pylist() == [None]
    assert raw.position(0) == Position(1, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"[]\n",
        b'{"action":"unheardOf"}\n',
        b'{"shardId":"x"}\n',
        b'{"action":"initialize"}\n',
        b'{"action":"processRecords","records":[{"data":"not base64!","sequenceNumber":"1"}]}\n',
        b'{"action":"processRecords","records":[{"data":"","sequenceNumber":1}]}\n',
        b'{"action":"processRecords","records":{}}\n',
        b'{"action":"leaseLost"} {"action":"leaseLost"}\n',
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_message_is_refused_and_shown(line):
    with pytest.raises(StreamUnavailable, match="no message of its protocol"):
        decode_message(line)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(line):
    with contextlib.suppress(StreamUnavailable):
        decode_message(line)


def test_a_line_that_is_cut_off_is_the_end():
    for cut in range(len(EMPTY)):
        assert channel(EMPTY[:cut])[0].receive() is None
    assert isinstance(channel(EMPTY)[0].receive(), PROCESSED)


def test_answers_are_one_line_each():
    one, sent = channel()
    for action in (
        Initialize("x"),
        decode_message(EMPTY),
        LeaseLost(),
        ShardEnded(),
        ShutdownRequested(),
    ):
        one.acknowledge(action)
    names = ["initialize", "processRecords", "leaseLost", "shardEnded", "shutdownRequested"]
    expected = [{"action": "status", "responseFor": name} for name in names]
    assert [json.loads(line) for line in sent.getvalue().splitlines()] == expected


def test_a_checkpoint_names_both_numbers_or_none():
    one, sent = channel(CHECKPOINT, b'{"action":"checkpoint"}\n')
    assert one.checkpoint(Position(5, 2)) == "ThrottlingException"
    assert one.checkpoint(None) is None
    asked = [json.loads(line) for line in sent.getvalue().splitlines()]
    assert asked == [
        {"action": "checkpoint", "sequenceNumber": "5", "subSequenceNumber": 2},
        {"action": "checkpoint", "sequenceNumber": None, "subSequenceNumber": None},
    ]


def test_a_checkpoint_without_its_answer_is_no_checkpoint():
    with pytest.raises(DaemonGone):
        channel()[0].checkpoint(Position(5, 2))
    with pytest.raises(StreamUnavailable, match="answered a checkpoint with processRecords"):
        channel(EMPTY)[0].checkpoint(Position(5, 2))


def test_an_answer_that_nobody_hears():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as target, pytest.raises(DaemonGone):
        Channel(io.BytesIO(), target).acknowledge(LeaseLost())
