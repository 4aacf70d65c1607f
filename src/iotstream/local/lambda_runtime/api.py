"""The Runtime API of one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

VERSION = "/2018-06-01/runtime"


class Invocation(NamedTuple):
    """What the runtime gets from `/invocation/next`."""

    request_id: str
    deadline_ms: int
    function_arn: str
    event: bytes


class Answer(NamedTuple):
    """What the runtime sent.

    Attributes:
        kind: `ready` (it asks for the first event), `response`, `error`, or `init_error`.
        request_id: of the invocation.
        body: the response or the error's document.
    """

    kind: str
    request_id: str
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runtime that was ended leaves a broken connection: nothing to tell."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class RuntimeApi:
    """The server: invocations go in by `send`, answers come out by the callback.

    Attributes:
        port: on 127.0.0.1.
    """

    def __init__(self, on_answer: Callable[[Answer], None]) -> None:
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._on_answer = on_answer
        self._open: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]

    def send(self, invocation: Invocation) -> None:
        """Hand out an invocation at the runtime's next call."""
        self._open.add(invocation.request_id)
        self._invocations.put(invocation)

    def close(self) -> None:
        """End the server; a runtime that waits for an event is let go."""
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: the second would wait for the first's acknowledgement.
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                if self.path != f"{VERSION}/invocation/next":
                    self._answer(404)
                    return
                api._on_answer(Answer("ready", "", b""))
                invocation = api._invocations.get()
                if invocation is None:
                    self.close_connection = True
                    return
                self._answer(200, invocation.event, _headers(invocation))

            def do_POST(self) -> None:
                body = self._body()
                parts = self.path.removeprefix(VERSION).strip("/").split("/")
                if parts == ["init", "error"]:
                    api._on_answer(Answer("init_error", "", body))
                elif len(parts) == 3 and parts[0] == "invocation" and parts[2] in {"response", "error"}:
                    if parts[1] not in api._open:
                        self._answer(400, b'{"errorType":"InvalidRequestID"}')
                        return
                    api._open.discard(parts[1])
                    api._on_answer(Answer(parts[2], parts[1], body))
                else:
                    self._answer(404)
                    return
                self._answer(202, b'{"status":"OK"}')

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler


def _headers(invocation: Invocation) -> dict[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": f"Root=1-{invocation.deadline_ms // 1000:08x}-{'0' * 24};Sampled=0",
    }
