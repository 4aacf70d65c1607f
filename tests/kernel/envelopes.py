"""Envelopes of records as their senders write them, the same damaged, and what pure Python reads in them."""

import base64
import json
from unittest import mock

from hypothesis import strategies as st

from iotstream.records import RawBatch
from iotstream.sources import lambda_event
from iotstream.sources.kcl import protocol
from iotstream.stream_calls import read_page_in_python

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/readings"
SHARD_ID = "shardId-000000000006"

payloads = st.binary(max_size=120)
sequences = st.integers(0, 2**186).map(str)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def base64_text(payload):
    return base64.b64encode(payload).decode()


# --- Lambda's event --------------------------------------------------------------------------------


def event_record(payload, sequence, seconds, key="1", shard=SHARD_ID):
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": base64_text(payload),
            "approximateArrivalTimestamp": seconds,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/readings",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM_ARN,
    }


arrivals = st.one_of(
    st.integers(0, 10**13).map(lambda ms: ms / 1000),
    st.integers(0, 10**16).map(lambda us: us / 1_000_000),
    st.floats(0, 1e12).filter(lambda seconds: seconds == 0 or seconds > 1e-300),
    st.integers(0, 10**10),
)
event_records = st.builds(event_record, payloads, sequences, arrivals, texts)


def shuffled(record, order):
    """The same with its keys in another order."""
    record = {**record, "kinesis": {key: record["kinesis"][key] for key in order(record["kinesis"])}}
    return {key: record[key] for key in order(record)}


@st.composite
def documents(draw, records):
    """Texts of an event's records, their keys in one order or another, spaced and escaped as may be."""
    found = draw(st.lists(records, min_size=1, max_size=8))
    if draw(st.booleans()):
        random = draw(st.randoms(use_true_random=False))
        found = [shuffled(one, lambda keys: random.sample(list(keys), len(keys))) for one in found]
    return text({"Records": found}, draw(st.integers(0, 2)), ascii_only=draw(st.booleans()))


def text(document, spacing=0, *, ascii_only=True):
    spacings = [{"separators": (",", ":")}, {}, {"indent": 2}]
    return json.dumps(document, ensure_ascii=ascii_only, **spacings[spacing]).encode()


def read_by_kernel(columns):
    """What the kernel read of an event, as a batch; None if nothing."""
    return None if columns is None else lambda_event._from_columns(columns)


def read_event_in_python(data):
    """The only batch of an event; None if it is none, or has several."""
    with mock.patch.object(lambda_event, "native", None):
        try:
            batches = lambda_event.raw_batches(data)
        except Exception:
            return None
    return batches[0] if len(batches) == 1 else None


# --- KCL's line ------------------------------------------------------------------------------------


def message_record(payload, sequence, arrival_ms, sub=0, key="1"):
    return {
        "data": base64_text(payload),
        "partitionKey": key,
        "sequenceNumber": sequence,
        "approximateArrivalTimestamp": arrival_ms,
        "subSequenceNumber": sub,
        "action": "record",
    }


message_records = st.builds(
    message_record, payloads, sequences, st.integers(0, 10**17), st.none() | st.integers(0, 3), texts
)


def message(records, behind=0):
    return {"action": "processRecords", "records": records, "millisBehindLatest": behind}


def read_message_by_kernel(columns):
    """What the kernel read of a line: a batch, and how far behind it is; None if nothing."""
    if columns is None:
        return None
    batch = RawBatch.of_columns(columns, stream="s", shard_id="x", deaggregated=True)
    return batch, columns.millis_behind_latest


def read_message_in_python(line):
    """The same by pure Python; None if it is no message with records."""
    try:
        found = protocol.decode_message_in_python(line)
        if not isinstance(found, protocol.ProcessRecords):
            return None
        return protocol.to_raw_batch(found, "s", "x"), found.millis_behind_latest
    except Exception:
        return None


# --- An answer of GetRecords -----------------------------------------------------------------------


def page_record(payload, sequence, seconds, key="1"):
    return {
        "ApproximateArrivalTimestamp": seconds,
        "Data": base64_text(payload),
        "PartitionKey": key,
        "SequenceNumber": sequence,
    }


page_records = st.builds(page_record, payloads, sequences, arrivals, texts)


def page(records, behind=0, **more):
    return {"MillisBehindLatest": behind, "NextShardIterator": "AAAA\n==", "Records": records, **more}


def page_contents(found):
    """What a page holds, in types that compare."""
    return {**found._asdict(), "records": contents(found.records)}


def page_in_python(answer):
    """The same by pure Python; None if it is no page."""
    try:
        return page_contents(read_page_in_python(answer))
    except Exception:
        return None


# --- All -------------------------------------------------------------------------------------------


def contents(batch):
    """What a batch holds, in types that compare."""
    subs, arrival = batch.sub_sequence_numbers, batch.arrival_ms
    return {
        "payloads": list(batch.payloads),
        "sequence_numbers": list(batch.sequence_numbers),
        "sub_sequence_numbers": None if subs is None else list(subs),
        "arrival_ms": None if arrival is None else arrival.to_pylist(),
        "stream": batch.stream,
        "shard_id": batch.shard_id,
        "deaggregated": batch.deaggregated,
    }


PIECES = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\0", b"\x1f", b"\xff", b"\xc3\xa4",
    b"\xed\xa0\x80", b"0", b"9", b"-", b".", b"e5", b"E-3", b"=", b"==", b"A", b"/", b"null", b"true",
    b"1e999", b"00", b'""', b"[]", b'\\"', b"\\u0041", b"\\ud83d\\ude00", b"\\ud83d", b"\\udc00x", b"\\x",
    b'"data":"",', b'"kinesis":{},', b'"eventID":"a:1",', b',"sequenceNumber":"1"', b'"subSequenceNumber":3,',
    b'"action":"record",', b'"x":[{"y":1.5}],', b"9007199254740993", b"123456789012345678901234567890",
    b".0005", b".12345678901234567", b"999999999999",
]  # fmt: skip


def damage(data, random):
    """Bytes flipped, cut, put in, moved."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        if not data:
            break
        at, other = sorted(random.randrange(len(data)) for _ in range(2))
        match random.randrange(8):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                data[at] = random.choice(b'"\\{}[],: 0123456789.eE-=Az/\x00\x1f\x80\xff')
            case 2:
                del data[at : at + random.randrange(1, 6)]
            case 3 | 4:
                data[at:at] = random.choice(PIECES)
            case 5:
                data[at : at + random.randrange(1, 6)] = random.choice(PIECES)
            case 6:
                data[at:at] = data[at:other][: random.randrange(1, 200)]
            case _:
                del data[other:]
    return bytes(data)
