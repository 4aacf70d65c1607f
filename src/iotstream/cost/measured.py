"""What a record costs us: CPU, bytes, memory, as measured. The cost model has these figures from here only.

All from docs/benchmarks/ (two shared x86-64 cores, Python 3.11, the compiled kernel, messages of about 100
bytes, four fields) unless said otherwise. After a new measurement change them here, and the generated parts
of docs/cost.md and docs/capacity.md (`python tests/cost/cost_pages.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

MESSAGE_BYTES = 101.0
"""The mean message of the benchmarks."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """CPU of a record by the rows in it: measured with one row and with 100, a line between and beyond.

    Attributes:
        one: µs of a record of one row.
        hundred: µs of each row, in records of 100.
    """

    one: float
    hundred: float

    def us(self, rows: float, message_bytes: float) -> float:
        """CPU µs of a record. It is taken to grow with a message's bytes, never below what was measured."""
        slope = (100 * self.hundred - self.one) / 99
        return (self.one + slope * (rows - 1)) * max(message_bytes / MESSAGE_BYTES, 1)


LAMBDA_HANDLER = Work(one=3.30 - 2.36, hundred=0.08 + 0.46)
"""The handler with Parquet written. Packed: NDJSON decoded, and Parquet split, encoded and put."""
LAMBDA_PARSE = Work(one=2.36, hundred=0.141)
"""The managed runtime's `json.loads` of the event, before the handler is called. Packed: events of 400
records of 100 rows (benchmarks/data.py), best of seven, 24 November 2026."""
CONSUMER_PYTHON = Work(one=0.80, hundred=0.50)
"""`iotstream consume` by KCL, polling: the shards' processes, until the last span is committed."""
CONSUMER_JVM = Work(one=9.4, hundred=2.0)
"""The same: KCL's daemon, warm."""
TIMESTREAM_US = 1.21
"""A row: WriteRecords built, signed and sent."""
INFLUX_US = 0.26
"""A row: line protocol built. Compressing and sending it are not in it."""

PARQUET_SIZES: tuple[tuple[float, float], ...] = (
    (0, 1_720),
    (1, 1_745),
    (10, 1_968),
    (100, 3_176),
    (1_000, 13_016),
    (10_000, 79_084),
    (100_000, 594_007),
)
"""Rows of an object and its bytes: benchmarks/data.py's messages, default schema and settings, 24 November
2026."""
PARQUET_ROW_BYTES = 5.8
"""In a large object."""
COLUMN_BYTES = 39.25
"""A decoded row of the default schema in Arrow's columns (the same run)."""

TASK_MIB = 662 + 112
"""The consumer's JVM with a heap of 512 MiB, and the parent: docs/container.md."""
SHARD_MIB = 204
"""A shard's process with its share of memory for spans: docs/container.md."""


def parquet_bytes(rows: float) -> float:
    """The size of a Parquet object of so many rows."""
    for (low, small), (high, large) in pairwise(PARQUET_SIZES):
        if rows <= high:
            return small + (large - small) * (rows - low) / (high - low)
    last_rows, last_bytes = PARQUET_SIZES[-1]
    return last_bytes + (rows - last_rows) * PARQUET_ROW_BYTES
