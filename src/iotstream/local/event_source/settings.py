"""The parameters of an event source mapping, with Lambda's ranges and defaults.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from iotstream.errors import ConfigurationError

MAX_BATCH_SIZE = 10_000
MAX_WINDOW_S = 300
MAX_RETRY_ATTEMPTS = 10_000
MIN_RECORD_AGE_S = 60
MAX_RECORD_AGE_S = 604_800
MAX_PARALLELIZATION = 10
UNLIMITED = -1
STARTING_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")


@dataclass(frozen=True, kw_only=True)
class EventSourceSettings:
    """One mapping.

    Attributes:
        batch_size: `BatchSize`, 1 to 10,000.
        window_s: `MaximumBatchingWindowInSeconds`, 0 to 300.
        max_retries: `MaximumRetryAttempts`, -1 (unlimited) to 10,000.
        max_record_age_s: `MaximumRecordAgeInSeconds`, -1 (unlimited) or 60 to 604,800.
        bisect: `BisectBatchOnFunctionError`.
        parallelization: `ParallelizationFactor`, 1 to 10: batches of a shard at once, by partition key.
        starting_position: `StartingPosition`.
        starting_timestamp: seconds since the epoch, with AT_TIMESTAMP.
        report_failures: whether `FunctionResponseTypes` holds `ReportBatchItemFailures`.
        tumbling_window_s: `TumblingWindowInSeconds`; only 0, which is off, is there.

    Raises:
        ConfigurationError: a value is out of range.
    """

    batch_size: int = 100
    window_s: float = 0.0
    max_retries: int = UNLIMITED
    max_record_age_s: int = UNLIMITED
    bisect: bool = False
    parallelization: int = 1
    starting_position: str = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    report_failures: bool = True
    tumbling_window_s: int = 0

    def __post_init__(self) -> None:
        age = self.max_record_age_s
        rules: list[tuple[str, bool, str]] = [
            ("batch_size", 1 <= self.batch_size <= MAX_BATCH_SIZE, f"1 to {MAX_BATCH_SIZE}"),
            ("window_s", 0 <= self.window_s <= MAX_WINDOW_S, f"0 to {MAX_WINDOW_S} seconds"),
            (
                "max_retries",
                UNLIMITED <= self.max_retries <= MAX_RETRY_ATTEMPTS,
                f"-1 (unlimited) to {MAX_RETRY_ATTEMPTS}",
            ),
            (
                "max_record_age_s",
                age == UNLIMITED or MIN_RECORD_AGE_S <= age <= MAX_RECORD_AGE_S,
                f"-1 (unlimited), or {MIN_RECORD_AGE_S} to {MAX_RECORD_AGE_S} seconds",
            ),
            (
                "parallelization",
                1 <= self.parallelization <= MAX_PARALLELIZATION,
                f"1 to {MAX_PARALLELIZATION}",
            ),
            (
                "starting_position",
                self.starting_position in STARTING_POSITIONS,
                f"one of {', '.join(STARTING_POSITIONS)}",
            ),
            (
                "starting_timestamp",
                (self.starting_timestamp is not None) == (self.starting_position == "AT_TIMESTAMP"),
                "a time with AT_TIMESTAMP, and only then",
            ),
            ("tumbling_window_s", self.tumbling_window_s == 0, "0: tumbling windows are not there"),
        ]
        for name, holds, allowed in rules:
            if not holds:
                raise ConfigurationError(f"{name} = {getattr(self, name)!r}: allowed is {allowed}")

    def shown(self) -> dict[str, Any]:
        """The settings by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
