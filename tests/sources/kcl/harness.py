"""`iotstream consume` as a process, with the real daemon, on the local Kinesis and moto's DynamoDB."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
import psutil
import pyarrow as pa
import pyarrow.dataset as ds
from botocore.config import Config

from iotstream.local.process import ServiceProcess
from iotstream.unpack import KPL_MAGIC

FAST = {
    "failoverTimeMillis": 2000,
    "idleTimeBetweenReadsInMillis": 200,
    "inMemoryWorkerMetricsCaptureFrequencyMillis": 500,
    "leaseAssignmentIntervalMillis": 1000,
    "parentShardPollIntervalMillis": 500,
    "schedulerInitializationBackoffTimeMillis": 200,
    "shardSyncIntervalMillis": 1000,
    "workerMetricsReporterFreqInMillis": 1000,
}
"""What production leaves at KCL's defaults, but for the idle time: tests can't wait so long."""
JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""A JVM that starts quickly rather than runs fast."""
TIMEOUT_S = 90


class Stack:
    """Kinesis and DynamoDB, started once for all tests."""

    def __init__(self) -> None:
        self.kinesis_process = ServiceProcess("iotstream.local.kinesis", ["--limits", "off"])
        self.aws_process = ServiceProcess("iotstream.local.aws")
        self.environment = {
            "AWS_ENDPOINT_URL": self.aws_process.facts["endpoint"],
            "AWS_ENDPOINT_URL_KINESIS": self.kinesis_process.facts["endpoint"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.kinesis = self._client("kinesis", self.kinesis_process)
        self.dynamodb = self._client("dynamodb", self.aws_process)

    def close(self) -> None:
        self.kinesis.close()
        self.dynamodb.close()
        self.kinesis_process.stop()
        self.aws_process.stop()

    def create(self, stream: str, shards: int) -> None:
        self.kinesis.create_stream(StreamName=stream, ShardCount=shards)

    def shards(self, stream: str) -> list[dict[str, Any]]:
        return self.kinesis.list_shards(StreamName=stream)["Shards"]

    def put(self, stream: str, payloads: list[bytes], *, shard: int | None = None) -> None:
        """Put records: into the shard of that index in `shards`, or by key all over them."""
        more = {}
        if shard is not None:
            more = {"ExplicitHashKey": self.shards(stream)[shard]["HashKeyRange"]["StartingHashKey"]}
        for start in range(0, len(payloads), 500):
            part = payloads[start : start + 500]
            entries = [{"Data": one, "PartitionKey": f"k{start + i}", **more} for i, one in enumerate(part)]
            done = self.kinesis.put_records(StreamName=stream, Records=entries)
            assert done["FailedRecordCount"] == 0

    def prime(self, table: str, stream: str) -> None:
        """Make the lease table with its index and an unowned lease for each shard.

        KCL waits a random time of 1 to 30 s on an empty table.
        """
        self.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "leaseKey", "AttributeType": "S"},
                {"AttributeName": "leaseOwner", "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "LeaseOwnerToLeaseKeyIndex",
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                    "KeySchema": [
                        {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                        {"AttributeName": "leaseKey", "KeyType": "RANGE"},
                    ],
                }
            ],
        )
        for shard in self.shards(stream):
            item = {
                "leaseKey": {"S": shard["ShardId"]},
                "leaseCounter": {"N": "0"},
                "ownerSwitchesSinceCheckpoint": {"N": "0"},
                "checkpoint": {"S": "TRIM_HORIZON"},
                "checkpointSubSequenceNumber": {"N": "0"},
                "startingHashKey": {"S": shard["HashKeyRange"]["StartingHashKey"]},
                "endingHashKey": {"S": shard["HashKeyRange"]["EndingHashKey"]},
            }
            self.dynamodb.put_item(TableName=table, Item=item)

    def leases(self, table: str) -> dict[str, dict[str, str]]:
        """The leases, by shard id: their attributes as text."""
        items = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return {
            one["leaseKey"]["S"]: {key: next(iter(value.values())) for key, value in one.items()}
            for one in items
        }

    def _client(self, service: str, process: ServiceProcess) -> Any:
        return boto3.client(
            service,
            endpoint_url=process.facts["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 2}, read_timeout=30),
        )


class Consumer:
    """A started `iotstream consume`.

    Args:
        stack: what it reads from.
        directory: holds its lake, its journal and its logs.
        stream: the stream.
        settings: further variables.
        properties: further properties of the daemon.
        command: what is run.
    """

    def __init__(
        self,
        stack: Stack,
        directory: Path,
        stream: str,
        *,
        settings: dict[str, str] | None = None,
        properties: dict[str, Any] | None = None,
        command: tuple[str, ...] = ("-m", "iotstream", "consume"),
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        directory.mkdir(exist_ok=True)
        text = "".join(f"{key} = {value}\n" for key, value in {**FAST, **(properties or {})}.items())
        (directory / "fast.properties").write_text(text)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("IOTSTREAM_")}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean, **stack.environment, **variables(directory, stream), **(settings or {})},
            start_new_session=True,
        )
        self._threads = [threading.Thread(target=self._read_logs, daemon=True)]
        self.metrics: list[dict[str, Any]] = []
        self._threads.append(threading.Thread(target=self._read_metrics, daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def port(self) -> int:
        return self._fact("port")

    @property
    def daemon(self) -> psutil.Process:
        return psutil.Process(self._fact("daemon"))

    def shard_processes(self) -> list[psutil.Process]:
        return self.daemon.children()

    def messages(self, level: str | None = None) -> list[str]:
        return [line["message"] for line in list(self.lines) if level is None or line["level"] == level]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def until(self, condition: Any, what: str) -> Any:
        """Wait until the condition holds; what it returned."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := condition()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{what}; exit status {self.process.poll()}\n{self.log()}")
            time.sleep(0.1)
        return found

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        try:
            status = self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end\n{self.log()}") from None
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        """End whatever still runs of it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(self.process.pid).children(recursive=True)]
            for one in (psutil.Process(self.process.pid), *family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        if self.process.returncode is None:
            self.wait()

    def log(self) -> str:
        return "\n".join(json.dumps(line) for line in self.lines[-40:])

    def _fact(self, name: str) -> Any:
        return self.until(lambda: [line[name] for line in list(self.lines) if name in line], "not started")[0]

    def _read_logs(self) -> None:
        for line in self.process.stderr:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"message": line.decode(errors="replace"), "level": "not JSON"})

    def _read_metrics(self) -> None:
        self.metrics += [json.loads(line) for line in self.process.stdout]


