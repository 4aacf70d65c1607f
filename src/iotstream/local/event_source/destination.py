"""The on-failure destination: a JSON document for each batch that is given up, in a directory.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: as for an S3
destination, the document holds the records too (`payload`), so that they can be put through again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import orjson

from iotstream.local.event_source.batching import Source, event
from iotstream.local.event_source.outcome import RETRIES_EXHAUSTED, Discard
from iotstream.local.lambda_runtime import InvokeResult


def document(
    discard: Discard, source: Source, function_arn: str, result: InvokeResult | None, now: float
) -> bytes:
    """What Lambda sends about records that it gives up.

    Args:
        discard: the records and why.
        source: where they come from.
        function_arn: of the function.
        result: of the last invocation; None if there was none.
        now: seconds since the epoch.
    """
    records = discard.piece.records
    answered = discard.condition == RETRIES_EXHAUSTED
    body: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": discard.condition,
            "approximateInvokeCount": max(discard.piece.invocations, 1),
        },
        "version": "1.0",
        "timestamp": _iso(now),
        "KinesisBatchInfo": {
            "shardId": source.shard_id,
            "startSequenceNumber": records[0].sequence_number,
            "endSequenceNumber": records[-1].sequence_number,
            "approximateArrivalOfFirstRecord": _iso(records[0].arrival_s),
            "approximateArrivalOfLastRecord": _iso(records[-1].arrival_s),
            "batchSize": len(records),
            "streamArn": source.stream_arn,
        },
        "payload": event(records, source).decode(),
    }
    if answered:
        error = result.function_error if result else None
        body["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}
    return orjson.dumps(body)


def write(directory: Path, body: bytes, now: float) -> Path:
    """Put a document where an S3 destination would have its key, below the directory."""
    time = dt.datetime.fromtimestamp(now, dt.UTC)
    path = directory / time.strftime("%Y/%m/%d") / f"{time:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def _iso(seconds: float) -> str:
    time = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
