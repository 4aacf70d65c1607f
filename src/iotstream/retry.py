"""`Backoff`: how long to wait before the next try, as a pure schedule."""

from __future__ import annotations

import random
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
