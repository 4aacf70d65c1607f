"""The HTTP client: responses cut anywhere, connections that end, proxies."""

import asyncio
import base64
import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.pki import Pki
from iotstream.sinks.calls import http as http_module
from iotstream.sinks.calls.http import Pool
from iotstream.sinks.calls.response import MAX_RESPONSE_BYTES, read_response

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = [
    (OK, 200, b"ok", True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    (b"HTTP/1.1 419 \r\ncontent-length:0\r\n\r\n", 419, b"", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.1 503 Busy\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nno", 503, b"no", False),
    (CHUNKED + b"2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 200, b"ab0123456789", True),
    (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    (CHUNKED + b"1\r\na\r\n0\r\nTrailer: 1\r\n\r\n", 200, b"a", True),
]


@given(st.sampled_from(WHOLE), st.data())
def test_a_response_cut_anywhere_is_read_when_it_is_whole(case, data):
    raw, status, body, keep = case
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=6)))
    received = bytearray()
    found = None
    for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        assert found is None
        received += raw[start:stop]
        found = read_response(received, ended=False)
    assert (found.status, found.body, found.keep) == (status, body, keep)


def test_without_a_length_the_end_of_the_connection_is_the_end():
    raw = bytearray(b"HTTP/1.1 502 Bad\r\n\r\n<html>")
    assert read_response(raw, ended=False) is None
    assert read_response(raw, ended=True)[2:] == (b"<html>", False)


def test_a_response_that_the_end_cut_short_is_none():
    assert read_response(bytearray(OK[:-1]), ended=True) is None
    assert read_response(bytearray(OK[:20]), ended=True) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc",
        b"x" * (MAX_RESPONSE_BYTES + 1),
    ],
)
def test_what_is_not_http_is_refused(raw):
    with pytest.raises(ValueError):
        read_response(bytearray(raw), ended=False)


def test_headers_are_found_by_lower_case_names():
    raw = b"HTTP/1.1 200 OK\r\nX-Amzn-ErrorType:  A:b \r\ncontent-length: 0\r\n\r\n"
    found = read_response(bytearray(raw), ended=False)
    assert found.headers["x-amzn-errortype"] == "A:b"


async def close(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(handle, **how):
    """A server on 127.0.0.1; `handle(reader, writer, number of the connection)`. Yields port and count."""
    connections, tasks = [], []

    async def accept(reader, writer):
        connections.append(writer)
        tasks.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handle(reader, writer, len(connections))
        await close(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, **how)
    try:
        yield server.sockets[0].getsockname()[1], connections
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    return head, await reader.readexactly(length)


async def answer_all(reader, writer, _):
    while True:
        head, body = await read_request(reader)
        assert head.startswith(b"POST /path HTTP/1.1\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def run(handle, use, *, context=None, timeout_s=5.0, **how):
    async def go():
        async with serving(handle, **how) as (port, connections):
            pool = Pool(context, timeout_s)
            try:
                return await use(pool, port), len(connections)
            finally:
                pool.close()

    return asyncio.run(go())


async def post(pool, port, body=b"x" * 100_000, scheme="http"):
    response = await pool.post(f"{scheme}://127.0.0.1:{port}/path", {"host": "127.0.0.1"}, body)
    return response.body


async def post_three(pool, port):
    return [await post(pool, port, b"%d" % number) for number in range(3)]


def test_a_connection_is_kept():
    assert run(answer_all, post_three) == ([b"0", b"1", b"2"], 1)


def test_a_connection_that_the_server_closes_is_replaced():
    async def one_each(reader, writer, _):
        _, body = await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    assert run(one_each, post_three) == ([b"0", b"1", b"2"], 3)


def test_a_kept_connection_that_dies_under_a_request_is_replaced_at_once():
    async def die_at_the_second(reader, writer, number):
        _, body = await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await read_request(reader)
        writer.transport.abort()

    assert run(die_at_the_second, post_three) == ([b"0", b"1", b"2"], 3)


def test_a_new_connection_that_dies_is_an_error():
    async def die(reader, writer, _):
        await reader.readexactly(1)
        writer.transport.abort()

    with pytest.raises(OSError, match=r"closed|reset"):
        run(die, post)


def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch):
    monkeypatch.setattr(http_module, "IDLE_S", 0.0)
    assert run(answer_all, post_three)[1] == 3


def test_words_that_nobody_asked_for_close_the_connection():
    async def chatter(reader, writer, _):
        _, body = await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body + OK)
        await reader.read()

    assert run(chatter, post_three) == ([b"0", b"1", b"2"], 3)


def test_no_answer_in_time():
    async def silent(reader, writer, _):
        await reader.read()

    with pytest.raises(TimeoutError):
        run(silent, post, timeout_s=0.1)


@pytest.fixture
def tls(tmp_path):
    pki = Pki(tmp_path / "pki")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pki.server.certificate, pki.server.key)
    return server, ssl.create_default_context(cafile=str(pki.ca))


@pytest.mark.parametrize("status", [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 Connection established"])
def test_https_by_a_proxy_with_a_password(monkeypatch, tls, status):
    server_tls, client_tls = tls
    asked = []

    async def tunnel(reader, writer, port):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(status + b"\r\n\r\n")

        async def pump(source, target):
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
            target.close()

        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            await close(far_writer)

    async def use(_, port):
        async with serving(lambda reader, writer, _: tunnel(reader, writer, port)) as (proxy_port, _):
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:s%40cret@127.0.0.1:{proxy_port}")
            monkeypatch.setenv("NO_PROXY", "")
            monkeypatch.setenv("no_proxy", "")
            pool = Pool(client_tls, 5.0)
            found = [await post(pool, port, b"%d" % number, "https") for number in range(3)]
            pool.close()
            return found, port

    (found, port), _ = run(answer_all, use, ssl=server_tls)
    assert found == [b"0", b"1", b"2"]
    assert asked == [
        b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n"
        b"proxy-authorization: Basic %s\r\n\r\n" % (port, port, base64.b64encode(b"me:s@cret"))
    ]


def test_a_proxy_that_refuses(monkeypatch, tls):
    async def refuse(reader, writer, _):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")

    async def use(_, port):
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        pool = Pool(tls[1], 5.0)
        await pool.post("https://ingest.example/", {}, b"")

    with pytest.raises(ConnectionRefusedError, match="status 407"):
        run(refuse, use)


def test_a_host_without_proxy(monkeypatch, tls):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    async def use(pool, port):
        return await post(pool, port, b"direct", "https")

    assert run(answer_all, use, context=tls[1], ssl=tls[0]) == (b"direct", 1)
