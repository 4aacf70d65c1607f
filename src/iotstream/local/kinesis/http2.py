"""HTTP/2 over h2, without TLS and with prior knowledge, for the Java SDK and the KCL."""

from __future__ import annotations

from typing import Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from iotstream.local.kinesis.door import Door, Hangup, Push, Reply, Request
from iotstream.local.kinesis.http1 import MAX_BODY_BYTES
from iotstream.local.kinesis.pushing import Pusher, Wire

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW: Final = 16 * 2**20
_MAX_STREAMS: Final = 4096
_MAX_FRAME: Final = 2**18


class _Exchange:
    """One request and its answer, on a stream of the connection."""

    def __init__(self, connection: Http2, stream_id: int, headers: dict[str, str]) -> None:
        self.stream_id = stream_id
        self.headers = headers
        self.body: list[bytes] = []
        self.size = 0
        self.waiting = bytearray()
        self.sent = 0
        self.is_finished = False
        self.is_pushing = False
        self._connection = connection

    # Channel: what the pusher sends by

    def is_ready(self) -> bool:
        """Whether the client takes more."""
        return not self.waiting and self._connection.is_writable()

    def send(self, message: bytes) -> None:
        """Send a message of the subscription."""
        self.waiting += message
        self._connection.flush(self)

    def finish(self) -> None:
        """End the subscription's answer."""
        self.is_pushing = False
        self.is_finished = True
        self._connection.flush(self)


class Http2:
    """One connection.

    Args:
        door: what answers.
        pusher: what keeps subscriptions going.
        wire: the transport.
    """

    def __init__(self, door: Door, pusher: Pusher, wire: Wire) -> None:
        self._door = door
        self._pusher = pusher
        self._wire = wire
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._connection = h2.connection.H2Connection(config)
        # Initial values hold from the first frame on; an update would wait for the client's acknowledgement.
        codes = h2.settings.SettingCodes
        self._connection.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                codes.INITIAL_WINDOW_SIZE: _WINDOW,
                codes.MAX_CONCURRENT_STREAMS: _MAX_STREAMS,
                codes.MAX_FRAME_SIZE: _MAX_FRAME,
            },
        )
        self._exchanges: dict[int, _Exchange] = {}
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(_WINDOW)
        self._send_out()

    def receive(self, data: bytes) -> None:
        """Take bytes that arrived, and answer what is complete."""
        try:
            events = self._connection.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._send_out()
            self._wire.close()
            return
        for event in events:
            self._take(event)
        self._send_out()

    def close(self) -> None:
        """The connection is gone, or about to be."""
        for exchange in list(self._exchanges.values()):
            self._forget(exchange)

    def is_writable(self) -> bool:
        """Whether the transport takes more."""
        return self._wire.is_writable

    def flush(self, exchange: _Exchange) -> None:
        """Send what flow control allows of an exchange's answer."""
        try:
            self._send_data(exchange)
            if exchange.is_finished and not exchange.waiting:
                self._connection.end_stream(exchange.stream_id)
                self._exchanges.pop(exchange.stream_id, None)
        except h2.exceptions.ProtocolError:
            # The client has reset the stream, or has gone.
            self._forget(exchange)
        self._send_out()

    def _send_data(self, exchange: _Exchange) -> None:
        connection, stream_id = self._connection, exchange.stream_id
        with memoryview(exchange.waiting) as waiting:
            while exchange.sent < len(waiting):
                window = connection.local_flow_control_window(stream_id)
                size = min(window, connection.max_outbound_frame_size, len(waiting) - exchange.sent)
                if size <= 0:
                    return
                connection.send_data(stream_id, bytes(waiting[exchange.sent : exchange.sent + size]))
                exchange.sent += size
        exchange.waiting.clear()
        exchange.sent = 0

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            assert event.stream_id is not None
            headers = {str(name): str(value) for name, value in event.headers or ()}
            self._exchanges[event.stream_id] = _Exchange(self, event.stream_id, headers)
        elif isinstance(event, h2.events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._respond(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._forget(self._exchanges.get(event.stream_id or 0))
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for exchange in list(self._exchanges.values()):
                if exchange.waiting:
                    self.flush(exchange)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._wire.close()

    def _take_data(self, event: h2.events.DataReceived) -> None:
        assert event.stream_id is not None
        self._connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            return
        exchange.body.append(event.data or b"")
        exchange.size += len(event.data or b"")
        if exchange.size > MAX_BODY_BYTES:
            self._connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
            self._forget(exchange)

    def _respond(self, stream_id: int | None) -> None:
        exchange = self._exchanges.get(stream_id or 0)
        if exchange is None:
            return
        body, exchange.body = b"".join(exchange.body), []
        headers = exchange.headers
        answer = self._door.answer(
            Request(method=headers[":method"], path=headers[":path"], headers=headers, body=body)
        )
        self._pusher.wake()
        if isinstance(answer, Hangup):
            self._wire.abort()
        elif self._send_head(exchange, answer):
            self._send_body(exchange, answer)

    def _send_head(self, exchange: _Exchange, answer: Reply | Push) -> bool:
        headers = [(":status", str(answer.status)), *answer.headers()]
        try:
            self._connection.send_headers(exchange.stream_id, headers)
        except h2.exceptions.ProtocolError:
            # The client has reset the stream already.
            self._forget(exchange)
            return False
        return True

    def _send_body(self, exchange: _Exchange, answer: Reply | Push) -> None:
        if isinstance(answer, Push):
            exchange.is_pushing = True
            self._pusher.add(exchange, answer)
            return
        exchange.waiting += answer.body
        exchange.is_finished = True
        self.flush(exchange)

    def _forget(self, exchange: _Exchange | None) -> None:
        if exchange is not None:
            self._exchanges.pop(exchange.stream_id, None)
            if exchange.is_pushing:
                self._pusher.remove(exchange)

    def _send_out(self) -> None:
        self._wire.write(self._connection.data_to_send())
