"""The server: HTTP/1.1 and HTTP/2 without TLS on one port of the loopback interface."""

from __future__ import annotations

import asyncio
from typing import Final

from iotstream.local.kinesis.door import Door
from iotstream.local.kinesis.http1 import Http1
from iotstream.local.kinesis.http2 import PREFACE, Http2
from iotstream.local.kinesis.pushing import Pusher
from iotstream.local.kinesis.state import Kinesis

HOST: Final = "127.0.0.1"


class Server:
    """Serves a Kinesis on a loopback port.

    Args:
        kinesis: the state machine.
    """

    def __init__(self, kinesis: Kinesis) -> None:
        self._door = Door(kinesis)
        self._pusher = Pusher(kinesis)
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, HOST, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        self._pusher.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    def _connection(self) -> _Connection:
        return _Connection(self._door, self._pusher, self._connections)


class _Connection(asyncio.Protocol):
    """Finds out which protocol the client speaks, and passes its bytes to it."""

    def __init__(self, door: Door, pusher: Pusher, connections: set[_Connection]) -> None:
        self.is_writable = True
        self._door = door
        self._pusher = pusher
        self._connections = connections
        self._protocol: Http1 | Http2 | None = None
        self._first = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._protocol is None:
            self._first += data
            data = self._first
            if len(data) < len(PREFACE) and PREFACE.startswith(data):
                return
            kind = Http2 if data.startswith(PREFACE) else Http1
            self._protocol = kind(self._door, self._pusher, self)
            self._first = b""
        self._protocol.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        self._connections.discard(self)
        if self._protocol is not None:
            self._protocol.close()

    def pause_writing(self) -> None:
        self.is_writable = False

    def resume_writing(self) -> None:
        self.is_writable = True
        self._pusher.wake()

    # Wire: what the protocols send by

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close after what has been written is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
