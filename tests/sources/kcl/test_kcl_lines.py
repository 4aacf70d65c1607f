"""The daemon's lines come out of the pipe whole, in whatever pieces they go in."""

from __future__ import annotations

import base64
import itertools
import os
import threading
from unittest.mock import patch

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from iotstream.sources.kcl import protocol
from iotstream.sources.kcl.protocol import Channel, LeaseLost, to_raw_batch

END = b'{"action":"leaseLost"}\n'


class Pieces:
    """A pipe that gives a piece at a time."""

    def __init__(self, pieces):
        self._pieces = list(pieces)

    def readinto(self, buffer):
        assert len(buffer)
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        part, rest = piece[: len(buffer)], piece[len(buffer) :]
        if rest:
            self._pieces.insert(0, rest)
        buffer[: len(part)] = part
        return len(part)


def line_of(data):
    records = [{"data": base64.b64encode(data).decode(), "sequenceNumber": "1"}]
    return msgspec.json.encode({"action": "processRecords", "records": records}) + b"\n"


def messages(channel):
    while (message := channel.receive()) is not None:
        yield message if isinstance(message, LeaseLost) else to_raw_batch(message, "s", "0").payloads[0]


@given(
    st.lists(st.binary(max_size=300), max_size=8),
    st.lists(st.integers(0, 4000), max_size=40),
    st.integers(1, 400),
)
def test_lines_survive_any_pieces_and_any_buffer(datas, cuts, first_bytes):
    text = b"".join(line_of(one) for one in datas) + END
    places = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    pieces = [text[start:stop] for start, stop in itertools.pairwise(places)]
    with patch.object(protocol, "FIRST_BUFFER_BYTES", first_bytes):
        channel = Channel(Pieces(pieces), None)
    assert list(messages(channel)) == [*datas, LeaseLost()]
    assert channel.receive() is None


def test_lines_of_megabytes_through_a_pipe():
    read, write = os.pipe()
    datas = [os.urandom(size) for size in (10, 3_000_000, 1, 9_000_000, 2_000_000)]

    def give():
        with os.fdopen(write, "wb") as target:
            for one in datas:
                target.write(line_of(one))
            target.write(line_of(b"cut off")[:-1])

    thread = threading.Thread(target=give)
    thread.start()
    with os.fdopen(read, "rb", buffering=0) as source:
        assert list(messages(Channel(source, None))) == datas
    thread.join()