def variables(directory: Path, stream: str) -> dict[str, str]:
    """Of a consumer whose state is in that directory. The application bears the stream's name."""
    return {
        "JAVA_TOOL_OPTIONS": JVM,
        "IOTSTREAM_STREAM_NAME": stream,
        "IOTSTREAM_JOURNAL_APPLICATION": stream,
        "IOTSTREAM_LAKE_URI": f"file://{directory}/lake",
        "IOTSTREAM_JOURNAL_URI": f"sqlite:///{directory}/journal.db",
        "IOTSTREAM_SPAN_MAX_AGE_S": "1",
        "IOTSTREAM_CONSUMER_KCL_PROPERTIES": str(directory / "fast.properties"),
        "IOTSTREAM_CONSUMER_PORT": "0",
        "IOTSTREAM_CONSUMER_SHUTDOWN_S": "8",
        "IOTSTREAM_CONSUMER_JAVA_HEAP": "256m",
    }


def payloads(prefix: str, count: int) -> list[bytes]:
    """Rows, each with a device of its own, by which it is found again: `<prefix>-<index>`."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [
        json.dumps({"deviceId": f"{prefix}-{i}", "timestamp": now, "temperature": i, "humidity": 50}).encode()
        for i in range(count)
    ]


def aggregate(payloads: list[bytes]) -> bytes:
    """A KPL aggregate whose user records have partition keys all over the stream.

    https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    """
    keys = b"".join(_field(1, b"key-%d" % index) for index in range(len(payloads)))
    users = b"".join(
        _field(3, b"\x08" + _varint(index) + _field(3, data)) for index, data in enumerate(payloads)
    )
    return KPL_MAGIC + keys + users + hashlib.md5(keys + users).digest()


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low | 0x80]) + _varint(value >> 7) if value > 0x7F else bytes([low])


def devices(directory: Path) -> Counter[str]:
    """How often each device's row is in the lake."""
    data = directory / "lake" / "data"
    if not data.exists():
        return Counter()
    table: pa.Table = ds.dataset(data, format="parquet").to_table(columns=["device_id"])
    return Counter(table["device_id"].to_pylist())


def all_once(*prefixes_and_counts: tuple[str, int]) -> Counter[str]:
    """What `devices` must be."""
    return Counter(f"{prefix}-{i}" for prefix, count in prefixes_and_counts for i in range(count))
