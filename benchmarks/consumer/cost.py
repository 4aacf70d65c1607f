"""What consumers cost, and the table of all."""

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


def table(title, ways, goal_us):
    """Lines.

    Args:
        title: what is read.
        ways: the cost of each, by its name; those that begin with "ours" are what others are compared with.
        goal_us: the Python part of ours should not take longer.
    """
    ours = min((cost.python_us for name, cost in ways.items() if name.startswith("ours")), default=None)
    lines = ["", f"{title:62} {'Python':>17} {'JVM warm':>10} {'with start':>10} {'a second':>10}"]
    for name, cost in sorted(ways.items(), key=lambda way: way[1].python_us):
        ratio = f"{cost.python_us / ours:6.1f} x" if ours else ""
        jvm = "".join("" if one is None else f" {one:10.2f}" for one in (cost.jvm_warm_us, cost.jvm_us))
        lines.append(f"  {name:60} {cost.python_us:8.2f} {ratio:>8}{jvm:22} {cost.rows_per_s:10,.0f}")
    if ours:
        met = "met" if ours <= goal_us else "not met"
        lines.append(f"  goal: Python at most {goal_us} µs: {met}")
    return lines
