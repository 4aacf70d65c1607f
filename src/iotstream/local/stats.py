"""A program's figures over HTTP: GET /stats on a loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


class StatsServer:
    """Serves what `stats` returns as JSON.

    Args:
        stats: called for each request.
        port: on 127.0.0.1; 0 takes a free one.

    Attributes:
        port: the one taken.
    """

    def __init__(self, stats: Callable[[], dict[str, Any]], port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(stats))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()


def _handler(stats: Callable[[], dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            found = self.path == "/stats"
            body = orjson.dumps(stats()) if found else b'{"error":"GET /stats"}'
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler
