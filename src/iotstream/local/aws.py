"""The rest of AWS on this machine: S3, DynamoDB, Glue, Secrets Manager, SSM, STS … by moto.

    python -m iotstream.local.aws --port 0

moto keeps everything in memory, checks neither secrets nor policies, and answers for Kinesis and
Timestream too, without their limits: clients reach those at `iotstream.local.kinesis` and
`iotstream.local.timestream` instead. What of S3 matters here it gets right: `If-None-Match: *` is
answered by 412 where the object is there already. It looks and writes in two steps, though, so that of two
at once both could win: conditional writes are therefore let in one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from iotstream.local.process import announce, wait_for_stop

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ACCOUNT = "123456789012"
"""moto's account number."""


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m iotstream.local.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--watch-stdin", action="store_true", help="end at the end of standard input")
    arguments = parser.parse_args()
    # A bucket's name in the host part is for real names, not for an address.
    os.environ.setdefault("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
    _serve(arguments.port, watch_stdin=arguments.watch_stdin)


def _serve(port: int, *, watch_stdin: bool) -> None:
    # moto reads the environment when it is imported.
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application = _conditional_writes_in_turn(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, name="moto")
    thread.start()
    announce("aws", port=server.port, endpoint=f"http://127.0.0.1:{server.port}", account=ACCOUNT)
    try:
        asyncio.run(wait_for_stop(watch_stdin=watch_stdin))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _conditional_writes_in_turn(application: WSGIApplication) -> WSGIApplication:
    turn = threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_dynamodb = environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_")
        if not is_dynamodb and "HTTP_IF_NONE_MATCH" not in environ:
            return application(environ, start_response)
        # Read before its turn, so that a client that stops in the middle holds up nobody.
        body = environ["wsgi.input"]
        whole = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(body.read(whole))
        with turn:
            return application(environ, start_response)

    return answer


if __name__ == "__main__":
    main()
