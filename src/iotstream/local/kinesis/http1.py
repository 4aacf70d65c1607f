"""HTTP/1.1 over h11, for most SDKs."""

from __future__ import annotations

from http import HTTPStatus

import h11

from iotstream.local.kinesis.door import Door, Hangup, Push, Reply, Request
from iotstream.local.kinesis.pushing import Pusher, Wire

# The largest call, 10 MiB of data in base64, and room for its keys.
MAX_BODY_BYTES = 24 * 2**20


class Http1:
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
        self._connection = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._push: Push | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes that arrived, and answer what is complete."""
        try:
            self._connection.receive_data(data)
            while self._step():
                pass
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    def close(self) -> None:
        """The connection is gone, or about to be."""
        if self._push is not None:
            self._pusher.remove(self)
            self._push = None

    # Channel: what the pusher sends by

    def is_ready(self) -> bool:
        """Whether the client takes more."""
        return self._wire.is_writable

    def send(self, message: bytes) -> None:
        """Send a message of the subscription."""
        self._write(h11.Data(data=message))

    def finish(self) -> None:
        """End the subscription's answer."""
        self._push = None
        self._write(h11.EndOfMessage())
        self._next_cycle()
        self.receive_pending()

    def receive_pending(self) -> None:
        """Go on with what the client sent meanwhile."""
        while self._step():
            pass

    def _step(self) -> bool:
        event = self._connection.next_event()
        if isinstance(event, h11.Request):
            self._request, self._body, self._size = event, [], 0
        elif isinstance(event, h11.Data):
            self._body.append(event.data)
            self._size += len(event.data)
            if self._size > MAX_BODY_BYTES:
                self._refuse(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
                return False
        elif isinstance(event, h11.EndOfMessage):
            self._respond()
        elif isinstance(event, h11.ConnectionClosed):
            self._wire.close()
            return False
        elif event is h11.NEED_DATA:
            if self._connection.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
            return False
        return event is not h11.PAUSED

    def _respond(self) -> None:
        assert self._request is not None
        request = Request(
            method=self._request.method.decode(),
            path=self._request.target.decode("latin-1"),
            headers={name.decode(): value.decode("latin-1") for name, value in self._request.headers},
            body=b"".join(self._body),
        )
        self._body = []
        answer = self._door.answer(request)
        self._pusher.wake()
        if isinstance(answer, Hangup):
            self._wire.abort()
        elif isinstance(answer, Push):
            self._start_push(answer)
        else:
            self._send_reply(answer)
            self._next_cycle()

    def _send_reply(self, reply: Reply) -> None:
        reason = HTTPStatus(reply.status).phrase
        head = h11.Response(status_code=reply.status, headers=reply.headers(), reason=reason)
        self._write(head, h11.Data(data=reply.body), h11.EndOfMessage())

    def _start_push(self, push: Push) -> None:
        self._push = push
        self._write(h11.Response(status_code=push.status, headers=push.headers(), reason="OK"))
        self._pusher.add(self, push)

    def _next_cycle(self) -> None:
        if self._connection.our_state is h11.DONE and self._connection.their_state is h11.DONE:
            self._connection.start_next_cycle()
        elif self._connection.our_state is h11.MUST_CLOSE:
            self._wire.close()

    def _refuse(self, status: int, problem: str) -> None:
        if self._connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send_reply(Reply(status=status, content_type="text/plain", body=problem.encode()))
        self._wire.close()

    def _write(self, *events: h11.Event) -> None:
        self._wire.write(b"".join(self._connection.send(event) or b"" for event in events))
