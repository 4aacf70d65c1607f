"""The few calls to Kinesis that a mapping makes: plain JSON over a kept connection, data left as base64."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from iotstream.local.event_source.batching import Record
from iotstream.retry import Backoff

GET_RECORDS_LIMIT = 10_000
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
TIMEOUT_S = 30
_WORTH_RETRYING = ("ProvisionedThroughputExceededException", "LimitExceededException", "InternalFailure")


class KinesisError(Exception):
    """The service refused a call; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Page(NamedTuple):
    """What GetRecords gives.

    Attributes:
        records: in order.
        iterator: for the next call; None at the end of a closed shard.
        behind_ms: `MillisBehindLatest`.
        children: ids of the shards that follow, at the end of a closed one.
    """

    records: list[Record]
    iterator: str | None
    behind_ms: int
    children: list[dict[str, Any]]


class Stream:
    """A client of one stream. Not for several threads.

    Args:
        endpoint: of Kinesis.
        name: the stream.
        sleep: seconds, between tries; a true answer ends them.
    """

    def __init__(
        self, endpoint: str, name: str, *, sleep: Callable[[float], bool | None] = time.sleep
    ) -> None:
        address = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1", address.port, timeout=TIMEOUT_S
        )
        self._name = name
        self._sleep = sleep

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def describe(self) -> dict[str, Any]:
        """`DescribeStreamSummary`'s description."""
        answer = self._call("DescribeStreamSummary", {"StreamName": self._name})
        description: dict[str, Any] = answer["StreamDescriptionSummary"]
        return description

    def shards(self) -> list[dict[str, Any]]:
        """All shards of `ListShards`."""
        shards: list[dict[str, Any]] = []
        request: dict[str, Any] = {"StreamName": self._name}
        while True:
            answer = self._call("ListShards", request)
            shards += answer["Shards"]
            if not answer.get("NextToken"):
                return shards
            request = {"NextToken": answer["NextToken"]}

    def iterator(self, shard_id: str, kind: str, **where: Any) -> str:
        """`GetShardIterator`."""
        request = {"StreamName": self._name, "ShardId": shard_id, "ShardIteratorType": kind, **where}
        iterator: str = self._call("GetShardIterator", request)["ShardIterator"]
        return iterator

    def records(self, iterator: str, limit: int = GET_RECORDS_LIMIT) -> Page:
        """`GetRecords`."""
        answer = self._call("GetRecords", {"ShardIterator": iterator, "Limit": limit})
        return Page(
            [
                Record(
                    one["SequenceNumber"],
                    one["PartitionKey"],
                    one["Data"],
                    one["ApproximateArrivalTimestamp"],
                )
                for one in answer["Records"]
            ],
            answer.get("NextShardIterator"),
            answer.get("MillisBehindLatest", 0),
            answer.get("ChildShards", []),
        )

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call; try again while it is throttled or the connection fails."""
        delays = Backoff(base_s=0.1, cap_s=2.0, deadline_s=60.0).delays()
        while True:
            try:
                return self._try(operation, request)
            except (KinesisError, http.client.HTTPException, OSError) as error:
                if isinstance(error, KinesisError) and error.code not in _WORTH_RETRYING:
                    raise
                self._connection.close()
                delay = next(delays, None)
                if delay is None or self._sleep(delay):
                    raise

    def _try(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
        }
        self._connection.request("POST", "/", orjson.dumps(request), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = orjson.loads(response.read() or b"{}")
        if response.status != 200:
            code = str(answer.get("__type", "InternalFailure")).rpartition("#")[2]
            raise KinesisError(code, str(answer.get("message", "")))
        return answer
