"""What both brokers promise, asked of them by a client library that is not ours."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from iotstream.local.broker import RULE_ENGINE, TEST_CLIENT
from iotstream.local.pki import ClientFiles, Pki

WAIT_S = 10


class Client:
    """A thin, synchronous paho client that remembers what happened to it."""

    def __init__(
        self, broker, files: ClientFiles, client_id: str, *, clean: bool = True, manual_ack: bool = False
    ) -> None:
        self.received: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.connected: queue.Queue[tuple[ReasonCode, bool]] = queue.Queue()
        self.lost = threading.Event()
        self.suback: queue.Queue[list[ReasonCode]] = queue.Queue()
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=clean,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        self.mqtt.tls_set_context(context(files))
        self.mqtt.on_connect = lambda _c, _u, flags, code, _p: self.connected.put(
            (code, flags.session_present)
        )
        self.mqtt.on_disconnect = lambda *_: self.lost.set()
        self.mqtt.on_message = lambda _c, _u, message: self.received.put(message)
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.suback.put(codes)
        self.mqtt.connect("127.0.0.1", broker.port, keepalive=30)
        self.mqtt.loop_start()

    def outcome(self) -> tuple[ReasonCode, bool]:
        return self.connected.get(timeout=WAIT_S)

    def subscribe(self, topic_filter: str) -> list[ReasonCode]:
        self.mqtt.subscribe(topic_filter, qos=1)
        return self.suback.get(timeout=WAIT_S)

    def publish(self, topic: str, payload: bytes) -> mqtt.MQTTMessageInfo:
        return self.mqtt.publish(topic, payload, qos=1)

    def close(self, *, abruptly: bool = False) -> None:
        sock = self.mqtt.socket()
        if abruptly and sock is not None:
            while self.mqtt.want_write():
                time.sleep(0.01)
            sock.shutdown(socket.SHUT_RDWR)
        else:
            self.mqtt.disconnect()
        self.mqtt.loop_stop()
        if sock is not None:
            sock.close()


def context(files: ClientFiles | None, *, ca=None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=ca or files.ca)
    if files is not None:
        made.load_cert_chain(files.certificate, files.key)
    return made


@contextlib.contextmanager
def connect(broker, name: str, *, client_id: str | None = None, **options) -> Iterator[Client]:
    client = Client(broker, broker.pki.client(name), client_id or name, **options)
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def subscriber(broker, **options) -> Iterator[Client]:
    with connect(broker, RULE_ENGINE, **options) as client:
        assert not client.outcome()[0].is_failure
        assert not client.subscribe("#")[0].is_failure
        yield client


def test_a_device_publishes_on_its_own_topic_and_the_bytes_arrive_as_they_are(broker) -> None:
    payloads = [b'{"a": 1}', b"", b"\xff\x00 not UTF-8", b"x" * 100_000]
    with subscriber(broker) as rules, connect(broker, "device-0001") as device:
        for payload in payloads:
            device.publish("topic/mqtt/device-0001", payload).wait_for_publish(WAIT_S)
        messages = [rules.received.get(timeout=WAIT_S) for _ in payloads]
    assert [message.payload for message in messages] == payloads
    assert {(message.topic, message.qos, message.retain) for message in messages} == {
        ("topic/mqtt/device-0001", 1, False)
    }


def test_the_test_client_publishes_on_the_bare_topic(broker) -> None:
    with subscriber(broker) as rules, connect(broker, TEST_CLIENT) as client:
        client.publish("topic/mqtt", b"1").wait_for_publish(WAIT_S)
        assert rules.received.get(timeout=WAIT_S).topic == "topic/mqtt"


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("device-0001", "topic/mqtt/device-0002"),
        ("device-0001", "topic/mqtt"),
        ("device-0001", "topic/mqtt/device-0001/more"),
        ("device-0001", "other"),
        (TEST_CLIENT, "topic/mqtt/device-0001"),
        (RULE_ENGINE, "topic/mqtt/rule-engine"),
    ],
)
def test_nothing_published_where_the_policy_forbids_it_is_delivered(broker, name: str, topic: str) -> None:
    listener = RULE_ENGINE if name != RULE_ENGINE else None
    with contextlib.ExitStack() as stack:
        if listener:
            rules = stack.enter_context(subscriber(broker))
        else:
            rules = stack.enter_context(connect(broker, RULE_ENGINE))
            rules.outcome()
            rules.subscribe("#")
        culprit = stack.enter_context(connect(broker, name)) if listener else rules
        if listener:
            assert not culprit.outcome()[0].is_failure
        culprit.publish(topic, b"forbidden")
        if broker.backend == "embedded":  # as AWS IoT Core does
            assert culprit.lost.wait(WAIT_S)
        # What a permitted client sends later is all that arrives.
        witness = stack.enter_context(connect(broker, "device-0009"))
        if rules.lost.is_set():
            rules = stack.enter_context(subscriber(broker))
        witness.publish("topic/mqtt/device-0009", b"permitted").wait_for_publish(WAIT_S)
        assert rules.received.get(timeout=WAIT_S).payload == b"permitted"


@pytest.mark.parametrize("name", ["device-0001", TEST_CLIENT])
def test_only_the_rule_engine_sees_what_others_send(broker, name: str) -> None:
    with connect(broker, name) as spy, connect(broker, "device-0002") as device, subscriber(broker) as rules:
        spy.outcome()
        spy.mqtt.subscribe("#", qos=1)
        codes = spy.suback.get(timeout=WAIT_S)
        if broker.backend == "embedded":  # Mosquitto accepts the subscription and delivers nothing
            assert codes[0].is_failure
        device.publish("topic/mqtt/device-0002", b"1").wait_for_publish(WAIT_S)
        assert rules.received.get(timeout=WAIT_S).payload == b"1"
        assert spy.received.empty()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_certificate_is_refused(broker, version: ssl.TLSVersion) -> None:
    made = context(None, ca=broker.pki.ca)
    made.minimum_version = made.maximum_version = version
    assert refused(broker, made)


def test_a_certificate_of_another_ca_is_refused(broker, tmp_path) -> None:
    stranger = Pki(tmp_path / "other").client("device-0001")
    made = ssl.create_default_context(cafile=broker.pki.ca)
    made.load_cert_chain(stranger.certificate, stranger.key)
    assert refused(broker, made)


def test_tls_before_1_2_is_refused(broker) -> None:
    made = context(broker.pki.client("device-0001"))
    made.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        made.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(broker, made)


def test_plain_tcp_is_refused(broker) -> None:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=WAIT_S) as plain:
        plain.sendall(CONNECT)
        try:
            answer = plain.recv(100)
        except ConnectionError:
            answer = b""
    assert not answer.startswith(b"\x20")  # no CONNACK


def test_nobody_acts_under_the_client_id_of_another(broker) -> None:
    with subscriber(broker) as rules, connect(broker, "device-0002") as victim:
        victim.outcome()
        with connect(broker, "device-0001", client_id="device-0002") as impostor:
            code, _ = impostor.outcome()
            if broker.backend == "embedded":
                assert code.is_failure
                assert str(code) == "Not authorized"
            else:  # Mosquitto takes the certificate's name in its place
                impostor.publish("topic/mqtt/device-0002", b"forged").wait_for_publish(WAIT_S)
        victim.publish("topic/mqtt/device-0002", b"genuine").wait_for_publish(WAIT_S)
        assert rules.received.get(timeout=WAIT_S).payload == b"genuine"
        assert not victim.lost.is_set()


def test_a_second_connection_of_a_client_ends_the_first(broker) -> None:
    with connect(broker, "device-0001") as first:
        first.outcome()
        with connect(broker, "device-0001") as second:
            assert not second.outcome()[0].is_failure
            assert first.lost.wait(WAIT_S)


def test_what_a_dead_subscriber_had_not_acknowledged_comes_again_in_order(broker) -> None:
    sent = [str(number).encode() for number in range(50)]
    with connect(broker, "device-0001") as device:
        rules = Client(broker, broker.pki.client(RULE_ENGINE), RULE_ENGINE, clean=False, manual_ack=True)
        rules.subscribe("topic/mqtt/#")
        for payload in sent[:30]:
            device.publish("topic/mqtt/device-0001", payload).wait_for_publish(WAIT_S)
        for _ in range(30):
            message = rules.received.get(timeout=WAIT_S)
            if int(message.payload) < 10:
                rules.mqtt.ack(message.mid, message.qos)
        rules.subscribe("topic/mqtt/#")  # answered, it has read the acknowledgements before it
        rules.close(abruptly=True)
        for payload in sent[30:]:
            device.publish("topic/mqtt/device-0001", payload).wait_for_publish(WAIT_S)
        with connect(broker, RULE_ENGINE, clean=False) as again:
            assert again.outcome()[1], "the session is there still"
            messages = [again.received.get(timeout=WAIT_S) for _ in sent[10:]]
    assert [message.payload for message in messages] == sent[10:]
    # (Those published while the broker had not yet noticed the death may be marked as well.)
    assert all(message.dup for message in messages[:20])


def test_a_clean_session_forgets(broker) -> None:
    with subscriber(broker, clean=False):
        pass
    with connect(broker, RULE_ENGINE, clean=True) as cleared:
        assert not cleared.outcome()[1]
    with connect(broker, RULE_ENGINE, clean=False) as again:
        assert not again.outcome()[1]


def test_two_hundred_devices_at_once(broker) -> None:
    names = [f"device-{number:04}" for number in range(200)]
    with contextlib.ExitStack() as stack:
        rules = stack.enter_context(subscriber(broker))
        socks = [stack.enter_context(raw(broker, name)) for name in names]
        for name, sock in zip(names, socks, strict=True):
            sock.sendall(publish_packet(f"topic/mqtt/{name}", name.encode()))
        received = {rules.received.get(timeout=WAIT_S).payload.decode() for _ in names}
    assert received == set(names)


def test_it_listens_on_the_loopback_address_only(broker) -> None:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except socket.gaierror:
        addresses = set()
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError):
            socket.create_connection((address, broker.port), timeout=2).close()


CONNECT = b"\x10\x17\x00\x04MQTT\x04\x02\x00\x1e\x00\x0bdevice-0001"


def refused(broker, made: ssl.SSLContext) -> bool:
    """Whether a CONNECT gets no CONNACK, whenever in the handshake (or after it) the broker says no."""
    try:
        with (
            socket.create_connection(("127.0.0.1", broker.port), timeout=WAIT_S) as plain,
            made.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            sock.sendall(CONNECT)
            return not sock.recv(100).startswith(b"\x20")
    except (ssl.SSLError, ConnectionError):
        return True


def test_the_refusal_helper_sees_an_acceptance(broker) -> None:
    assert not refused(broker, context(broker.pki.client("device-0001")))


@contextlib.contextmanager
def raw(broker, name: str) -> Iterator[ssl.SSLSocket]:
    body = b"\x00\x04MQTT\x04\x02\x00\x1e" + len(name).to_bytes(2, "big") + name.encode()
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=WAIT_S) as plain,
        context(broker.pki.client(name)).wrap_socket(plain, server_hostname="127.0.0.1") as sock,
    ):
        sock.sendall(bytes((0x10, len(body))) + body)
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        yield sock


def publish_packet(topic: str, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    return bytes((0x30, len(body))) + body
