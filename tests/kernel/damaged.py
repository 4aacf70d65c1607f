"""A damaged envelope or packed payload of each kind, read by the kernel as in pure Python or not at all.

Each check takes the kernel and a `random.Random`, and says whether the kernel has read it.
"""

import json
from pathlib import Path

import msgspec
from envelopes import (
    contents,
    damage,
    event_record,
    message,
    message_record,
    page,
    page_contents,
    page_in_python,
    page_record,
    read_by_kernel,
    read_event_in_python,
    read_message_by_kernel,
    read_message_in_python,
    text,
)
from packed import PACKERS, sealed, spoil, taken_apart, taken_apart_in_python

from iotstream import Limits
from iotstream.stream_calls import read_page
from iotstream.testing import kpl_aggregate
from iotstream.unpack import inflate

AWS_EVENT = (Path(__file__).parents[1] / "sources" / "kinesis-event.json").read_bytes()
ROW = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"test-001","temperature":23.5,"humidity":65}'
MOST = Limits().max_inflated_bytes

EVENTS = {"Records": [event_record(b"payload %d" % n, str(n), 1734604200.123 + n) for n in range(2)]}
MESSAGES = message([message_record(b"payload %d" % n, str(n), 10**12 + n, n, f"k{n}") for n in range(3)], 42)
PAGES = page([page_record(b"payload %d" % n, str(n), 1.5e9 + n / 8, f"k{n}") for n in range(3)], 42)


def a_text(document, random):
    return damage(text(document, random.randrange(3)), random)


def events(kernel, random):
    """A Lambda event, as bytes."""
    data = damage(AWS_EVENT, random) if random.random() < 0.25 else a_text(EVENTS, random)
    read = read_by_kernel(kernel.read_event(data))
    assert read is None or contents(read) == contents(read_event_in_python(data)), data
    return read is not None


def parsed_events(kernel, random):
    """The same, as the runtime has parsed it."""
    data = a_text(EVENTS, random)
    try:
        records = json.loads(data)["Records"]
    except (ValueError, KeyError, TypeError):
        return False
    read = read_by_kernel(kernel.read_records(records)) if isinstance(records, list) else None
    assert read is None or contents(read) == contents(read_event_in_python({"Records": records})), data
    return read is not None


def messages(kernel, random):
    """A line of KCL's."""
    line = a_text(MESSAGES, random) + b"\n"
    read = read_message_by_kernel(kernel.read_message(line))
    if read is None:
        return False
    batch, millis = read_message_in_python(line)
    assert (contents(read[0]), read[1]) == (contents(batch), millis), line
    return True


def pages(kernel, random):
    """An answer of GetRecords. What is not the records' in it is msgspec's to read."""
    answer = a_text(PAGES, random)
    if kernel.read_page(answer) is None:
        return False
    try:
        found = page_contents(read_page(answer))
    except msgspec.DecodeError:
        found = None
    assert found == page_in_python(answer), answer
    return found is not None


def compressed(kernel, random):
    """A compressed payload, within its bound or not."""
    payload = spoil(random.choice(list(PACKERS.values()))(ROW * random.randrange(4)), random)
    most = random.choice([200, MOST])
    read = kernel.inflate_text(payload, most)
    assert read is None or read == inflate(payload, Limits(max_inflated_bytes=most)), payload
    return read is not None


def aggregates(kernel, random):
    """KPL aggregates; of most the digest is right, so that it is the structure that decides."""
    payloads = []
    for _ in range(random.randrange(1, 10)):
        whole = kpl_aggregate([random.randbytes(random.randrange(150)) for _ in range(random.randrange(6))])
        right = random.random() < 0.9
        payloads.append(sealed(spoil(whole[4:-16], random)) if right else spoil(whole, random))
    found = taken_apart(kernel, payloads)
    assert found == taken_apart_in_python(payloads), payloads
    return len(found[0]) > len(payloads)


CHECKS = {one.__name__: one for one in (events, parsed_events, messages, pages, compressed, aggregates)}
