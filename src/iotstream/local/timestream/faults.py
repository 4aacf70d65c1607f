"""Faults on demand: throttling, errors of the server, lost time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from iotstream.local.timestream.errors import ServiceError

KINDS = {
    "throttle": ("ThrottlingException", "Rate exceeded", 429),
    "internal": ("InternalServerException", "Internal error", 500),
    "unavailable": ("ServiceUnavailable", "Service unavailable", 503),
    "denied": ("AccessDeniedException", "Not authorized", 403),
}
LATENCY = "latency"


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    Attributes:
        operation: which calls it strikes.
        kind: one of `KINDS`, or `latency`.
        times: how many calls it strikes yet; None = any number.
        probability: of striking a call.
        seconds: what a call loses with `latency`.
    """

    operation: str
    kind: str
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0


@dataclass
class Faults:
    """The faults that wait. Threads may share them.

    Attributes:
        waiting: in the order in which they strike.
        seed: of the probabilities: the same calls meet the same faults.
        sleep: for tests.
    """

    waiting: list[Fault] = field(default_factory=list)
    seed: int = 0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.reseed(self.seed)

    def add(self, fault: Fault) -> None:
        """Let a fault wait for calls.

        Raises:
            ValueError: there is no such kind.
        """
        if fault.kind not in KINDS and fault.kind != LATENCY:
            raise ValueError(f"kind = {fault.kind!r}: one of {', '.join(KINDS)}, {LATENCY}")
        with self._lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults, and start the probabilities again."""
        with self._lock:
            self.waiting.clear()
        self.reseed(self.seed)

    def reseed(self, seed: int) -> None:
        """Start the probabilities again."""
        with self._lock:
            self.seed = seed
            self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def strike(self, operation: str) -> None:
        """Let waiting faults strike a call.

        Raises:
            ServiceError: one did.
        """
        with self._lock:
            kind, seconds = self._take(operation)
        # Others are not held up.
        if seconds:
            self.sleep(seconds)
        if kind is not None:
            code, message, status = KINDS[kind]
            raise ServiceError(code, message, status=status)

    def _take(self, operation: str) -> tuple[str | None, float]:
        """The kind of the first error that strikes, and the time lost before it."""
        seconds = 0.0
        for fault in list(self.waiting):
            if fault.operation != operation or self._random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
            if fault.kind != LATENCY:
                return fault.kind, seconds
            seconds += fault.seconds
        return None, seconds
