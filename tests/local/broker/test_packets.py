"""MQTT packets, byte by byte; whatever comes in, the reader answers with a packet or a ProtocolError."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.broker import packets
from iotstream.local.broker.packets import ProtocolError, Publish

READERS = [
    packets.read_connect,
    packets.read_packet_id,
    packets.read_subscribe,
    packets.read_unsubscribe,
    lambda body: packets.read_publish(0x32, body),
]


@given(
    st.builds(
        Publish,
        topic=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        payload=st.binary(max_size=300),
        qos=st.just(1),
        packet_id=st.integers(1, 65_535),
        duplicate=st.booleans(),
    ),
    st.integers(1, 50),
)
def test_what_is_written_is_read_again_however_it_is_cut(message: Publish, piece: int) -> None:
    data = packets.publish(message) * 3
    buffer, found = bytearray(), []
    for start in range(0, len(data), piece):
        buffer += data[start : start + piece]
        found += packets.split(buffer)
    assert [packets.read_publish(first, body) for first, body in found] == [message] * 3
    assert not buffer


@given(st.binary(max_size=60))
def test_garbage_is_refused_by_name(body: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(ProtocolError):
            read(body)
    with contextlib.suppress(ProtocolError):
        packets.split(bytearray(body))


def test_known_bytes() -> None:
    assert packets.connack(packets.ConnectCode.ACCEPTED, session_present=True) == b"\x20\x02\x01\x00"
    assert packets.puback(258) == b"\x40\x02\x01\x02"
    assert packets.suback(1, [1, 0x80]) == b"\x90\x04\x00\x01\x01\x80"
    assert packets.unsuback(1) == b"\xb0\x02\x00\x01"
    assert packets.pingresp() == b"\xd0\x00"
    sent = packets.publish(Publish(topic="a", payload=b"x" * 200, qos=1, packet_id=7))
    assert sent[:8] == b"\x32\xcd\x01\x00\x01a\x00\x07"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "four bytes"),
        (b"\x30\xff\xff\xff\x7f", "at most"),
    ],
)
def test_lengths_out_of_bounds(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        packets.split(bytearray(data))


def test_qos_2_and_large_payloads_are_refused() -> None:
    with pytest.raises(ProtocolError, match="QoS 2"):
        packets.read_publish(0x34, b"\x00\x01a\x00\x01")
    with pytest.raises(ProtocolError, match="at most"):
        packets.read_publish(0x30, b"\x00\x01a" + b"x" * (packets.MAX_PAYLOAD_BYTES + 1))
