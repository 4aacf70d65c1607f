"""What all readers of a stream have in common: GetRecords' answers, where reading goes on, what errors mean.

No I/O: `Cursor` says which call is next, and takes its answer, so that it serves boto3 and aiobotocore.
Limits and errors: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from iotstream._native import native
from iotstream.errors import StreamUnavailable
from iotstream.position import Position
from iotstream.records import RawBatch, arrivals_of

GET_RECORDS_EVERY_S = 0.2
"""GetRecords takes 5 calls a second for each shard, of all who read it."""

_BEFORE_PARSE = "before-parse.kinesis.GetRecords"
_PAGE = "Page"

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
"""GetRecords answers with up to 10 MB."""

_THROTTLED = frozenset(
    (
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    )
)
_EXPIRED = frozenset(("ExpiredIteratorException", "ExpiredNextTokenException"))
_TOO_MANY_REQUESTS = 429


# gc=False: a record refers to no container, and a page holds up to 10,000.
class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as GetRecords returns it; arrival is in seconds since the epoch."""

    SequenceNumber: str
    Data: bytes
    ApproximateArrivalTimestamp: float


class ChildShard(msgspec.Struct, frozen=True):
    """A shard that goes on where the one that was read ends."""

    ShardId: str
    ParentShards: list[str]


class Answer(msgspec.Struct, frozen=True):
    """The answer of GetRecords."""

    Records: list[Record]
    MillisBehindLatest: int = 0
    NextShardIterator: str | None = None
    ChildShards: list[ChildShard] = []


_ANSWERS = msgspec.json.Decoder(Answer)


class Page(NamedTuple):
    """What GetRecords has answered.

    Attributes:
        records: as they came, KPL aggregates too; without the names of stream and shard.
        behind_ms: how far the page's end is behind the shard's tip.
        next_iterator: of the next page; None: the shard is closed, and read to its end.
        child_shards: of a closed shard.
    """

    records: RawBatch
    behind_ms: int
    next_iterator: str | None
    child_shards: list[ChildShard]

    @classmethod
    def of(cls, answer: Answer, records: RawBatch) -> Page:
        """An answer whose records were read apart."""
        return cls(records, answer.MillisBehindLatest, answer.NextShardIterator, answer.ChildShards)

    def raw(self, stream: str, shard_id: str) -> RawBatch:
        """Its records, with the names."""
        return replace(self.records, stream=stream, shard_id=shard_id)


def read_page(body: bytes) -> Page:
    """The page of an answer's JSON.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    found = None if native is None else native.read_page(body)
    if found is None:
        return read_page_in_python(body)
    columns, rest = found
    return Page.of(_ANSWERS.decode(rest), RawBatch.of_columns(columns))


def read_page_in_python(body: bytes) -> Page:
    """The same, without the kernel."""
    answer = _ANSWERS.decode(body)
    return Page.of(answer, raw_batch(answer.Records))


def raw_batch(records: list[Record]) -> RawBatch:
    """The records of a page as a batch."""
    return RawBatch(
        payloads=[one.Data for one in records],
        sequence_numbers=[one.SequenceNumber for one in records],
        arrival_ms=arrivals_of([one.ApproximateArrivalTimestamp for one in records]),
    )


def parse_pages(client: Any) -> None:
    """Have GetRecords' answers parsed here, at a small part of the cost of the SDK's own parser.

    Requests, signing, retries and errors stay the SDK's: only the body of a success is taken from it,
    by the event that it emits before it parses. Whatever is not JSON is left to the SDK.

    Args:
        client: a Kinesis client of boto3 or aiobotocore.
    """
    client.meta.events.register(_BEFORE_PARSE, _parse_page, unique_id="iotstream-pages")


def _parse_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    is_json = "json" in response_dict["headers"].get("content-type", "")
    if response_dict["status_code"] == 200 and is_json:
        customized_response_dict[_PAGE] = read_page(response_dict["body"])
        response_dict["body"] = b"{}"


def page_of(answer: Mapping[str, Any]) -> Page:
    """The page of a GetRecords answer, whoever parsed it."""
    page = answer.get(_PAGE)
    if isinstance(page, Page):
        return page
    records = [
        Record(one["SequenceNumber"], one["Data"], one["ApproximateArrivalTimestamp"].timestamp())
        for one in answer["Records"]
    ]
    return Page(
        records=raw_batch(records),
        behind_ms=answer.get("MillisBehindLatest", 0),
        next_iterator=answer.get("NextShardIterator"),
        child_shards=[
            ChildShard(one["ShardId"], one["ParentShards"]) for one in answer.get("ChildShards", ())
        ],
    )


class Start(NamedTuple):
    """Where reading of a shard starts.

    Attributes:
        kind: the service's ShardIteratorType.
        sequence_number: for AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.
        timestamp: for AT_TIMESTAMP, seconds since the epoch; the SDK sends whole ones.
    """

    kind: str
    sequence_number: int | None = None
    timestamp: float | None = None

    @classmethod
    def at(cls, position: Position) -> Start:
        """The Kinesis record that holds that position."""
        return cls("AT_SEQUENCE_NUMBER", position.sequence_number)

    @property
    def parameters(self) -> dict[str, Any]:
        """Of GetShardIterator."""
        parameters: dict[str, Any] = {"ShardIteratorType": self.kind}
        if self.sequence_number is not None:
            parameters["StartingSequenceNumber"] = str(self.sequence_number)
        if self.timestamp is not None:
            parameters["Timestamp"] = self.timestamp
        return parameters


TRIM_HORIZON = Start("TRIM_HORIZON")
"""The oldest record that the stream keeps."""


class Call(NamedTuple):
    """A call of the client: its method and the arguments."""

    operation: str
    parameters: dict[str, Any]


class Cursor:
    """Reads one shard: says which call is next, and takes its answer.

    After an expired iterator it goes on after the last record that it has read.

    Args:
        stream: name or ARN.
        shard_id: the shard.
        start: where reading starts.
        limit: records a page at most; None: the service's 10,000.
        clock: seconds since the epoch.

    Attributes:
        is_closed: the shard is closed, and read to its end: there is no next call.
    """

    def __init__(
        self,
        stream: str,
        shard_id: str,
        start: Start,
        *,
        limit: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stream = stream
        self._shard_id = shard_id
        self._start = start
        self._limit = {} if limit is None else {"Limit": limit}
        self._clock = clock
        self._iterator: str | None = None
        self.is_closed = False

    def call(self) -> Call:
        """The next call."""
        named = name_of(self._stream)
        if self._iterator is None:
            parameters = {**named, "ShardId": self._shard_id, **self._start.parameters}
            return Call("get_shard_iterator", parameters)
        arn = {key: value for key, value in named.items() if key == "StreamARN"}
        return Call("get_records", {**arn, "ShardIterator": self._iterator, **self._limit})

    def take(self, answer: Mapping[str, Any]) -> Page | None:
        """Take the answer of `call`.

        Returns:
            The page, if it was GetRecords'.
        """
        if self._iterator is None:
            self._iterator = answer["ShardIterator"]
            if self._start.kind == "LATEST":
                # Should the iterator expire: what came since then is still to be read.
                self._start = Start("AT_TIMESTAMP", timestamp=self._clock())
            return None
        page = page_of(answer)
        if len(page.records):
            self._start = Start("AFTER_SEQUENCE_NUMBER", int(page.records.sequence_numbers[-1]))
        self._iterator = page.next_iterator
        self.is_closed = page.next_iterator is None
        return page

    def renew(self) -> None:
        """The iterator has expired: ask for a new one."""
        self._iterator = None


def name_of(stream: str) -> dict[str, str]:
    """The parameter that names a stream, given by its name or ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


