from __future__ import annotations

from typing import Any

import pytest

from iotstream.local.kinesis import Kinesis, KinesisError


def put(kinesis: Kinesis, *records: tuple[bytes, str], stream: str = "s") -> dict[str, Any]:
    entries = [{"Data": data, "PartitionKey": key} for data, key in records]
    return kinesis.call("PutRecords", {"StreamName": stream, "Records": entries})


def shards(kinesis: Kinesis, stream: str = "s", **filters: Any) -> list[dict[str, Any]]:
    return list(kinesis.call("ListShards", {"StreamName": stream, **filters})["Shards"])


def open_shards(kinesis: Kinesis, stream: str = "s") -> list[dict[str, Any]]:
    listed = shards(kinesis, stream)
    return [one for one in listed if "EndingSequenceNumber" not in one["SequenceNumberRange"]]


def iterator(kinesis: Kinesis, shard_id: str, kind: str = "TRIM_HORIZON", **start: Any) -> str:
    request = {"StreamName": "s", "ShardId": shard_id, "ShardIteratorType": kind, **start}
    return str(kinesis.call("GetShardIterator", request)["ShardIterator"])


def get(kinesis: Kinesis, token: str, **more: Any) -> dict[str, Any]:
    return kinesis.call("GetRecords", {"ShardIterator": token, **more})


def read_shard(kinesis: Kinesis, shard_id: str, limit: int = 7) -> list[dict[str, Any]]:
    """All records of a shard, to its end or its tip."""
    token: str | None = iterator(kinesis, shard_id)
    records: list[dict[str, Any]] = []
    while token is not None:
        answer = get(kinesis, token, Limit=limit)
        records += answer["Records"]
        if answer["MillisBehindLatest"] == 0:
            break
        token = answer.get("NextShardIterator")
    return records


def split(kinesis: Kinesis, shard: dict[str, Any], at: int | None = None) -> None:
    span = shard["HashKeyRange"]
    middle = (int(span["StartingHashKey"]) + int(span["EndingHashKey"])) // 2
    kinesis.call(
        "SplitShard",
        {"StreamName": "s", "ShardToSplit": shard["ShardId"], "NewStartingHashKey": str(at or middle)},
    )


def refused(kinesis: Kinesis, operation: str, request: dict[str, Any]) -> KinesisError:
    with pytest.raises(KinesisError) as caught:
        kinesis.call(operation, request)
    return caught.value
