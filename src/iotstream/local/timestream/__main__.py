"""The local Timestream as a program.

    python -m iotstream.local.timestream --port 0 --database iot_timestream_db --table iot_table

HTTP/1.1 with JSON 1.0 on 127.0.0.1, for writes and queries alike. POST /_iotstream/faults takes
{"operation": "WriteRecords", "kind": "throttle", "times": 3} (or "probability", or "latency" with
"seconds"); DELETE forgets them.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from iotstream.local.process import announce, wait_for_stop
from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError, invalid
from iotstream.local.timestream.faults import Fault
from iotstream.local.timestream.service import Timestream

TARGET = "Timestream_20181101."
FAULTS = "/_iotstream/faults"


def main() -> None:
    """Serve until told to stop."""
    arguments = _parser().parse_args()
    service = Timestream(arguments.directory)
    _create(service, arguments)
    server = serve(service, arguments.port)
    announce("timestream", port=server.server_address[1])
    try:
        asyncio.run(wait_for_stop(watch_stdin=arguments.watch_stdin))
    finally:
        server.shutdown()
        server.server_close()
        service.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m iotstream.local.timestream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--directory", type=Path, help="keeps the state between runs")
    parser.add_argument("--database", help="made at start if it is not there")
    parser.add_argument("--table", help="made at start if it is not there")
    parser.add_argument("--memory-hours", type=int, default=limits.DEFAULT_MEMORY_HOURS)
    parser.add_argument("--magnetic-days", type=int, default=limits.DEFAULT_MAGNETIC_DAYS)
    parser.add_argument(
        "--magnetic-writes", action="store_true", help="take points older than --memory-hours"
    )
    parser.add_argument("--watch-stdin", action="store_true", help="end at the end of standard input")
    return parser


def _create(service: Timestream, arguments: argparse.Namespace) -> None:
    if not arguments.database:
        return
    names = {"DatabaseName": arguments.database, "TableName": arguments.table}
    table = {
        **names,
        "RetentionProperties": {
            "MemoryStoreRetentionPeriodInHours": arguments.memory_hours,
            "MagneticStoreRetentionPeriodInDays": arguments.magnetic_days,
        },
        "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": arguments.magnetic_writes},
    }
    now = time.time()
    for operation in ["CreateDatabase"] + ["CreateTable", "UpdateTable"] * bool(arguments.table):
        try:
            service.call(operation, table, now)
        except ServiceError as error:
            if error.code != "ConflictException":
                raise


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    """A client opens many connections at once; one that finds no place waits for a second and more."""


def serve(service: Timestream, port: int) -> ThreadingHTTPServer:
    """Serve on 127.0.0.1; its thread runs until `shutdown`."""
    server = _Server(("127.0.0.1", port), _handler(service))
    server.daemon_threads = True
    # With its scheme: the SDK would take a bare address for one with TLS.
    service.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _handler(service: Timestream) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second would wait for the first's acknowledgement.
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == FAULTS:
                self._add_fault(body)
                return
            try:
                operation = self.headers.get("X-Amz-Target", "").removeprefix(TARGET)
                request = _request(body)
                with lock:
                    answer = service.call(operation, request, time.time())
            except ServiceError as error:
                code = {"__type": f"com.amazonaws.timestream.v20181101#{error.code}"}
                self._answer(
                    error.status, {**code, "Message": error.message, "message": error.message, **error.extra}
                )
            else:
                self._answer(200, answer)

        def do_DELETE(self) -> None:
            if self.path == FAULTS:
                service.faults.clear()
            self._answer(200 if self.path == FAULTS else 404, {})

        def _add_fault(self, body: bytes) -> None:
            try:
                service.faults.add(Fault(**orjson.loads(body)))
            except (TypeError, ValueError) as error:
                self._answer(400, {"message": str(error)})
            else:
                self._answer(200, {})

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            body = orjson.dumps(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", uuid.uuid4().hex.upper())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise ServiceError("SerializationException", str(error)) from None
    if not isinstance(request, dict):
        raise invalid("An object is expected.")
    return request


if __name__ == "__main__":
    main()