def short_name(stream: str) -> str:
    """The stream's name, given its name or ARN."""
    return stream.rpartition("/")[2]


class Trouble(Enum):
    """What an error of a call means to a reader."""

    PASSING = "throttled, the service's own failure, or the connection's: try again"
    EXPIRED = "the iterator or token is too old: ask for a new one"
    ABSENT = "the stream or the shard is not there"
    INVALID = "an argument is refused, such as a sequence number of another shard"
    LASTING = "it stays so until somebody mends it"


def trouble_of(error: Exception) -> Trouble | None:
    """What an error that a client of the SDK raised means; None: it is none of the SDK's."""
    from botocore import exceptions  # noqa: PLC0415 - `aws` is an extra

    if isinstance(error, exceptions.ClientError):
        return _trouble_of_answer(error.response)
    if isinstance(error, (exceptions.HTTPClientError, exceptions.IncompleteReadError)):
        return Trouble.PASSING
    if isinstance(error, exceptions.BotoCoreError):
        return Trouble.LASTING
    # A connection that ends within an answer, or an answer that does.
    if isinstance(error, (OSError, msgspec.DecodeError)):
        return Trouble.PASSING
    return None


def _trouble_of_answer(response: Mapping[str, Any]) -> Trouble:
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _EXPIRED:
        return Trouble.EXPIRED
    if code in _THROTTLED or status == _TOO_MANY_REQUESTS or status >= 500:
        return Trouble.PASSING
    # The stream is being created or resharded.
    if code == "ResourceInUseException":
        return Trouble.PASSING
    if code == "ResourceNotFoundException":
        return Trouble.ABSENT
    return Trouble.INVALID if code == "InvalidArgumentException" else Trouble.LASTING


def unavailable(stream: str, what: str, error: Exception, trouble: Trouble) -> StreamUnavailable:
    """The error for the caller: what failed, why, and what to do."""
    advice = {
        Trouble.PASSING: "it stayed so past the deadline (retry.deadline_s)",
        Trouble.EXPIRED: "it stayed so past the deadline (retry.deadline_s)",
        Trouble.ABSENT: "check stream.name, AWS_REGION and the account, or create it",
    }.get(
        trouble,
        "the role needs kinesis:DescribeStreamSummary, ListShards, GetShardIterator and GetRecords on the "
        "stream (and kms:Decrypt if it is encrypted), and the SDK a region and credentials",
    )
    return StreamUnavailable(f"stream {short_name(stream)!r}: {what}: {error}; {advice}")
