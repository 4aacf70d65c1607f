from __future__ import annotations

import json
import socket

import h2.config
import h2.connection
import h2.events
import pytest
from botocore.eventstream import EventStreamBuffer

FIRST = "shardId-000000000000"


class Client:
    """A small HTTP/2 client with prior knowledge."""

    def __init__(self, port: int, window: int = 65_535) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.status: dict[int, int] = {}
        self.bodies: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.acknowledge = True
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def send(self, operation: str, body: dict[str, object] | bytes) -> int:
        stream = self.h2.get_next_available_stream_id()
        target = f"Kinesis_20131202.{operation}"
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ]
        self.h2.send_headers(stream, headers)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.bodies[stream] = bytearray()
        for start in range(0, len(data), 16_384):
            while self.h2.local_flow_control_window(stream) < 16_384:
                self.flush()
                self.receive()
            self.h2.send_data(stream, data[start : start + 16_384])
        self.h2.end_stream(stream)
        self.flush()
        return stream

    def receive(self) -> None:
        data = self.socket.recv(65_536)
        assert data, "the server closed the connection"
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.status[event.stream_id] = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                if self.acknowledge:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
        self.flush()

    def answer(self, stream: int) -> dict[str, object]:
        while stream not in self.ended:
            self.receive()
        return json.loads(self.bodies[stream] or b"{}")

    def call(self, operation: str, body: dict[str, object]) -> dict[str, object]:
        return self.answer(self.send(operation, body))


@pytest.fixture
def http2(running):
    client = Client(running.port)
    yield client
    client.socket.close()


def put(http2, count, size=3):
    entry = {"Data": "AAAA" * (size // 3), "PartitionKey": "k", "ExplicitHashKey": "0"}
    return http2.call("PutRecords", {"StreamName": "s", "Records": [entry] * count})


def first_iterator(http2):
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    return http2.call("GetShardIterator", request)


def consumer(http2):
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    answer = http2.call("RegisterStreamConsumer", {"StreamARN": arn, "ConsumerName": "c"})
    return answer["Consumer"]["ConsumerARN"]


def events_of(http2, stream, count):
    """The event types and payloads of a subscription, waiting until there are so many."""
    while True:
        buffer = EventStreamBuffer()
        buffer.add_data(bytes(http2.bodies[stream]))
        found = [(message.headers[":event-type"], json.loads(message.payload)) for message in buffer]
        if len(found) >= count:
            return found
        http2.receive()


def test_many_requests_on_one_connection(http2):
    streams = [http2.send("ListStreams", {}) for _ in range(50)]
    assert all(http2.answer(stream)["StreamNames"] == ["s"] for stream in streams)
    assert set(http2.status.values()) == {200}


def test_errors_have_their_status(http2):
    stream = http2.send("DescribeStream", {"StreamName": "nope"})
    assert http2.answer(stream)["__type"] == "ResourceNotFoundException"
    assert http2.status[stream] == 400


def test_a_large_call_and_a_large_answer_through_flow_control(http2):
    assert put(http2, 20, size=300_000)["FailedRecordCount"] == 0
    answer = http2.call("GetRecords", first_iterator(http2))
    assert len(answer["Records"]) == 20
    assert all(len(record["Data"]) == 400_000 for record in answer["Records"])


def test_an_answer_waits_for_a_client_that_does_not_read(http2):
    put(http2, 20, size=30_000)
    token = first_iterator(http2)
    http2.acknowledge = False
    stream = http2.send("GetRecords", token)
    while http2.h2.remote_flow_control_window(stream) > 0:
        http2.receive()
    # The window is used up: another stream's small answer has to wait for the connection's window as well.
    other = http2.send("ListStreams", {})
    assert stream not in http2.ended
    http2.acknowledge = True
    http2.h2.increment_flow_control_window(10_000_000)
    http2.h2.increment_flow_control_window(10_000_000, stream)
    http2.flush()
    assert http2.answer(other)["StreamNames"] == ["s"]
    assert len(http2.answer(stream)["Records"]) == 20


def test_a_subscription_pushes(http2):
    arn = consumer(http2)
    put(http2, 3)
    request = {"ConsumerARN": arn, "ShardId": FIRST, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    stream = http2.send("SubscribeToShard", request)
    found = events_of(http2, stream, 2)
    assert found[0] == ("initial-response", {})
    assert (found[1][0], len(found[1][1]["Records"])) == ("SubscribeToShardEvent", 3)
    put(http2, 2)
    assert len(events_of(http2, stream, 3)[2][1]["Records"]) == 2
    http2.call("SplitShard", {"StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": "100"})
    last = events_of(http2, stream, 4)[3][1]
    assert len(last["ChildShards"]) == 2
    while stream not in http2.ended:
        http2.receive()


def test_a_reset_subscription_is_over_and_the_connection_lives(http2, running):
    arn = consumer(http2)
    request = {"ConsumerARN": arn, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    stream = http2.send("SubscribeToShard", request)
    events_of(http2, stream, 2)
    subscription = running.kinesis.account.consumer(arn, running.kinesis.now()).subscriptions[FIRST]
    http2.h2.reset_stream(stream)
    http2.flush()
    assert http2.call("ListStreams", {})["StreamNames"] == ["s"]
    assert subscription.ended


def test_a_request_reset_before_its_answer(http2):
    for _ in range(20):
        stream = http2.h2.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/")]
        http2.h2.send_headers(stream, headers)
        http2.h2.send_data(stream, b"{}", end_stream=True)
        http2.h2.reset_stream(stream)
    http2.flush()
    assert http2.call("ListStreams", {})["StreamNames"] == ["s"]


def test_a_preface_that_comes_in_pieces(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        data = connection.data_to_send()
        for start in range(0, 24, 5):
            raw.sendall(data[start : min(start + 5, 24)])
        raw.sendall(data[24:])
        events = connection.receive_data(raw.recv(65_536))
    assert any(isinstance(event, h2.events.RemoteSettingsChanged) for event in events)


def test_a_breach_of_protocol_closes_the_connection(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        # Settings, then data on a stream that was never opened.
        frames = bytes.fromhex("000000040000000000") + bytes.fromhex("000001000000000001") + b"x"
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
        while raw.recv(65_536):
            pass
