"""HTTP/1.1 over kept connections, as much as POSTs to one server need.

With aiohttp in its place a record to Timestream cost half as much again (100 records a call,
`benchmarks/bench_timestream.py`), and a cold start a quarter of a second of imports more. The same goes for
asyncio's transports and timeouts, a fifth: so there are sockets and timers here.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from iotstream.sinks.calls.answers import HTTP_OK
from iotstream.sinks.calls.response import Response, read_response

IDLE_S = 20.0
"""How long an unused connection is kept, seconds: less than servers and load balancers do."""
READ_BYTES = 16 * 1024
"""At once: what a TLS record holds at most, https://www.rfc-editor.org/rfc/rfc8446#section-5.1"""
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """One connection: a request, its response, the next request. Used in one event loop.

    Args:
        connected: the socket, which does not block.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._unsent = memoryview(b"")
        self._waits_to_send = False
        self._waiter: asyncio.Future[Response] | None = None
        self._idle_since = time.monotonic()
        self._connect = False
        self.closed = False
        self._loop.add_reader(connected, self._read)

    @property
    def fresh(self) -> bool:
        """Whether another request may go this way."""
        return not self.closed and time.monotonic() - self._idle_since < IDLE_S

    async def request(self, data: bytes, timeout_s: float, *, connect: bool = False) -> Response:
        """Send it, and wait for the response; `connect`: it is a CONNECT.

        Raises:
            OSError: the connection ended first; TimeoutError: it took too long.
            ValueError: what came is not HTTP.
        """
        if self.closed:
            raise ConnectionResetError("the connection is closed")
        self._connect = connect
        self._waiter = self._loop.create_future()
        self._unsent = memoryview(data)
        self._write()
        timer = self._loop.call_later(timeout_s, self._give_up, timeout_s)
        try:
            response = await self._waiter
        finally:
            timer.cancel()
        self._idle_since = time.monotonic()
        if self._unsent or not response.keep:
            self.abort()
        return response

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on encrypted.

        Raises:
            OSError: the handshake fails, or the connection ends.
        """
        self._loop.remove_reader(self._socket)
        encrypted = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = encrypted
        while True:
            try:
                encrypted.do_handshake()
            except ssl.SSLWantReadError:
                await self._until(self._loop.add_reader, self._loop.remove_reader)
            except ssl.SSLWantWriteError:
                await self._until(self._loop.add_writer, self._loop.remove_writer)
            else:
                break
        self._loop.add_reader(encrypted, self._read)

    def abort(self) -> None:
        """Close it at once."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    async def _until(self, add: Callable[..., None], remove: Callable[[socket.socket], object]) -> None:
        ready = asyncio.Event()
        add(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            remove(self._socket)

    def _write(self) -> None:
        """Send as much as the socket takes now, and the rest when it takes more."""
        try:
            sent = self._socket.send(self._unsent)
        except _NOT_NOW:
            sent = 0
        except OSError as error:
            self._end(error)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent and not self._waits_to_send:
            self._loop.add_writer(self._socket, self._write)
        elif self._waits_to_send and not self._unsent:
            self._loop.remove_writer(self._socket)
        self._waits_to_send = bool(self._unsent)

    def _read(self) -> None:
        """Of TLS one record at most; what is left of it in the socket calls again."""
        try:
            data = self._socket.recv(READ_BYTES)
        except _NOT_NOW:
            return
        except OSError as error:
            self._end(error)
            return
        if data:
            self._received += data
            self._look(ended=False)
        else:
            self._end(ConnectionResetError("the server closed the connection"))

    def _give_up(self, timeout_s: float) -> None:
        self.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError(f"no answer in {timeout_s:g} s"))

    def _end(self, error: OSError) -> None:
        self.abort()
        self._look(ended=True)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _look(self, *, ended: bool) -> None:
        if self._waiter is None or self._waiter.done():
            if not ended:  # nobody asked
                self.abort()
            return
        try:
            response = read_response(self._received, ended=ended, connect=self._connect)
        except ValueError as error:
            self.abort()
            self._waiter.set_exception(error)
            return
        if response is not None:
            self._received.clear()
            self._waiter.set_result(response)


class Route(NamedTuple):
    """The way to a URL; `proxy`: for https alone, where the environment names one."""

    url: str
    host: str
    port: int
    path: str
    encrypted: bool
    proxy: SplitResult | None


class Pool:
    """Connections to one server at a time. Used in one event loop.

    Whoever calls bounds how many are open: as many as requests are under way.

    Args:
        context: for https; None where there will be none.
        timeout_s: to connect, and then to be answered, seconds.
    """

    def __init__(self, context: ssl.SSLContext | None, timeout_s: float) -> None:
        self._context = context
        self._timeout_s = timeout_s
        self._proxies = getproxies()
        self._route: Route | None = None
        self._idle: list[Connection] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request; on a kept connection that turns out to be dead, once more on a new one.

        So a body can arrive twice: it must be harmless then.

        Args:
            url: scheme, host, port, path and query.
            headers: all but the length.
            body: as it is sent.

        Raises:
            OSError: no connection, or it ended; TimeoutError: it took too long.
            ValueError: the response is not HTTP.
        """
        route = self._turn_to(url)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {route.path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        request = b"".join((head.encode(), body))
        connection = self._take()
        if connection is not None:
            try:
                return await self._request(route, connection, request)
            except TimeoutError:
                raise
            except OSError:
                # The others have most likely been closed along with it.
                self.close()
        async with asyncio.timeout(self._timeout_s):
            connection = await self._connect(route)
        return await self._request(route, connection, request)

    def close(self) -> None:
        """Close the connections that are not in use."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _request(self, route: Route, connection: Connection, data: bytes) -> Response:
        try:
            response = await connection.request(data, self._timeout_s)
        except BaseException:
            connection.abort()
            raise
        if route is self._route and not connection.closed:
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    def _turn_to(self, url: str) -> Route:
        if self._route is None or self._route.url != url:
            self.close()
            self._route = _route(url, self._proxies)
        return self._route

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh:
                return connection
            connection.abort()
        return None

    async def _connect(self, route: Route) -> Connection:
        if route.proxy is not None:
            return await self._connect_by_proxy(route, route.proxy)
        connection = Connection(await _connected(route.host, route.port))
        if route.encrypted:
            await self._encrypt(connection, route)
        return connection

    async def _encrypt(self, connection: Connection, route: Route) -> None:
        assert self._context is not None
        try:
            await connection.start_tls(self._context, route.host)
        except BaseException:
            connection.abort()
            raise

    async def _connect_by_proxy(self, route: Route, proxy: SplitResult) -> Connection:
        connection = Connection(await _connected(proxy.hostname or "", proxy.port or 80))
        try:
            asked = _connect_request(proxy, f"{route.host}:{route.port}")
            response = await connection.request(asked, self._timeout_s, connect=True)
        except BaseException:
            connection.abort()
            raise
        if response.status == HTTP_OK:
            await self._encrypt(connection, route)
            return connection
        connection.abort()
        raise ConnectionRefusedError(f"the proxy {proxy.hostname} answers with status {response.status}")


async def _connected(host: str, port: int) -> socket.socket:
    """A socket that does not block, connected to the first of the host's addresses that lets it.

    Raises:
        OSError: none does.
    """
    loop = asyncio.get_running_loop()
    failed = OSError(f"{host}: no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        one = socket.socket(family, kind, protocol)
        try:
            one.setblocking(False)
            # The last segment of a request would wait for the acknowledgement of those before.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(one, address)
        except OSError as error:
            one.close()
            failed = error
        except BaseException:
            one.close()
            raise
        else:
            return one
    raise failed


def _route(url: str, proxies: Mapping[str, str]) -> Route:
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    proxy = proxies.get("https") if encrypted and not proxy_bypass(host) else None
    return Route(
        url=url,
        host=host,
        port=parts.port or (443 if encrypted else 80),
        path=f"{parts.path}?{parts.query}" if parts.query else parts.path,
        encrypted=encrypted,
        proxy=None if proxy is None else urlsplit(proxy if "://" in proxy else f"//{proxy}"),
    )


def _connect_request(proxy: SplitResult, target: str) -> bytes:
    head = f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n"
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        head += f"proxy-authorization: Basic {base64.b64encode(user).decode()}\r\n"
    return f"{head}\r\n".encode()
