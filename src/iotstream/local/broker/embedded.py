"""The embedded broker: MQTT 3.1.1 over TLS with client certificates, in one asyncio loop.

It behaves as AWS IoT Core does where a device can notice: QoS 0 and 1, payloads up to 128 KB, the client
id bound to the certificate, and a connection that is closed when it publishes where its policy does not
let it. Sessions live in memory: they survive their client, not the broker. Retained messages are passed
on to those who are subscribed, and not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import NoReturn

from iotstream.local.broker import packets
from iotstream.local.broker.packets import ConnectCode, ProtocolError, Publish, Type
from iotstream.local.broker.policy import Policy
from iotstream.local.broker.session import Session
from iotstream.local.broker.topics import is_filter, is_topic

HOST = "127.0.0.1"
CONNECT_TIMEOUT_S = 10.0
# A QoS 0 message is dropped for a subscriber whose socket holds more than this many unsent bytes.
MAX_UNSENT_BYTES = 16 * 1024 * 1024
_KEEP_ALIVE_SWEEP_S = 5.0

_log = logging.getLogger(__name__)


class EmbeddedBroker:
    """The broker: sessions, connections, and the way of a message from one to the others.

    Args:
        policy: who may do what.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.sessions: dict[str, Session] = {}
        self.connections: dict[str, _Connection] = {}
        self._routes: dict[str, list[tuple[Session, int]]] = {}
        self._dirty: set[str] = set()
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, context: ssl.SSLContext, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), HOST, port, ssl=context)
        self._sweeper = asyncio.create_task(self._close_silent_connections())
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close every connection and stop listening."""
        assert self._server is not None
        assert self._sweeper is not None
        self._server.close()
        self._sweeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeper
        for connection in list(self._open):
            connection.abort("the broker stops")
        await self._server.wait_closed()

    def opened(self, connection: _Connection) -> None:
        """A TLS connection was made."""
        self._open.add(connection)

    def attach(self, connection: _Connection, client_id: str, *, clean: bool) -> tuple[Session, bool]:
        """Bind a connection to its session; an older connection of the client is closed.

        Returns:
            The session, and whether it was there before.
        """
        if older := self.connections.get(client_id):
            older.abort("the client connected again")
        found = None if clean else self.sessions.get(client_id)
        session = found or Session(client_id)
        self.sessions[client_id], self.connections[client_id] = session, connection
        self.forget_routes()
        return session, found is not None

    def detach(self, connection: _Connection) -> None:
        """The connection is gone; so is its session, if it was a clean one."""
        self._open.discard(connection)
        client_id = connection.client_id
        if client_id and self.connections.get(client_id) is connection:
            del self.connections[client_id]
            if connection.clean:
                del self.sessions[client_id]
                self.forget_routes()

    def forget_routes(self) -> None:
        """Subscriptions have changed."""
        self._routes.clear()

    def route(self, message: Publish) -> bool:
        """Hand a message to all who are subscribed; False, and nothing done, when one has no room."""
        targets = self._routes.get(message.topic)
        if targets is None:
            targets = self._routes[message.topic] = self._find_targets(message.topic)
        if any(session.full for session, _ in targets):
            return False
        for session, qos in targets:
            if min(qos, message.qos):
                session.enqueue(message)
                self.flush_soon(session.client_id)
            elif connection := self.connections.get(session.client_id):
                connection.send_if_room(message)
        return True

    def flush_soon(self, client_id: str) -> None:
        """Send what a session holds, once, after what is being read now has been read."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.add(client_id)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for client_id in dirty:
            if connection := self.connections.get(client_id):
                connection.send_queued()

    def _find_targets(self, topic: str) -> list[tuple[Session, int]]:
        found = ((session, session.qos_for(topic)) for session in self.sessions.values())
        return [(session, qos) for session, qos in found if qos is not None]

    async def _close_silent_connections(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_SWEEP_S)
            now = asyncio.get_running_loop().time()
            for connection in list(self._open):
                if now > connection.deadline:
                    connection.abort("nothing came within its keep-alive time")


