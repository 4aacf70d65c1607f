"""The CPU time of this process, all its threads, and which part of it the system's kernel took."""

from __future__ import annotations

import resource
import time
from typing import NamedTuple, Self


class Cpu(NamedTuple):
    """Seconds of CPU.

    Attributes:
        total: user and system, precise.
        system: of it; right on the whole of many rounds, since the kernel samples it.
    """

    total: float
    system: float

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.total - other.total, self.system - other.system)

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.total + other.total, self.system + other.system)

    @property
    def system_share(self) -> float:
        """From 0 to 1."""
        return min(max(self.system / self.total, 0.0), 1.0) if self.total > 0 else 0.0


def cpu() -> Cpu:
    """What this process has used until now."""
    return Cpu(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime)


class Meter:
    """Adds up what is done within its `with` blocks."""

    def __init__(self) -> None:
        self.spent = Cpu(0.0, 0.0)

    def __enter__(self) -> Self:
        self._began = cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.spent += cpu() - self._began


def best(rounds: list[Cpu]) -> Cpu:
    """The least of several rounds; the system's part as it was over all of them."""
    whole = Cpu(sum(one.total for one in rounds), sum(one.system for one in rounds))
    least = min(one.total for one in rounds)
    return Cpu(least, least * whole.system_share)
