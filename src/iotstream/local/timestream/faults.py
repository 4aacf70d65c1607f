"""Faults on demand: throttling, errors of the server, lost time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from iotstream.local.timestream.errors import ServiceError

KINDS = {
    "throttle": ("ThrottlingException", "Rate exceeded", 429),
    "internal": ("InternalServerException", "Internal error", 500),
    "unavailable": ("ServiceUnavailable", "Service unavailable", 503),
    "denied": ("AccessDeniedException", "Not authorized", 403),
}


@dataclass(kw_only=True)
class Fault:
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
    times: int | None = None
    probability: float = 1.0
    seconds: float = 0.0


@dataclass
class Faults:
    """The faults that wait. `sleep` is for tests."""

    waiting: list[Fault] = field(default_factory=list)
    seed: int = 0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable on purpose

    def add(self, fault: Fault) -> None:
        """Let a fault wait for calls.

        Raises:
            ValueError: there is no such kind.
        """
        if fault.kind not in KINDS and fault.kind != "latency":
            raise ValueError(f"kind = {fault.kind!r}: one of {', '.join(KINDS)}, latency")
        self.waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self.waiting.clear()

    def strike(self, operation: str) -> None:
        """Let waiting faults strike a call.

        Raises:
            ServiceError: one did.
        """
        for fault in list(self.waiting):
            if fault.operation != operation or self._random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
            if fault.kind == "latency":
                self.sleep(fault.seconds)
                continue
            code, message, status = KINDS[fault.kind]
            raise ServiceError(code, message, status=status)
