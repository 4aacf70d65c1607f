"""HTTP/1.1 over kept connections, as much as POSTs to one server need.

With aiohttp in its place a record to Timestream costs 3.8 µs of CPU instead of 2.4 (100 records a call, the
same machine, `benchmarks/bench_timestream.py`), and a cold start a quarter of a second of imports more.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from iotstream.sinks.calls.answers import HTTP_OK
from iotstream.sinks.calls.response import Response, read_response

IDLE_S = 20.0
"""How long an unused connection is kept, seconds: less than servers and load balancers do."""


class Connection(asyncio.Protocol):
    """One connection: a request, its response, the next request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiter: asyncio.Future[Response] | None = None
        self._idle_since = 0.0
        self._connect = False
        self.closed = False

    @property
    def fresh(self) -> bool:
        """Whether another request may go this way."""
        return not self.closed and time.monotonic() - self._idle_since < IDLE_S

    async def request(self, *parts: bytes, connect: bool = False) -> Response:
        """Send it, and wait for the response; `connect`: it is a CONNECT.

        Raises:
            OSError: the connection ended first.
            ValueError: what came is not HTTP.
        """
        if self.closed or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._connect = connect
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.writelines(parts)
        response = await self._waiter
        self._idle_since = time.monotonic()
        if not response.keep:
            self.abort()
        return response

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on encrypted."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        self._transport = await loop.start_tls(self._transport, self, context, server_hostname=host)

    def abort(self) -> None:
        """Close it at once."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: it is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._idle_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Asyncio's: something came."""
        self._received += data
        self._look(ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's: it ended."""
        self.closed = True
        self._look(ended=True)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))

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
        timeout_s: of one request with its connection, seconds.
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
        head = f"POST {route.path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode()
        async with asyncio.timeout(self._timeout_s):
            connection = self._take()
            if connection is not None:
                try:
                    return await self._request(route, connection, head, body)
                except OSError:
                    # The others have most likely been closed along with it.
                    self.close()
            return await self._request(route, await self._connect(route), head, body)

    def close(self) -> None:
        """Close the connections that are not in use."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _request(self, route: Route, connection: Connection, head: bytes, body: bytes) -> Response:
        try:
            response = await connection.request(head, body)
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
        loop = asyncio.get_running_loop()
        if route.proxy is not None:
            return await self._connect_by_proxy(route, route.proxy)
        context = self._context if route.encrypted else None
        _, connection = await loop.create_connection(Connection, route.host, route.port, ssl=context)
        return connection

    async def _connect_by_proxy(self, route: Route, proxy: SplitResult) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, proxy.hostname or "", proxy.port or 80)
        try:
            asked = _connect_request(proxy, f"{route.host}:{route.port}")
            response = await connection.request(asked, connect=True)
            if response.status == HTTP_OK:
                assert self._context is not None
                await connection.start_tls(self._context, route.host)
                return connection
        except BaseException:
            connection.abort()
            raise
        connection.abort()
        raise ConnectionRefusedError(f"the proxy {proxy.hostname} answers with status {response.status}")


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
