"""A Timestream behind TLS that takes whatever comes for one table, as a program.

    python -m timestream_tls --pki DIRECTORY --database NAME --table NAME

It reads each call and counts its records, and keeps none. The strict local one, which the sink's tests use,
takes a millisecond a call: its client would be measured falling asleep and waking up for each answer, which
the service's many machines don't make it do.
"""

import argparse
import asyncio
import selectors
import socket
import ssl
import threading
from pathlib import Path

import orjson

from iotstream.local.pki import Pki
from iotstream.local.process import announce, wait_for_stop

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


class Call:
    """The request that comes over a connection, bit by bit."""

    def __init__(self):
        self._received = bytearray()
        self._body = 0
        self._end = None

    def take(self, data):
        """More of it; its body when it is whole, else None."""
        self._received += data
        if self._end is None and (head := self._received.find(END_OF_HEAD)) >= 0:
            length = self._received[:head].lower().partition(LENGTH)[2].partition(b"\r\n")[0]
            self._body = head + len(END_OF_HEAD)
            self._end = self._body + int(length)
        if self._end is None or len(self._received) < self._end:
            return None
        body = bytes(self._received[self._body : self._end])
        self._received.clear()
        self._end = None
        return body


def answer(body, database, table):
    """What the service says."""
    call = orjson.loads(body)
    if (call["DatabaseName"], call["TableName"]) == (database, table):
        count = len(call["Records"])
        status, said = b"200 OK", {"RecordsIngested": {"Total": count, "MemoryStore": count}}
    else:
        status, said = b"400 Bad Request", {"__type": "ResourceNotFoundException", "message": "no such table"}
    text = orjson.dumps(said)
    head = b"HTTP/1.1 %s\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(text)) + text


def serve(listener, context, database, table):
    """Serve for ever: one thread, which a client does not outpace."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                accept(selector, listener, context)
                continue
            try:
                while (body := key.data.take(received(key.fileobj))) is None:
                    pass
                key.fileobj.sendall(answer(body, database, table))
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def received(connection):
    """What is there, a TLS record at most; an error where there is nothing yet, or no more."""
    data = connection.recv(1 << 16)
    if not data:
        raise ConnectionResetError
    return data


def accept(selector, listener, context):
    """A new connection."""
    connection, _ = listener.accept()
    connection.settimeout(5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        connection = context.wrap_socket(connection, server_side=True)
    except OSError:
        connection.close()
        return
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, Call())


def main():
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--watch-stdin", action="store_true")
    arguments = parser.parse_args()
    files = Pki(arguments.pki).server
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    parts = (listener, context, arguments.database, arguments.table)
    threading.Thread(target=serve, args=parts, daemon=True).start()
    announce("timestream", port=listener.getsockname()[1])
    asyncio.run(wait_for_stop(watch_stdin=arguments.watch_stdin))


if __name__ == "__main__":
    main()
