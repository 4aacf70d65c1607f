"""A runtime for Lambda that hands the handler an event's JSON as bytes.

The managed runtime parses each event with the standard library's `json` before the handler sees it, which
costs more than decoding, validating and writing its records. This loop leaves that to the handler, whose
compiled kernel reads records from the bytes. It takes the place of the managed loop by a wrapper script:
`AWS_LAMBDA_EXEC_WRAPPER=/var/task/raw-runtime` (docs/lambda.md).

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import orjson

VERSION = "/2018-06-01/runtime"
UNHANDLED = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": "Unhandled"}

Handler = Callable[[bytes, "Context"], Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Lambda's context object: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html.

    Attributes:
        aws_request_id, invoked_function_arn: of the invocation.
        deadline_ms: when it is ended, ms since the epoch.
        function_name, function_version, memory_limit_in_mb, log_group_name, log_stream_name: of the function.
    """

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        return max(self.deadline_ms - round(time.time() * 1000), 0)


class Runtime:
    """One execution environment's side of the Runtime API, over one connection.

    Args:
        environ: the environment, as Lambda sets it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        # Without a timeout: an environment is frozen until its next event.
        self._connection = HTTPConnection(environ["AWS_LAMBDA_RUNTIME_API"])

    def load(self) -> Handler:
        """The handler that `_HANDLER` names, `module.function`, from the task's directory.

        Raises:
            SystemExit: there is none, or its module failed; Lambda has been told.
        """
        try:
            module, _, name = self._environ["_HANDLER"].rpartition(".")
            sys.path.insert(0, self._environ["LAMBDA_TASK_ROOT"])
            handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        except Exception as error:
            self._post("/init/error", _document(error), UNHANDLED)
            raise SystemExit(1) from error
        return handler

    def serve_one(self, handler: Handler) -> None:
        """Wait for an event, let the handler have it, and send its answer.

        Raises:
            ConnectionError: Lambda has ended this environment.
        """
        response, body = self._call("GET", "/invocation/next")
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
        try:
            answer = orjson.dumps(handler(body, self._context(response)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the invocation's outcome
            traceback.print_exc()
            self._post(f"/invocation/{request_id}/error", _document(error), UNHANDLED)
        else:
            self._post(f"/invocation/{request_id}/response", answer, {"Content-Type": "application/json"})

    def _context(self, response: HTTPResponse) -> Context:
        environ = self._environ
        return Context(
            aws_request_id=response.headers["Lambda-Runtime-Aws-Request-Id"],
            invoked_function_arn=response.headers["Lambda-Runtime-Invoked-Function-Arn"],
            deadline_ms=int(response.headers["Lambda-Runtime-Deadline-Ms"]),
            function_name=environ["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=environ["AWS_LAMBDA_FUNCTION_VERSION"],
            memory_limit_in_mb=environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            log_group_name=environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        )

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        self._call("POST", path, body, headers)

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        self._connection.request(method, VERSION + path, body, dict(headers or {}))
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise ConnectionError(f"{method} {path}: status {response.status}, {content[:200]!r}")
        return response, content


def _document(error: BaseException) -> bytes:
    """The error as the Runtime API wants it."""
    return orjson.dumps(
        {
            "errorType": type(error).__name__,
            "errorMessage": str(error),
            "stackTrace": traceback.format_exception(error),
        }
    )


def main() -> None:
    """Serve invocations until Lambda ends the environment."""
    runtime = Runtime(os.environ)
    handler = runtime.load()
    while True:
        runtime.serve_one(handler)


if __name__ == "__main__":
    main()
