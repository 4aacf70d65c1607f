"""Faults on purpose: throttling, the service's own failures, answers that are lost."""

from __future__ import annotations

import random
from typing import Annotated, Final

import msgspec

LOST_CONNECTION: Final = "ConnectionLost"
_TEXTS: Final = {
    "ProvisionedThroughputExceededException": "Rate exceeded for shard (injected).",
    "InternalFailureException": "Internal Service Failure (injected)",
    "ServiceUnavailable": "Service Unavailable (injected)",
}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong, and when.

    Attributes:
        operation: the operation that it strikes, such as `PutRecords`, or `*` for any.
        error: the error's code; `ConnectionLost` has the door close the connection without an answer.
        message: the error's sentence; by default one that says that it was injected.
        count: it strikes at most so many times; None: no end.
        probability: of its striking a call (or record), 0 to 1, by a generator of its own.
        seed: of that generator.
        after: the operation is done all the same, only its answer is lost: a retry then writes twice.
        each_record: of PutRecords: it strikes records one by one, as a partial failure.
    """

    operation: Annotated[str, msgspec.Meta(min_length=1)]
    error: Annotated[str, msgspec.Meta(min_length=1)] = "InternalFailureException"
    message: str | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    after: bool = False
    each_record: bool = False

    @property
    def text(self) -> str:
        """The error's sentence."""
        return self.message or _TEXTS.get(self.error, f"{self.error} (injected)")


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0
        # Reproducible by its seed; nothing here is a secret.
        self._random = random.Random(fault.seed)  # noqa: S311

    def strikes(self, operation: str) -> bool:
        if self.fault.operation not in ("*", operation) or self.struck == self.fault.count:
            return False
        if self._random.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True


class Faults:
    """The faults that are armed, asked in the order in which they were added."""

    def __init__(self) -> None:
        self._calls: list[_Armed] = []
        self._records: list[_Armed] = []

    def inject(self, fault: Fault) -> None:
        """Arm a fault."""
        (self._records if fault.each_record else self._calls).append(_Armed(fault))

    def clear(self) -> None:
        """Disarm all."""
        self._calls.clear()
        self._records.clear()

    def strike(self, operation: str) -> Fault | None:
        """The fault that strikes this call, if one does."""
        return _first(self._calls, operation) if self._calls else None

    @property
    def strike_records(self) -> bool:
        """Whether a fault is armed that strikes single records of PutRecords."""
        return bool(self._records)

    def strike_record(self) -> Fault | None:
        """The fault that strikes this record of PutRecords, if one does."""
        return _first(self._records, "PutRecords")

    def report(self) -> list[dict[str, object]]:
        """Each fault's fields and how often it has struck."""
        armed = [*self._calls, *self._records]
        return [msgspec.to_builtins(one.fault) | {"struck": one.struck} for one in armed]


def _first(armed: list[_Armed], operation: str) -> Fault | None:
    return next((one.fault for one in armed if one.strikes(operation)), None)
