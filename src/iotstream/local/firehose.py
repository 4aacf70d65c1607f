"""A Firehose transformation: records to a Lambda and back, as Amazon Data Firehose calls it.

    with LambdaFunction(handler="firehose_transform.handler", task_root=Path("handlers")) as function:
        outcomes = Transformation(function).transform([SourceRecord(data=b"{}", arrival_ms=0)])

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from iotstream.errors import ConfigurationError
from iotstream.local.lambda_runtime import MAX_PAYLOAD_BYTES, InvokeResult
from iotstream.retry import Backoff

OK, DROPPED, PROCESSING_FAILED = "Ok", "Dropped", "ProcessingFailed"
RETRIES = 3
"""https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html: the default."""
MIN_BUFFER_MB, MAX_BUFFER_MB, DEFAULT_BUFFER_MB = 0.2, 3.0, 1.0
"""The buffering size: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html"""
MAX_RECORD_BYTES = 1_000 * 1024
"""Before base64: https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html"""
_MB = 1024 * 1024

# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
FUNCTION_ERROR = "Lambda.FunctionError"
TIMED_OUT = "Lambda.FunctionTimedOut"
MISSING_RECORD_ID = "Lambda.MissingRecordId"
DUPLICATED_RECORD_ID = "Lambda.DuplicatedRecordId"
MALFORMED = "Lambda.JsonProcessingException"


class Function(Protocol):
    """What is invoked: a `LambdaFunction`, or a double of it."""

    def invoke(self, event: bytes) -> InvokeResult:
        """Invoke it with an event."""
        ...


class StreamPosition(NamedTuple):
    """Where a record lies in the Kinesis stream that Firehose reads."""

    shard_id: str
    partition_key: str
    sequence_number: str


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """A record as Firehose got it.

    Attributes:
        data: the payload.
        arrival_ms: when it came, milliseconds since the epoch.
        position: None for a record that was put to Firehose itself.
    """

    data: bytes
    arrival_ms: int
    position: StreamPosition | None = None


@dataclass(frozen=True, kw_only=True)
class TransformationSettings:
    """A delivery stream with a transformation.

    Attributes:
        delivery_stream_arn, region: as the event says.
        source_stream_arn: of the Kinesis stream; None for direct puts.
        buffer_mb: payload of an invocation in MiB, 0.2 to 3.
        retries: further tries of an invocation that fails.

    Raises:
        ConfigurationError: a value is out of range.
    """

    delivery_stream_arn: str = "arn:aws:firehose:us-east-1:123456789012:deliverystream/telemetry"
    region: str = "us-east-1"
    source_stream_arn: str | None = None
    buffer_mb: float = DEFAULT_BUFFER_MB
    retries: int = RETRIES

    def __post_init__(self) -> None:
        if not MIN_BUFFER_MB <= self.buffer_mb <= MAX_BUFFER_MB:
            allowed = f"{MIN_BUFFER_MB} to {MAX_BUFFER_MB:.0f} MiB"
            raise ConfigurationError(f"buffer_mb = {self.buffer_mb!r}: allowed is {allowed}")
        if self.retries < 0:
            raise ConfigurationError(f"retries = {self.retries!r}: allowed is 0 or more")


class Outcome(NamedTuple):
    """What became of a record.

    Attributes:
        record_id: under which the function got it.
        result: `Ok`, `Dropped` or `ProcessingFailed`.
        data: the transformed payload; of a failed or dropped record the payload as it came.
        attempts: invocations that were made for it.
        error_code: why Firehose counts it as failed; None when the function said so itself.
        error_message: the same for people.
    """

    record_id: str
    result: str
    data: bytes
    attempts: int = 1
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class Transformation:
    """Calls a function with records, and judges its answers as Firehose does.

    Attributes:
        function: what is invoked.
        settings: of the delivery stream.
        sleep: waits between tries, seconds.
    """

    function: Function
    settings: TransformationSettings = field(default_factory=TransformationSettings)
    sleep: Callable[[float], None] = time.sleep

    def transform(self, records: Sequence[SourceRecord]) -> list[Outcome]:
        """The outcome of each record, in order; as many invocations as the buffer's size makes.

        Raises:
            ValueError: a record of a direct put is larger than Firehose takes, or too large to be sent.
        """
        batches = list(_batches(records, round(self.settings.buffer_mb * _MB)))
        return [outcome for batch in batches for outcome in self._batch(batch)]

    def _batch(self, records: Sequence[SourceRecord]) -> list[Outcome]:
        sent = {str(uuid.uuid4()): record for record in records}
        body = event(sent, self.settings)
        if len(body) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"event of {len(body)} bytes: Lambda takes {MAX_PAYLOAD_BYTES}")
        delays = Backoff(base_s=0.2, deadline_s=float("inf")).delays()
        for attempt in range(1, self.settings.retries + 2):
            result = self.function.invoke(body)
            if result.function_error is None:
                return [one._replace(attempts=attempt) for one in outcomes(result.payload, sent)]
            if attempt <= self.settings.retries:
                self.sleep(next(delays))
        code, message = _reason(result.payload)
        return _all_failed(sent, code, message, attempt)


def event(sent: dict[str, SourceRecord], settings: TransformationSettings) -> bytes:
    """The event of a transformation.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesisfirehose.html

    Args:
        sent: records by their ids, in order.
        settings: of the delivery stream.
    """
    source = {"sourceKinesisStreamArn": settings.source_stream_arn} if settings.source_stream_arn else {}
    return orjson.dumps(
        {
            "invocationId": str(uuid.uuid4()),
            **source,
            "deliveryStreamArn": settings.delivery_stream_arn,
            "region": settings.region,
            "records": [_record(record_id, record) for record_id, record in sent.items()],
        }
    )


def outcomes(payload: bytes, sent: dict[str, SourceRecord]) -> list[Outcome]:
    """Judge an answer: one outcome for each record that was sent, in that order.

    An answer as a whole fails all its records when it isn't `{"records": [...]}`, or when its ids are not
    those that were sent, each once. A `result` that isn't one of the three, or data of an `Ok` record that
    isn't base64, fails that record.

    Args:
        payload: the function's answer.
        sent: records by their ids, in order.
    """
    answered = _answered(payload)
    if answered is None:
        message = 'The answer is not {"records": [{"recordId", "result", "data"}, …]}.'
        return _all_failed(sent, MALFORMED, message)
    counts = Counter(_id(one) for one in answered)
    if repeated := [record_id for record_id, count in counts.items() if count > 1]:
        return _all_failed(sent, DUPLICATED_RECORD_ID, f"Returned more than once: {repeated[0]}")
    if missing := sent.keys() - counts.keys():
        return _all_failed(sent, MISSING_RECORD_ID, f"{len(missing)} records were not returned.")
    if unknown := counts.keys() - sent.keys():
        return _all_failed(sent, MALFORMED, f"Returned, but never sent: {min(unknown)}")
    by_id = {_id(one): one for one in answered}
    return [_judge(record_id, by_id[record_id], record) for record_id, record in sent.items()]


def _id(answer: dict[str, Any]) -> str:
    """The id; empty, which is none that was sent, when it isn't text."""
    found = answer.get("recordId")
    return found if isinstance(found, str) else ""


