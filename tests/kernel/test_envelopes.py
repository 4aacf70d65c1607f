"""Envelopes of records: what the kernel reads of them is what pure Python reads, or it reads nothing."""

import gc
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from damaged import AWS_EVENT
from envelopes import (
    SHARD_ID,
    STREAM_ARN,
    arrivals,
    contents,
    documents,
    event_record,
    event_records,
    message,
    message_record,
    message_records,
    page,
    page_contents,
    page_in_python,
    page_record,
    page_records,
    read_by_kernel,
    read_event_in_python,
    read_message_by_kernel,
    read_message_in_python,
    text,
)
from hypothesis import given
from hypothesis import strategies as st

from iotstream.stream_calls import ChildShard, read_page


def event(*changes, **fields):
    """Two records, the second one changed: by dicts, or fields of "kinesis"."""
    first = event_record(b"first", "17", 1734604200.123)
    second = event_record(b"second", "18", 1734604200.124)
    second["kinesis"].update(fields)
    for change in changes:
        second.update(change)
    return {"Records": [first, second]}


# --- Lambda's event --------------------------------------------------------------------------------


def test_the_event_of_the_documentation(kernel):
    columns = kernel.read_event(AWS_EVENT)
    assert columns.count == 2
    assert columns.shard_id == "shardId-000000000006"
    assert columns.stream_arn == "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
    assert columns.sub_sequence_numbers is None
    assert columns.millis_behind_latest is None
    assert contents(read_by_kernel(columns)) == contents(read_event_in_python(AWS_EVENT))
    parsed = kernel.read_records(json.loads(AWS_EVENT)["Records"])
    assert contents(read_by_kernel(parsed)) == contents(read_event_in_python(AWS_EVENT))


@given(documents(event_records))
def test_events_are_read_whatever_the_order_and_the_spaces(kernel, data):
    expected = contents(read_event_in_python(data))
    assert contents(read_by_kernel(kernel.read_event(data))) == expected
    assert contents(read_by_kernel(kernel.read_records(json.loads(data)["Records"]))) == expected


@given(arrivals)
def test_arrivals_are_rounded_as_by_pyarrow(kernel, seconds):
    data = text({"Records": [event_record(b"x", "1", seconds)]})
    expected = read_event_in_python(data).arrival_ms
    assert read_by_kernel(kernel.read_event(data)).arrival_ms.equals(expected)
    assert read_by_kernel(kernel.read_records(json.loads(data)["Records"])).arrival_ms.equals(expected)


@pytest.mark.parametrize(
    "seconds",
    ["0", "0.0", "1734604200", "1734604200.0005", "1734604200.0015", "1734604200.5e0", "1.7346042E+9",
     "999999999999.999", "1000000000000.5", "0.0004999", "0.0005", "0.00050000000000000001", "1e-5"],
)  # fmt: skip
def test_arrivals_in_any_notation(kernel, seconds):
    data = text({"Records": [event_record(b"x", "1", 1.5)]}).replace(b":1.5", f":{seconds}".encode())
    expected = read_event_in_python(data).arrival_ms
    assert read_by_kernel(kernel.read_event(data)).arrival_ms.equals(expected)


def test_a_whole_event_of_lambda(kernel):
    records = [
        event_record(b"%d" % n * (n % 40), str(10**55 + n), (10**12 + n) / 1000, f"key {n}")
        for n in range(3000)
    ]
    data = text({"Records": records})
    expected = contents(read_event_in_python(data))
    assert contents(read_by_kernel(kernel.read_event(data))) == expected
    assert contents(read_by_kernel(kernel.read_records(records))) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b'{"Records":[]}',
        b'{"Records":{}}',
        b'{"Records":[1]}',
        b'{"Records":[{}]}',
        b"\xef\xbb\xbf" + AWS_EVENT,
        AWS_EVENT + b"x",
        AWS_EVENT + AWS_EVENT,
        AWS_EVENT[:-3],
        AWS_EVENT[:-2] + b',"Records":[]}',
        text({"Records": [event_record(b"a", "1", 1.5)], "window": {}}),
        text(event({"eventID": "shardId-000000000007:18"})),
        text(event({"eventID": 3})),
        text(event({"eventID": None})),
        text(event({"eventSourceARN": STREAM_ARN + "2"})),
        text(event({"eventSourceARN": 'a"b'})),
        text(event({"kinesis": []})),
        text(event({"kinesis": {}})),
        text(event({"x": 1e300})),
        text(event({"x": 10**20})),
        text(event({"x": json.loads("[" * 40 + "]" * 40)})),
        text(event({"x": "\ud800"})),
        text(event(data="a")),
        text(event(data="QQ=")),
        text(event(data="QQ")),
        text(event(data="QR==")),
        text(event(data="Q Q==")),
        text(event(data="QQ==\n")),
        text(event(data="QQ==QQ==")),
        text(event(data="Q-_=")),
        text(event(data="\u00e4")),
        text(event(data=None)),
        text(event(sequenceNumber=18)),
        text(event(sequenceNumber="")),
        text(event(sequenceNumber="18.5")),
        text(event(sequenceNumber="-1")),
        text(event(sequenceNumber="\u0661")),
        text(event(approximateArrivalTimestamp=None)),
        text(event(approximateArrivalTimestamp="1")),
        text(event(approximateArrivalTimestamp=-1.5)),
        text(event(approximateArrivalTimestamp=True)),
        text(event(approximateArrivalTimestamp=10**14)),
        text(event(approximateArrivalTimestamp=1e15)),
        text(event()).replace(b'"18"', b'"\\u0031"'),
        text(event()).replace(b'"data"', b'"d\\u0061ta"'),
        text(event()).replace(b'"data"', b'"dat"'),
        text(event()).replace(b'"data"', b'"data":"QQ==","data"'),
        text(event()).replace(b'"kinesis"', b'"kinesis":{},"kinesis"'),
        text(event()).replace(b'"eventID"', b'"eventID":"a","eventID"'),
        text(event()).replace(b'"1.0"', b'"1\x00"'),
        text(event()).replace(b'"1.0"', b'"1\xff"'),
        text(event()).replace(b'"1.0"', b'"\xed\xa0\x80"'),
        text(event()).replace(b'"1.0"', b'"\\x"'),
        text(event()).replace(b'"1.0"', b"01"),
        text(event()).replace(b'"1.0"', b"1."),
        text(event()).replace(b"1734604200.124", b"01734604200.124"),
        text(event()).replace(b"1734604200.124", b"1734604200."),
        text(event()).replace(b"1734604200.124", b"1734604200.124e"),
        text(event()).replace(b"1734604200.124", b"1734604200.124e400"),
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_event_is_left_to_python(kernel, data):
    assert kernel.read_event(data) is None


@pytest.mark.parametrize(
    "records",
    [
        [],
        [1],
        [{}],
        [None],
        event({"eventID": "shardId-000000000007:18"})["Records"],
        event({"eventID": "shardId-0000000000060:18"})["Records"],
        event({"eventID": None})["Records"],
        event({"kinesis": None})["Records"],
        event({"kinesis": {}})["Records"],
        event(data="QQ=")["Records"],
        event(data="\ud800")["Records"],
        event(data=b"QQ==")["Records"],
        event(sequenceNumber=18)["Records"],
        event(sequenceNumber="1a")["Records"],
        event(approximateArrivalTimestamp=None)["Records"],
        event(approximateArrivalTimestamp=True)["Records"],
        event(approximateArrivalTimestamp=float("nan"))["Records"],
        event(approximateArrivalTimestamp=float("inf"))["Records"],
        event(approximateArrivalTimestamp=-1.0)["Records"],
        event(approximateArrivalTimestamp=10**30)["Records"],
    ],
)
def test_what_are_not_plainly_an_events_records_is_left_to_python(kernel, records):
    assert kernel.read_records(records) is None


def test_an_id_may_be_the_shard_alone(kernel):
    data = text({"Records": [event_record(b"a", "1", 1.5) | {"eventID": SHARD_ID}]})
    assert contents(read_by_kernel(kernel.read_event(data))) == contents(read_event_in_python(data))


# --- KCL's line ------------------------------------------------------------------------------------


@given(
    st.lists(message_records, max_size=8), st.none() | st.integers(0, 2**59), st.integers(0, 2), st.booleans()
)
def test_messages_are_read(kernel, records, behind, spacing, ascii_only):
    line = text(message(records, behind), spacing, ascii_only=ascii_only) + b"\n"
    batch, millis = read_message_by_kernel(kernel.read_message(line))
    expected, expected_millis = read_message_in_python(line)
    assert contents(batch) == contents(expected)
    assert millis == expected_millis == behind


def test_a_message_in_any_order_of_keys(kernel):
    records = [message_record(b"%d" % n, str(n), n, n % 3) for n in range(50)]
    keys, r = list(message([])), random.Random(1)
    for _ in range(20):
        mixed = [{key: one[key] for key in r.sample(list(one), len(one))} for one in records]
        whole = message(mixed, 7)
        line = text({key: whole[key] for key in r.sample(keys, len(keys))})
        batch, millis = read_message_by_kernel(kernel.read_message(line))
        assert contents(batch) == contents(read_message_in_python(line)[0])
        assert millis == 7


def test_what_a_message_may_lack_or_have_besides(kernel):
    lean = message_record(b"a", "1", 2)
    del lean["subSequenceNumber"], lean["action"], lean["partitionKey"]
    rich = {
        **message_record(b"b", "2", 3, 1),
        "explicitHashKey": None,
        "encryptionType": "KMS",
        "x": [{"y": 1.5}],
    }
    for records in ([lean], [rich], [lean, rich, lean, {**rich, "explicitHashKey": "12"}]):
        whole = message(records)
        del whole["millisBehindLatest"]
        line = text(whole)
        batch, millis = read_message_by_kernel(kernel.read_message(line))
        assert contents(batch) == contents(read_message_in_python(line)[0])
        assert millis is None