class _Connection(asyncio.Protocol):
    """One client's connection: reads its packets and answers them."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.client_id: str | None = None
        self.clean = True
        self.deadline = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_S
        self._broker = broker
        self._buffer = bytearray()
        self._identity = ""
        self._keep_alive = 0
        self._will: Publish | None = None
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._identity = _common_name(transport.get_extra_info("peercert"))
        self._broker.opened(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        try:
            for first, body in packets.split(self._buffer):
                if self._transport is None:
                    return
                if answer := self._answer(first, body):
                    answers.append(answer)
        except ProtocolError as error:
            self._write(b"".join(answers))
            self.abort(str(error))
        else:
            self._write(b"".join(answers))
        if self._keep_alive:
            self.deadline = asyncio.get_running_loop().time() + 1.5 * self._keep_alive

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._transport = None
        self._broker.detach(self)
        if self._will is not None and self._may_publish(self._will):
            self._broker.route(self._will)
        self._will = None

    def abort(self, reason: str) -> None:
        """Close the connection for a reason of the broker's; what was written before is still sent."""
        _log.info("%s: closed: %s", self.client_id or self._identity, reason)
        transport, self._transport = self._transport, None
        if transport is not None:
            self._broker.detach(self)
            transport.close()

    def send_queued(self) -> None:
        """Send what the session has ready."""
        if self._session is not None:
            self._write(b"".join(map(packets.publish, self._session.next_to_send())))

    def send_if_room(self, message: Publish) -> None:
        """Send a message of QoS 0, or drop it when the client does not keep up."""
        if self._transport is not None and self._transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
            self._write(packets.publish(Publish(topic=message.topic, payload=message.payload, qos=0)))

    def _answer(self, first: int, body: bytes) -> bytes | None:
        kind = first >> 4
        if self._session is None:
            if kind != Type.CONNECT:
                raise ProtocolError("the first packet is not CONNECT")
            self._on_connect(packets.read_connect(body))
            return None
        if kind == Type.PUBLISH:
            return self._on_publish(packets.read_publish(first, body))
        if kind == Type.PUBACK:
            self._session.acknowledge(packets.read_packet_id(body))
            self._broker.flush_soon(self._session.client_id)
            return None
        if kind == Type.SUBSCRIBE:
            return self._on_subscribe(packets.read_subscribe(body), self._session)
        if kind == Type.UNSUBSCRIBE:
            return self._on_unsubscribe(packets.read_unsubscribe(body), self._session)
        if kind == Type.PINGREQ:
            return packets.pingresp()
        if kind == Type.DISCONNECT:
            self._will = None
            raise ProtocolError("it disconnected")
        raise ProtocolError(f"packet type {kind} was not expected")

    def _on_connect(self, connect: packets.Connect) -> None:
        if connect.level != packets.PROTOCOL_LEVEL:
            self._refuse(ConnectCode.UNACCEPTABLE_PROTOCOL, f"protocol level {connect.level}, not 4")
        if not self._broker.policy.may_connect(self._identity, connect.client_id):
            reason = f"client id {connect.client_id!r} is not its certificate's name {self._identity!r}"
            self._refuse(ConnectCode.NOT_AUTHORIZED, reason)
        self.client_id, self.clean = connect.client_id, connect.clean_session
        self._keep_alive, self._will = connect.keep_alive, connect.will
        self.deadline = float("inf")
        self._session, present = self._broker.attach(self, connect.client_id, clean=connect.clean_session)
        self._write(packets.connack(ConnectCode.ACCEPTED, session_present=present))
        self._write(b"".join(map(packets.publish, self._session.to_send_again())))
        self.send_queued()

    def _on_publish(self, message: Publish) -> bytes | None:
        if not is_topic(message.topic):
            raise ProtocolError(f"topic {message.topic!r} is not one to publish on")
        if not self._may_publish(message):
            raise ProtocolError(f"its policy does not let it publish on {message.topic!r}")
        if not self._broker.route(message):
            # Not acknowledged: the client connects again and publishes it again.
            raise ProtocolError("a subscriber's backlog is full")
        return packets.puback(message.packet_id) if message.qos else None

    def _on_subscribe(self, subscribe: packets.Subscribe, session: Session) -> bytes:
        codes = []
        for topic_filter, qos in subscribe.filters:
            allowed = self._broker.policy.may_subscribe(self._identity) and is_filter(topic_filter)
            if allowed:
                session.subscriptions[topic_filter] = min(qos, 1)
            codes.append(min(qos, 1) if allowed else packets.SUBSCRIPTION_REFUSED)
        self._broker.forget_routes()
        return packets.suback(subscribe.packet_id, codes)

    def _on_unsubscribe(self, unsubscribe: packets.Unsubscribe, session: Session) -> bytes:
        for topic_filter in unsubscribe.filters:
            session.subscriptions.pop(topic_filter, None)
        self._broker.forget_routes()
        return packets.unsuback(unsubscribe.packet_id)

    def _may_publish(self, message: Publish) -> bool:
        return self._broker.policy.may_publish(self._identity, message.topic)

    def _refuse(self, code: ConnectCode, reason: str) -> NoReturn:
        self._write(packets.connack(code))
        raise ProtocolError(reason)

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)


def _common_name(certificate: dict[str, tuple[tuple[tuple[str, str], ...], ...]] | None) -> str:
    """The certificate's common name; "" without one (the TLS settings then have refused it already)."""
    subject = (certificate or {}).get("subject", ())
    return next((value for part in subject for key, value in part if key == "commonName"), "")
