"""Items that each carry a number of their own, in records of every form, and the thread that puts them."""

import gzip
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from iotstream.testing import kpl_aggregate

SCHEMA = """
name = "numbered"
version = 1

[[field]]
name = "at"
type = "timestamp"
role = "time"

[[field]]
name = "device"
type = "string"
role = "dimension"

[[field]]
name = "n"
type = "int64"
role = "measure"

[[field]]
name = "good"
type = "bool"
role = "measure"
"""
DEVICES = 40
PUT_EVERY_S = 0.05


@dataclass
class Producer:
    """Puts records until it is stopped.

    Attributes:
        sent: the number of the last item that the stream has acknowledged; all from 1 on are in it.
        bad: the numbers of those that no schema takes.
        newest: the number of the last item of each (device, time).
    """

    client: Any
    stream: str
    seed: int
    rate: int = 30
    sent: int = 0
    bad: set[int] = field(default_factory=set)
    newest: dict[tuple[str, int], int] = field(default_factory=dict)
    error: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._next = 0
        self._times: dict[str, int] = {}
        self._newer: dict[str, int] = {}
        self._latest: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._stop.wait(PUT_EVERY_S):
                self._put([self._record() for _ in range(self._random.randrange(1, self.rate))])
        except BaseException as error:
            self.error = error

    def _put(self, records: list[tuple[str, bytes]]) -> None:
        entries = [{"PartitionKey": device, "Data": data} for device, data in records]
        answer = self.client.put_records(StreamName=self.stream, Records=entries)
        while answer["FailedRecordCount"]:
            # Only what failed is put again: whatever comes after it may overtake it, as in life.
            entries = [
                entry for entry, one in zip(entries, answer["Records"], strict=True) if "ErrorCode" in one
            ]
            time.sleep(0.2)
            answer = self.client.put_records(StreamName=self.stream, Records=entries)
        self.sent = self._next
        # Readings of one time must not arrive within one millisecond: their versions would be equal.
        self._times.update(self._newer)
        self._newer.clear()

    def _record(self) -> tuple[str, bytes]:
        device = f"device-{self._random.randrange(DEVICES)}"
        kind = self._random.choices(
            ("one", "array", "lines", "gzip", "aggregate", "bad"), (50, 12, 12, 8, 8, 10)
        )[0]
        if kind == "bad":
            return device, self._bad(device)
        items = [json.dumps(self._item(device)).encode() for _ in range(1 if kind == "one" else 4)]
        if kind == "one":
            return device, items[0]
        if kind == "array":
            return device, b"[" + b",".join(items) + b"]"
        if kind == "aggregate":
            return device, kpl_aggregate(items, partition_key=device)
        lines = b"\n".join(items)
        return device, gzip.compress(lines, mtime=0) if kind == "gzip" else lines

    def _item(self, device: str) -> dict[str, Any]:
        self._next += 1
        # Now and then a reading of a time that the device has told before: the later one wins.
        if device in self._times and self._random.random() < 0.05:
            at = self._times.pop(device)
        else:
            at = max(time.time_ns() // 1_000_000, self._latest.get(device, 0) + 1)
            self._latest[device] = self._newer[device] = at
            at -= self._random.choice((0, 0, 3_600_000))
        self.newest[device, at] = self._next
        return {"at": at, "device": device, "n": self._next, "good": True}

    def _bad(self, device: str) -> bytes:
        self._next += 1
        self.bad.add(self._next)
        return json.dumps({"at": "yesterday", "device": device, "n": self._next, "good": True}).encode()

    @property
    def expected(self) -> Counter[int]:
        """Every item's number, once."""
        return Counter(range(1, self.sent + 1))