def test_a_line_in_a_buffer_that_is_used_again(kernel):
    line = text(message([message_record(b"payload", "1", 2)])) + b"\n"
    buffer = bytearray(b"before" + line + b"after")
    with memoryview(buffer)[6 : 6 + len(line)] as view:
        columns = kernel.read_message(view)
    buffer[:] = bytes(len(buffer))
    buffer.extend(b"more")  # no view of it is left
    assert list(read_message_by_kernel(columns)[0].payloads) == [b"payload"]
    with pytest.raises(BufferError):
        kernel.read_message(memoryview(line)[::2])


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null",
        b'{"action":"leaseLost"}',
        b'{"action":"initialize","shardId":"x","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0}',
        b'{"action":"processRecords"}',
        b'{"records":[]}',
        b'{"action":"processRecords","action":"processRecords","records":[]}',
        b'{"action":"processRecords","records":[],"records":[]}',
        b'{"action":"processRecords","records":[],"millisBehindLatest":-1}',
        b'{"action":"processRecords","records":[],"millisBehindLatest":1.0}',
        b'{"action":"processRecords","records":[],"millisBehindLatest":1e3}',
        b'{"action":"processRecords","records":[],"millisBehindLatest":12345678901234567890}',
        b'{"action":"processRecords","records":[],"other":1}',
        b'{"action":"process\\u0052ecords","records":[]}',
        b'{"action":"processRecords","records":[]} x',
        b'{"action":"processRecords","records":[{}]}',
        *(
            text(message([message_record(b"a", "1", 1), {**message_record(b"a", "1", 1), **change}]))
            for change in (
                {"data": "QQ="},
                {"data": None},
                {"sequenceNumber": "TRIM_HORIZON"},
                {"sequenceNumber": 1},
                {"approximateArrivalTimestamp": None},
                {"approximateArrivalTimestamp": 1.5},
                {"approximateArrivalTimestamp": -1},
                {"approximateArrivalTimestamp": 10**18},
                {"subSequenceNumber": "1"},
                {"subSequenceNumber": -1},
                {"partitionKey": "\ud800"},
            )
        ),
    ],
)
def test_what_is_not_plainly_a_message_with_records_is_left_to_python(kernel, line):
    assert kernel.read_message(line) is None


# --- An answer of GetRecords -----------------------------------------------------------------------


@given(st.lists(page_records, max_size=8), st.integers(0, 10**14), st.integers(0, 2), st.booleans())
def test_pages_are_read(kernel, records, behind, spacing, ascii_only):
    answer = text(page(records, behind), spacing, ascii_only=ascii_only)
    assert kernel.read_page(answer) is not None
    assert page_contents(read_page(answer)) == page_in_python(answer)


@pytest.mark.parametrize("more", [{}, {"EncryptionType": "KMS"}], ids=["plain", "encrypted"])
def test_the_last_page_of_a_shard_in_any_order_of_keys(kernel, more):
    records = [{**page_record(b"%d" % n, str(n), n + 0.25), **more} for n in range(50)]
    children = [{"ShardId": "b", "ParentShards": ["a"], "HashKeyRange": {"StartingHashKey": "0"}}]
    whole, r = page(records, ChildShards=children), random.Random(1)
    del whole["NextShardIterator"]
    for _ in range(20):
        answer = text({key: whole[key] for key in r.sample(list(whole), len(whole))})
        assert kernel.read_page(answer) is not None
        found = read_page(answer)
        assert page_contents(found) == page_in_python(answer)
        assert (found.next_iterator, found.child_shards) == (None, [ChildShard("b", ["a"])])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"Records":null}',
        b'{"Records":[],"Records":[]}',
        b'{"Records":[{}]}',
        b'{"Records":[]',
    ],
)
def test_what_is_not_plainly_a_page_is_left_to_python(kernel, answer):
    assert kernel.read_page(answer) is None


# --- All -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["read_event", "read_message", "read_page"])
def test_only_bytes_are_read(kernel, read):
    for wrong in ("{}", None, 3, ["{}"]):
        with pytest.raises(TypeError):
            getattr(kernel, read)(wrong)
    assert getattr(kernel, read)(bytearray()) is None


def test_threads_read_at_once(kernel):
    events = [text({"Records": [event_record(b"%d" % n, str(n), n) for _ in range(500)]}) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(kernel.read_event, events * 10))
    for number, columns in enumerate(read):
        assert list(read_by_kernel(columns).payloads) == [b"%d" % (number % 8)] * 500


def test_columns_outlive_what_they_were_read_from(kernel):
    data = bytearray(text({"Records": [event_record(b"payload", "7", 1.5)] * 100}))
    batch = read_by_kernel(kernel.read_event(data))
    data[:] = bytes(len(data))
    del data
    gc.collect()
    assert list(batch.payloads) == [b"payload"] * 100
    assert list(batch.sequence_numbers) == ["7"] * 100
