"""A proxy before S3 and DynamoDB that knows the steps of a span, and can let somebody die at one."""

import http.client
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STEPS = ("claim", "intend", "letters", "object", "manifest", "commit")
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_OBJECT = re.compile(r"/data/.*\.parquet$")
_MANIFEST = re.compile(r"/spans/.*\.json$")
_LETTERS = re.compile(r"\.jsonl\.gz$")


@dataclass
class Trap:
    """Springs once, at a step: `action` is called before the step reaches the service, or after it."""

    step: str
    after: bool
    action: Callable[[], None]
    skip: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)


class Tap:
    """The proxy; on 127.0.0.1, a thread a connection.

    Attributes:
        trap: waits for its step; None: none.
        failing: the share of the consumers' writes that fail with 503, or are throttled.
        seen: how often each step came by.
    """

    def __init__(self, upstream_port: int, journal_table: str, seed: int) -> None:
        self.trap: Trap | None = None
        self.failing = 0.0
        self.seen = dict.fromkeys(STEPS, 0)
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, upstream_port, journal_table))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fails(self) -> bool:
        with self._lock:
            return self._random.random() < self.failing

    def take(self, step: str, *, after: bool) -> Trap | None:
        """The trap, if it springs now; it is gone then."""
        with self._lock:
            if not after:
                self.seen[step] += 1
            trap = self.trap
            if trap is None or trap.step != step or trap.after != after:
                return None
            if trap.skip:
                trap.skip -= 1
                return None
            self.trap = None
            return trap


def step_of(method: str, path: str, target: str, body: bytes, table: str) -> str | None:
    """Which step of a span a request is."""
    if method == "PUT":
        for step, pattern in (("object", _OBJECT), ("manifest", _MANIFEST), ("letters", _LETTERS)):
            if pattern.search(path.partition("?")[0]):
                return step
    if target.endswith((".UpdateItem", ".PutItem")) and table.encode() in body:
        # The update expression tells which it is.
        if b":claim" in body:
            return "claim"
        if b":intent" in body:
            return "intend"
        return "commit" if b"REMOVE #intent" in body else None
    return None


def _handler(tap: Tap, upstream_port: int, table: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        upstream: http.client.HTTPConnection | None = None

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target", "")
            step = step_of(self.command, self.path, target, body, table)
            if step is not None:
                if self.springs(step, after=False):
                    return
                if tap.fails():
                    self.refuse(target)
                    return
            answer = self.forward(body)
            if step is not None and self.springs(step, after=True):
                return
            self.answer(answer)

        def springs(self, step, *, after):
            trap = tap.take(step, after=after)
            if trap is None:
                return False
            trap.action()
            trap.sprung.set()
            self.close_connection = True
            return True

        def refuse(self, target):
            if target:
                body = b'{"__type":"ProvisionedThroughputExceededException","message":"slow down"}'
                self.send_response(400)
            else:
                body = b"<Error><Code>SlowDown</Code></Error>"
                self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def forward(self, body):
            for again in (True, False):
                if self.upstream is None:
                    self.upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=60)
                try:
                    self.upstream.putrequest(
                        self.command, self.path, skip_host=True, skip_accept_encoding=True
                    )
                    for name, value in self.headers.items():
                        self.upstream.putheader(name, value)
                    self.upstream.endheaders(body or None)
                    answer = self.upstream.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                except (http.client.HTTPException, ConnectionError):
                    # The server closed a connection that was kept.
                    self.hang_up()
                    if not again:
                        raise
            raise AssertionError

        def hang_up(self):
            if self.upstream is not None:
                self.upstream.close()
                self.upstream = None

        def finish(self):
            self.hang_up()
            super().finish()

        def answer(self, answer):
            status, headers, body = answer
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP_HEADERS or (
                    name.lower() == "content-length" and self.command == "HEAD"
                ):
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve  # noqa: N815

        def log_message(self, *_):
            pass

    return Handler