def _judge(record_id: str, answer: dict[str, Any], record: SourceRecord) -> Outcome:
    result = answer.get("result")
    # Not by a set: a result may be anything that JSON has.
    if result in (DROPPED, PROCESSING_FAILED):
        return Outcome(record_id, result, record.data)
    if result != OK:
        return _failed(record_id, record, MALFORMED, f"result = {result!r}: not one of the three")
    try:
        data = base64.b64decode(answer["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return _failed(record_id, record, MALFORMED, "data is missing, or not base64")
    return Outcome(record_id, OK, data)


def _answered(payload: bytes) -> list[dict[str, Any]] | None:
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    records = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        return None
    return records


def _failed(record_id: str, record: SourceRecord, code: str, message: str, attempts: int = 1) -> Outcome:
    return Outcome(record_id, PROCESSING_FAILED, record.data, attempts, code, message)


def _all_failed(sent: dict[str, SourceRecord], code: str, message: str, attempts: int = 1) -> list[Outcome]:
    return [_failed(record_id, record, code, message, attempts) for record_id, record in sent.items()]


def _reason(payload: bytes) -> tuple[str, str]:
    """Code and message of an invocation that failed; the function's own document is not to be trusted."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = None
    document = document if isinstance(document, dict) else {}
    code = TIMED_OUT if document.get("errorType") == "Sandbox.Timedout" else FUNCTION_ERROR
    return code, str(document.get("errorMessage") or "The function returned an error.")


def _record(record_id: str, record: SourceRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        "recordId": record_id,
        "approximateArrivalTimestamp": record.arrival_ms,
        "data": base64.b64encode(record.data).decode(),
    }
    if record.position is not None:
        found["kinesisRecordMetadata"] = {
            "shardId": record.position.shard_id,
            "partitionKey": record.position.partition_key,
            "approximateArrivalTimestamp": record.arrival_ms,
            "sequenceNumber": record.position.sequence_number,
            "subsequenceNumber": "",
        }
    return found


def _batches(records: Sequence[SourceRecord], buffer_bytes: int) -> Iterator[list[SourceRecord]]:
    """Cut before the record that would exceed the buffer; a record larger than it goes alone."""
    batch: list[SourceRecord] = []
    size = 0
    for index, record in enumerate(records):
        length = len(record.data)
        if record.position is None and length > MAX_RECORD_BYTES:
            raise ValueError(f"record {index} has {length} bytes: Firehose takes {MAX_RECORD_BYTES}")
        if batch and size + length > buffer_bytes:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch
