"""A proxy in front of local services that notes which AWS actions arrive, on what, and by whom.

The signature says both: its scope names the service, its access key the caller. So each program under test
gets an access key of its own, which no local service checks.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

ACCOUNT, REGION = "123456789012", "us-east-1"
SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
REFUSED = b"<Error><Code>AccessDenied</Code><Message>refused by the test</Message></Error>"

# S3 has no operation's name in a request. Method, whether a key is named, and the parameters that make
# another operation of it => the action of a policy.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
S3_ACTIONS = {
    ("GET", True, frozenset()): "s3:GetObject",
    ("HEAD", True, frozenset()): "s3:GetObject",
    ("PUT", True, frozenset()): "s3:PutObject",
    ("DELETE", True, frozenset()): "s3:DeleteObject",
    ("GET", False, frozenset({"list-type"})): "s3:ListBucket",
    ("POST", True, frozenset({"uploads"})): "s3:PutObject",
    ("PUT", True, frozenset({"partNumber", "uploadId"})): "s3:PutObject",
    ("POST", True, frozenset({"uploadId"})): "s3:PutObject",
    ("DELETE", True, frozenset({"uploadId"})): "s3:AbortMultipartUpload",
}
S3_SELECTORS = {"list-type", "uploads", "partNumber", "uploadId", "delete", "acl", "tagging", "versionId"}


class Call(NamedTuple):
    """What a policy decides on.

    Attributes:
        caller: the access key.
        action: as a policy names it.
        resource: its ARN; `*` where the action has none.
    """

    caller: str
    action: str
    resource: str


def called(
    method: str, path: str, headers: Mapping[str, str], body: bytes, streams: Mapping[str, str]
) -> Call:
    """What a request asks for. A request that isn't understood fails: it might need a right, too.

    Args:
        method, path, headers, body: of the request.
        streams: shard iterator or page's token => ARN of its stream.
    """
    scope = SCOPE.search(headers.get("Authorization", ""))
    assert scope, f"not signed: {method} {path}"
    caller, service = scope.groups()
    if service == "s3":
        address = urlsplit(path)
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        selectors = {name for name, _ in parse_qsl(address.query, keep_blank_values=True)} & S3_SELECTORS
        action = S3_ACTIONS[method, bool(key), frozenset(selectors)]
        return Call(caller, action, f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}")
    operation = headers["X-Amz-Target"].partition(".")[2]
    return Call(caller, f"{service}:{operation}", RESOURCES[service](json.loads(body or b"{}"), streams))


def _stream(request: dict[str, Any], streams: Mapping[str, str]) -> str:
    if "StreamARN" in request:
        return request["StreamARN"]
    if "StreamName" in request:
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{request['StreamName']}"
    return streams[request.get("ShardIterator") or request["NextToken"]]


def _table(request: dict[str, Any], _: object) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{request['TableName']}"


def _timestream(request: dict[str, Any], _: object) -> str:
    if "TableName" not in request:
        return "*"
    table = f"database/{request['DatabaseName']}/table/{request['TableName']}"
    return f"arn:aws:timestream:{REGION}:{ACCOUNT}:{table}"


RESOURCES: dict[str, Callable[[dict[str, Any], Mapping[str, str]], str]] = {
    "dynamodb": _table,
    "kinesis": _stream,
    "secretsmanager": lambda request, _: request["SecretId"],
    "timestream": _timestream,
}


class Recorder:
    """Listens on 127.0.0.1 until `close`.

    Args:
        upstreams: service, as signatures name it => its endpoint; that of `""` takes the rest.

    Attributes:
        endpoint: for `AWS_ENDPOINT_URL`.
        calls: what arrived, each once.
        failures: why requests were not understood.
        refused: how many calls `refusing` has refused.
    """

    def __init__(self, upstreams: Mapping[str, str]) -> None:
        self.calls: set[Call] = set()
        self.failures: list[str] = []
        self.refused = 0
        self._refuse: Callable[[Call], bool] = lambda _: False
        self._upstreams = {name: urlsplit(url).netloc for name, url in upstreams.items()}
        self._streams: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def of(self, caller: str) -> set[tuple[str, str]]:
        """Actions and resources of a caller."""
        return {(one.action, one.resource) for one in self.calls if one.caller == caller}

    @contextlib.contextmanager
    def refusing(self, which: Callable[[Call], bool]) -> Iterator[None]:
        """Answer such calls by 403 meanwhile, so that something is left half done."""
        before, self._refuse = self._refuse, which
        try:
            yield
        finally:
            self._refuse = before

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Note the call and pass it on; status, headers and body of the answer."""
        try:
            call = called(method, path, headers, body, self._streams)
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return 501, [], b""
        self.calls.add(call)
        if self._refuse(call):
            self.refused += 1
            return 403, [("Content-Type", "application/xml")], REFUSED
        service = call.action.partition(":")[0]
        upstream = self._upstreams.get(service) or self._upstreams[""]
        connection = http.client.HTTPConnection(upstream, timeout=60)
        passed_on = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(method, path, body, {**passed_on, "Content-Length": str(len(body))})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if service == "kinesis" and response.status == 200:
            found = json.loads(answer)
            tokens = (found.get(key) for key in ("ShardIterator", "NextShardIterator", "NextToken"))
            self._streams.update((token, call.resource) for token in tokens if token)
        kept = [
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in HOP_BY_HOP - {"content-length"}
        ]
        return response.status, kept, answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                assert "chunked" not in self.headers.get("Transfer-Encoding", "")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, answer = recorder.answer(self.command, self.path, self.headers, body)
                self.send_response_only(status)
                # HEAD tells the length of what it doesn't send.
                for name, value in headers:
                    if name.lower() != "content-length" or self.command == "HEAD":
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(answer)))
                elif not any(name.lower() == "content-length" for name, _ in headers):
                    self.send_header("Content-Length", "0")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        return Handler
