"""MQTT 3.1.1 packets as bytes: what a broker reads and writes, without input or output.

Source: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html. QoS 2 is left out, as in
AWS IoT Core.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

# AWS IoT Core takes payloads of 128 KB: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
MAX_PAYLOAD_BYTES = 128 * 1024
# A topic (256 bytes), a packet id and lengths come on top of the payload.
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + 1024

PROTOCOL_NAME = "MQTT"
PROTOCOL_LEVEL = 4
SUBSCRIPTION_REFUSED = 0x80


class ProtocolError(Exception):
    """The peer sent what MQTT 3.1.1, or this broker, does not allow: its connection is closed."""


class Type(IntEnum):
    """Control packet types (section 2.2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class ConnectCode(IntEnum):
    """CONNACK's return codes (section 3.2.2.3)."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL = 1
    IDENTIFIER_REJECTED = 2
    NOT_AUTHORIZED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Publish:
    """A PUBLISH packet; `packet_id` is 0 for QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int = 0
    duplicate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Connect:
    """A CONNECT packet. `keep_alive` is in seconds, 0 = none."""

    level: int
    client_id: str
    clean_session: bool
    keep_alive: int
    will: Publish | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscribe:
    """A SUBSCRIBE packet: (filter, QoS) in order."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsubscribe:
    """An UNSUBSCRIBE packet."""

    packet_id: int
    filters: tuple[str, ...]


def split(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take the whole packets from the front of `buffer`: (first byte, body) each.

    Raises:
        ProtocolError: a length is malformed or above MAX_PACKET_BYTES.
    """
    packets, start = [], 0
    while True:
        header = _body_bounds(buffer, start)
        if header is None or header[1] > len(buffer):
            break
        body, end = header
        packets.append((buffer[start], bytes(buffer[body:end])))
        start = end
    del buffer[:start]
    return packets


def _body_bounds(buffer: bytearray, start: int) -> tuple[int, int] | None:
    length = 0
    for index in range(4):
        place = start + 1 + index
        if place >= len(buffer):
            return None
        length |= (buffer[place] & 0x7F) << (7 * index)
        if buffer[place] < 0x80:
            if length > MAX_PACKET_BYTES:
                raise ProtocolError(f"a packet of {length} bytes; at most {MAX_PACKET_BYTES} are taken")
            return place + 1, place + 1 + length
    raise ProtocolError("the remaining length has more than four bytes")


class _Reader:
    """Takes fields from a packet's body, front to back."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._body):
            raise ProtocolError("a packet is shorter than its fields")
        taken, self._at = self._body[self._at : end], end
        return taken

    def data(self) -> bytes:
        return self.take(self.integer(2))

    def text(self) -> str:
        try:
            return self.data().decode()
        except UnicodeDecodeError:
            raise ProtocolError("a string is not UTF-8") from None

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    def more(self) -> bool:
        return self._at < len(self._body)


def read_connect(body: bytes) -> Connect:
    """Read a CONNECT packet; a user name and password are skipped, the certificate decides.

    Raises:
        ProtocolError: it is malformed.
    """
    reader = _Reader(body)
    if reader.text() != PROTOCOL_NAME:
        raise ProtocolError("the first packet is not an MQTT CONNECT")
    level, flags, keep_alive = reader.integer(1), reader.integer(1), reader.integer(2)
    if level == PROTOCOL_LEVEL and flags & 1:
        raise ProtocolError("CONNECT's reserved flag is set")
    if level != PROTOCOL_LEVEL:
        return Connect(level=level, client_id="", clean_session=True, keep_alive=0, will=None)
    client_id, will = reader.text(), None
    if flags & 0x04:
        will = Publish(topic=reader.text(), payload=reader.data(), qos=(flags >> 3) & 3)
    clean = bool(flags & 0x02)
    return Connect(level=level, client_id=client_id, clean_session=clean, keep_alive=keep_alive, will=will)


def read_publish(first: int, body: bytes) -> Publish:
    """Read a PUBLISH packet.

    Raises:
        ProtocolError: it is malformed, has QoS 2, or its payload is above MAX_PAYLOAD_BYTES.
    """
    qos = (first >> 1) & 3
    if qos > 1:
        raise ProtocolError("QoS 2 is not supported (nor is it by AWS IoT Core)")
    reader = _Reader(body)
    topic = reader.text()
    packet_id = reader.integer(2) if qos else 0
    if qos and not packet_id:
        raise ProtocolError("a PUBLISH of QoS 1 has packet id 0")
    payload = reader.rest()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"a payload of {len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are taken")
    return Publish(topic=topic, payload=payload, qos=qos, packet_id=packet_id, duplicate=bool(first & 8))


def read_packet_id(body: bytes) -> int:
    """Read the packet id of a PUBACK."""
    return _Reader(body).integer(2)


def read_subscribe(body: bytes) -> Subscribe:
    """Read a SUBSCRIBE packet."""
    reader = _Reader(body)
    packet_id, filters = reader.integer(2), []
    while reader.more():
        filters.append((reader.text(), reader.integer(1)))
    return Subscribe(packet_id=packet_id, filters=tuple(filters))


def read_unsubscribe(body: bytes) -> Unsubscribe:
    """Read an UNSUBSCRIBE packet."""
    reader = _Reader(body)
    packet_id, filters = reader.integer(2), []
    while reader.more():
        filters.append(reader.text())
    return Unsubscribe(packet_id=packet_id, filters=tuple(filters))


def publish(message: Publish) -> bytes:
    """A PUBLISH packet."""
    topic = message.topic.encode()
    packet_id = message.packet_id.to_bytes(2, "big") if message.qos else b""
    flags = message.duplicate << 3 | message.qos << 1
    return _packet(Type.PUBLISH, len(topic).to_bytes(2, "big") + topic + packet_id + message.payload, flags)


def connack(code: ConnectCode, *, session_present: bool = False) -> bytes:
    """A CONNACK packet."""
    return _packet(Type.CONNACK, bytes((session_present, code)))


def puback(packet_id: int) -> bytes:
    """A PUBACK packet."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def suback(packet_id: int, codes: list[int]) -> bytes:
    """A SUBACK packet."""
    return _packet(Type.SUBACK, packet_id.to_bytes(2, "big") + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    """An UNSUBACK packet."""
    return _packet(Type.UNSUBACK, packet_id.to_bytes(2, "big"))


def pingresp() -> bytes:
    """A PINGRESP packet."""
    return _packet(Type.PINGRESP, b"")


def _packet(kind: Type, body: bytes, flags: int = 0) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = length >> 7, length & 0x7F
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((kind << 4 | flags,)) + bytes(digits) + body
