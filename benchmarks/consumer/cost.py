"""What consumers cost."""

from typing import NamedTuple


class Cost(NamedTuple):
    """Of one run.

    Attributes:
        rows_per_s: from the first read to the last row written.
        python_us: CPU of all Python processes for a row, from then to then: starting is left out.
        jvm_warm_us: CPU of the JVM for a row, once it is warm.
        jvm_us: the same with starting and warming up.
    """

    rows_per_s: float
    python_us: float
    jvm_warm_us: float | None = None
    jvm_us: float | None = None

    def least(self, other):
        """The better of both, number by number."""
        best = [max(self.rows_per_s, other.rows_per_s)]
        for one, two in zip(self[1:], other[1:], strict=True):
            best.append(None if one is None else min(one, two))
        return Cost(*best)
