"""The service over HTTP/1.1 with JSON 1.0, on 127.0.0.1, for writes and queries alike."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import orjson

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError
from iotstream.local.timestream.faults import Fault
from iotstream.local.timestream.service import Timestream

TARGET = "Timestream_20181101."
FAULTS = "/_iotstream/faults"
_NAMESPACE = "com.amazonaws.timestream.v20181101"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    """A client opens many connections at once; one that finds no place waits for a second and more."""


def serve(service: Timestream, port: int) -> ThreadingHTTPServer:
    """Serve on 127.0.0.1; its thread runs until `shutdown`."""
    server = _Server(("127.0.0.1", port), _handler(service))
    # With its scheme: the SDK would take a bare address for one with TLS.
    service.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _handler(service: Timestream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second would wait for the first's acknowledgement.
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            try:
                self._answer(200, self._act())
            except ServiceError as error:
                code = {"__type": f"{_NAMESPACE}#{error.code}"}
                self._answer(
                    error.status, {**code, "Message": error.message, "message": error.message, **error.extra}
                )
            except ConnectionError:
                self.close_connection = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the client must be told
                # A bug of ours: the client shall retry or report it, not wait; stderr has the whole.
                traceback.print_exc()
                self._answer(500, {"__type": f"{_NAMESPACE}#InternalServerException", "Message": repr(error)})

        def do_DELETE(self) -> None:
            if self.path == FAULTS:
                service.faults.clear()
            self._answer(200 if self.path == FAULTS else 404, {})

        def _act(self) -> dict[str, Any]:
            body = self._body()
            if self.path == FAULTS:
                return _add_fault(service, body)
            target = self.headers.get("X-Amz-Target", "")
            if not target.startswith(TARGET):
                raise ServiceError(
                    "UnknownOperationException", f"X-Amz-Target is {target!r}: {TARGET}… expected."
                )
            return service.call(target.removeprefix(TARGET), body, time.time())

        def _body(self) -> bytes:
            text = self.headers.get("Content-Length", "")
            if not (text.isascii() and text.isdigit()):
                self.close_connection = True
                raise ServiceError(
                    "SerializationException", f"Content-Length is {text!r}: a number is expected."
                )
            if int(text) > limits.MAX_BODY_BYTES:
                self.close_connection = True
                message = f"The body has {text} bytes: at most {limits.MAX_BODY_BYTES} are allowed."
                raise ServiceError("RequestEntityTooLargeException", message, status=413)
            return self.rfile.read(int(text))

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            body = orjson.dumps(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amzn-RequestId", uuid.uuid4().hex.upper())
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


def _add_fault(service: Timestream, body: bytes) -> dict[str, Any]:
    """Add the fault, or start the probabilities again with {"seed": N}."""
    try:
        given = orjson.loads(body)
        if isinstance(given, dict) and given.keys() == {"seed"}:
            service.faults.reseed(int(given["seed"]))
        else:
            service.faults.add(msgspec.convert(given, Fault))
    except (TypeError, ValueError) as error:
        raise ServiceError("ValidationException", str(error)) from None
    return {}
