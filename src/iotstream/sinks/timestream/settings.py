"""`TimestreamSettings`: where the rows go and how hard the sink tries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NoReturn

from iotstream.errors import ConfigurationError

# https://docs.aws.amazon.com/timestream/latest/developerguide/ts-limits.html
_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,256}")
MAX_IN_FLIGHT = 1024
MAX_VERSION = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class TimestreamSettings:
    """Where the rows go and how hard the sink tries.

    Attributes:
        database, table: must exist.
        in_flight: WriteRecords calls under way at once, at most.
        deadline_s: how long one `write` may take with all its retries, seconds.
        timeout_s: how long one call may take, seconds.
        base_s, cap_s: of the backoff between tries of a call, seconds; see `iotstream.retry.Backoff`.
        version: `Version` of rows whose arrival time is unknown; None = the wall clock in ms.

    Raises:
        ConfigurationError: a value is out of its bounds.
    """

    database: str
    table: str
    in_flight: int = 64
    deadline_s: float = 60.0
    timeout_s: float = 10.0
    base_s: float = 0.1
    cap_s: float = 5.0
    version: int | None = None

    def __post_init__(self) -> None:
        for key in ("database", "table"):
            if not _NAME.fullmatch(getattr(self, key)):
                self._refuse(key, "3 to 256 letters, digits, _ . -")
        if not 1 <= self.in_flight <= MAX_IN_FLIGHT:
            self._refuse("in_flight", f"a whole number from 1 to {MAX_IN_FLIGHT:,}")
        for key in ("deadline_s", "timeout_s", "base_s", "cap_s"):
            if not 0 < getattr(self, key) < math.inf:
                self._refuse(key, "seconds, a number above 0")
        if self.version is not None and not 1 <= self.version <= MAX_VERSION:
            self._refuse("version", f"a whole number from 1 to {MAX_VERSION:,}")

    def _refuse(self, key: str, allowed: str) -> NoReturn:
        raise ConfigurationError(f"timestream.{key} = {getattr(self, key)!r}: {allowed}")
