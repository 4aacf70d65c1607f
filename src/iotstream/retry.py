"""`Backoff`: how long to wait before the next try, as a pure schedule; and the clock for deadlines."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff with full jitter, up to a deadline.

    Source of the shape: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/

    Attributes:
        base_s: the first delay's upper end, seconds; it doubles with each try.
        cap_s: the largest upper end of a delay, seconds.
        deadline_s: no further try is made when its delays would sum to more than this, seconds.
    """

    base_s: float = 0.1
    cap_s: float = 5.0
    deadline_s: float = 60.0

    def delays(self, random_source: random.Random | None = None) -> Iterator[float]:
        """The delays between tries, seconds; it ends when the deadline is reached."""
        source = random_source or random.Random()  # noqa: S311 - jitter, not a secret
        spent, ceiling = 0.0, self.base_s
        while True:
            delay = source.uniform(0, ceiling)
            spent += delay
            if spent > self.deadline_s:
                return
            yield delay
            ceiling = min(ceiling * 2, self.cap_s)


def suspend_aware_clock() -> float:
    """Seconds of a clock that never goes back and that counts the time while the machine was suspended.

    A Lambda environment is frozen between invocations, and a virtual machine can be paused: `time.monotonic`
    stands still meanwhile on Linux (https://man7.org/linux/man-pages/man2/clock_gettime.2.html,
    CLOCK_BOOTTIME). Where there is no such clock it is `time.monotonic`.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
