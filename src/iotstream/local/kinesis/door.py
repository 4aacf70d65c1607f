"""From an HTTP request to the state machine and back; knows nothing of sockets."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from iotstream.local.kinesis.codec import JSON, Codec, codec_for
from iotstream.local.kinesis.errors import KinesisError
from iotstream.local.kinesis.eventstream import CONTENT_TYPE, event, exception
from iotstream.local.kinesis.fanout import Subscription
from iotstream.local.kinesis.faults import LOST_CONNECTION, Fault
from iotstream.local.kinesis.state import Kinesis

TARGET_PREFIX: Final = "Kinesis_20131202."
ADMIN_PREFIX: Final = "/_iotstream/"
FAULTS_PATH: Final = "/_iotstream/faults"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that has arrived whole; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer that is sent whole."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def headers(self) -> list[tuple[str, str]]:
        """Its headers."""
        return [
            ("x-amzn-requestid", self.request_id),
            ("content-type", self.content_type),
            ("content-length", str(len(self.body))),
        ]


@dataclass(frozen=True, kw_only=True)
class Push:
    """An answer that goes on: a subscription, whose events are sent as they come."""

    subscription: Subscription
    codec: Codec
    status: int = 200
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def headers(self) -> list[tuple[str, str]]:
        """Its headers."""
        return [("x-amzn-requestid", self.request_id), ("content-type", CONTENT_TYPE)]

    def opening(self) -> bytes:
        """The message with which the stream begins."""
        return event("initial-response", self.codec.content_type, self.codec.encode({}))

    def next_message(self, kinesis: Kinesis) -> bytes | None:
        """The next event's message, or None while there is none."""
        pushed = kinesis.poll(self.subscription)
        if pushed is None:
            return None
        return event("SubscribeToShardEvent", self.codec.content_type, self.codec.encode(pushed))

    def closing(self) -> bytes:
        """What is sent at the end: why the subscription ended, if that was an error."""
        error = self.subscription.error
        if error is None:
            return b""
        return exception(error.code, self.codec.content_type, self.codec.encode({"message": error.message}))


@dataclass(frozen=True, kw_only=True)
class Hangup:
    """No answer: the connection is to be closed (an injected fault)."""


Answer = Reply | Push | Hangup


class Door:
    """Answers requests.

    Args:
        kinesis: the state machine.
    """

    def __init__(self, kinesis: Kinesis) -> None:
        self.kinesis = kinesis

    def answer(self, request: Request) -> Answer:
        """Answer a request; never raises."""
        if request.path.startswith(ADMIN_PREFIX):
            return self._administer(request)
        if request.method == "GET":
            return Reply(body=b'{"name":"kinesis","status":"ok"}')
        if request.method != "POST":
            return Reply(status=405)
        codec = codec_for(request.headers.get("content-type", ""))
        try:
            return self._call(request, codec)
        except KinesisError as error:
            return Hangup() if error.code == LOST_CONNECTION else _error(error, codec)
        except Exception:
            log.exception("%s failed", request.headers.get("x-amz-target"))
            return _error(KinesisError("InternalFailureException", "Internal Service Failure"), codec)

    def _call(self, request: Request, codec: Codec) -> Answer:
        target = request.headers.get("x-amz-target", "")
        if not target.startswith(TARGET_PREFIX):
            raise KinesisError(
                "UnknownOperationException", f"X-Amz-Target is {target!r}, not {TARGET_PREFIX}…."
            )
        operation = target.removeprefix(TARGET_PREFIX)
        answer = self.kinesis.handle(operation, codec.parse(operation, request.body))
        if isinstance(answer, Subscription):
            return Push(subscription=answer, codec=codec)
        # An operation without an answer has an empty body in the service as well.
        return Reply(content_type=codec.content_type, body=codec.encode(answer) if answer else b"")

    def _administer(self, request: Request) -> Reply:
        if request.path != FAULTS_PATH:
            return Reply(status=404, body=JSON.encode({"error": f"no such path; there is {FAULTS_PATH}"}))
        faults = self.kinesis.faults
        if request.method == "POST":
            try:
                faults.inject(msgspec.json.decode(request.body, type=Fault))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return Reply(status=400, body=JSON.encode({"error": str(error)}))
        elif request.method == "DELETE":
            faults.clear()
        return Reply(body=JSON.encode({"faults": faults.report()}))


def _error(error: KinesisError, codec: Codec) -> Reply:
    body = codec.encode({"__type": error.code, "message": error.message})
    return Reply(status=error.status, content_type=codec.content_type, body=body)
