"""A local Kinesis for tests of readers: in a thread, so that its clock can be moved, or as a program."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import boto3
from botocore.config import Config

from iotstream.local.kinesis import Kinesis, Server, Settings

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class MovedClock:
    """Real time, and what it was moved by."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved

    def advance(self, seconds: float) -> None:
        self.moved += seconds


class Stand:
    """A server in a thread of this process, with a stream `s`."""

    def __init__(self, *, shards: int = 1, limits: bool = False) -> None:
        self.clock = MovedClock()
        self.kinesis = Kinesis(self.clock, Settings(limits=limits))
        self.kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": shards})
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)
        self.client = client(self.endpoint)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def arn(self) -> str:
        return self.call("DescribeStreamSummary")["StreamDescriptionSummary"]["StreamARN"]

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.kinesis.call(operation, {"StreamName": "s", **request})

    def put(self, *payloads: bytes, key: str = "k", hash_key: int | None = None) -> list[int]:
        """Put records, and return their sequence numbers."""
        explicit = {} if hash_key is None else {"ExplicitHashKey": str(hash_key)}
        numbers: list[int] = []
        for start in range(0, len(payloads), 500):
            entries = [
                {"Data": data, "PartitionKey": key, **explicit} for data in payloads[start : start + 500]
            ]
            numbers += [
                int(one["SequenceNumber"]) for one in self.call("PutRecords", Records=entries)["Records"]
            ]
        return numbers

    def fault(self, operation: str, **more: Any) -> None:
        from iotstream.local.kinesis.faults import Fault

        self.kinesis.faults.inject(Fault(operation=operation, **more))

    def close(self) -> None:
        self.client.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = Server(self.kinesis)
        self.port = await server.start()
        self._ready.set()
        await self._stop.wait()
        await server.stop()


def client(endpoint: str) -> Any:
    """A boto3 client without retries of its own."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )
