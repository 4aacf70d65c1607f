"""A stream, a lake, a journal, and `iotstream consume --source direct` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from iotstream.testing import kpl_aggregate
from kinesis_stand import CREDENTIALS, Stand


class Consumer:
    """`iotstream consume --source direct`, as a process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "iotstream", "consume", "--source", "direct"],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
            )

    def log(self) -> list[dict[str, Any]]:
        """What it has logged; a line that is being written is left out."""
        return [
            json.loads(line) for line in self._log.read_bytes().splitlines(keepends=True) if line[-1] == 10
        ]

    def wait_for(self, words: str, timeout: float = 20) -> dict[str, Any]:
        """Wait until it has logged that."""
        return until(lambda: next((line for line in self.log() if words in line["message"]), None), timeout)

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def end(self, timeout: float = 30) -> int:
        """Wait for its end."""
        return self._process.wait(timeout)

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.signal()
        return self.end()

    def get(self, path: str) -> bytes:
        """What it tells of itself."""
        port = self.wait_for("/health")["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


class World:
    """A stream, a lake and a journal, and consumers that come and go."""

    def __init__(self, directory: Path, stand: Stand) -> None:
        self.directory = directory
        self.stand = stand
        self.sent: list[str] = []
        self._devices = 0
        self._consumers: list[Consumer] = []
        self._journal = directory / "journal.sqlite"

    def consume(self, **settings: str) -> Consumer:
        """Start a consumer; settings are variables without their prefix."""
        log = self.directory / f"consumer-{len(self._consumers)}.log"
        self._consumers.append(Consumer(self.environment(**settings), log))
        return self._consumers[-1]

    def environment(self, **settings: str) -> dict[str, str]:
        """What a consumer finds."""
        variables = {
            "STREAM_NAME": "s",
            "LAKE_URI": (self.directory / "lake").as_uri(),
            "JOURNAL_URI": f"sqlite://{self._journal}",
            "SPAN_MAX_AGE_S": "1",
            "CONSUMER_PORT": "0",
            **settings,
        }
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("IOTSTREAM_", "AWS_"))
        }
        environment |= CREDENTIALS | {"AWS_ENDPOINT_URL": self.stand.endpoint}
        environment |= {f"IOTSTREAM_{name}": value for name, value in variables.items()}
        return environment

    def send(self, count: int, *, hash_key: int | None = None, pack: int = 1) -> None:
        """Put items, each of a device of its own, over all shards or into that of a hash key.

        Args:
            count: how many.
            hash_key: leads to the shard.
            pack: user records in one KPL aggregate; 1: none.
        """
        devices = [f"device-{self._devices + index}" for index in range(count)]
        self._devices += count
        self.sent += devices
        items = [reading(device) for device in devices]
        if pack > 1:
            items = [kpl_aggregate(items[at : at + pack]) for at in range(0, count, pack)]
        for index, item in enumerate(items):
            key = {} if hash_key is None else {"hash_key": hash_key}
            self.stand.put(item, key=f"key-{index}", **key)

    def shard_of(self, index: int) -> str:
        return f"shardId-{index:012d}"

    def rows(self) -> list[str]:
        """The device of every row in the lake."""
        paths = sorted(self.directory.glob("lake/**/*.parquet"))
        return [device for path in paths for device in pq.read_table(path)["device_id"].to_pylist()]

    def wait_for_rows(self, timeout: float = 30) -> None:
        """Wait until everything that was sent is in the lake, exactly once."""
        until(lambda: len(self.rows()) >= len(self.sent), timeout, lambda: f"{len(self.rows())} rows")
        self.check_rows()

    def check_rows(self) -> None:
        rows = self.rows()
        assert len(rows) == len(set(rows)), "rows are doubled"
        assert set(rows) == set(self.sent)

    def claims(self) -> dict[str, int]:
        """How often each shard has been claimed."""
        from iotstream.journal import open_journal
        from iotstream.journal.base import ShardKey
        from iotstream.stream_reader import description_of

        stream = description_of(self.stand.client.describe_stream_summary(StreamName="s"))
        journal = open_journal(f"sqlite://{self._journal}")
        try:
            states = journal.shards(ShardKey("iotstream", stream.arn, stream.created_ms, "").group)
        finally:
            journal.close()
        return {shard_id[-2:]: state.epoch for shard_id, state in states.items()}

    def gaps(self) -> list[Path]:
        return list(self.directory.glob("lake/spans/**/gap-*"))

    def close(self) -> None:
        for consumer in self._consumers:
            consumer.close()


def reading(device: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"timestamp": now, "deviceId": device, "temperature": 20.5, "humidity": 50}).encode()


def until(look: Any, timeout: float, words: Any = lambda: "") -> Any:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {words()}"
        time.sleep(0.05)
    return found
