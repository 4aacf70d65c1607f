"""One way to measure and one table at the end: CPU time, the best of several rounds, ways side by side.

CPU time of this process, all threads, because machines are shared; ratios within one run, because they
are noisy. A way whose name begins with "ours" is what the others of its group are compared with.
"""

import itertools
import time
from collections import defaultdict

import pytest

ROUNDS = 7
found: dict[str, dict[str, float]] = defaultdict(dict)
remarks: list[str] = []


@pytest.fixture
def measure(benchmark):
    """`measure(function, inputs, records, group=…, name=…)`: µs of CPU a record.

    `function` is called with each of `inputs` in turn, so that no list stays in the cache.
    """

    def run(function, inputs, records, *, group, name, rounds=ROUNDS):
        turns = itertools.cycle(inputs)
        spent = []
        for one in inputs[:2]:
            function(one)

        def timed():
            one = next(turns)
            began = time.process_time()
            function(one)
            spent.append(time.process_time() - began)

        benchmark.group = group
        benchmark.pedantic(timed, rounds=rounds)
        best = min(spent) / records * 1e6
        benchmark.extra_info["cpu_us_per_record"] = round(best, 4)
        found[group][name] = best
        return best

    return run


@pytest.fixture(scope="session")
def remark():
    """Adds a line below the table."""
    return remarks.append


def pytest_terminal_summary(terminalreporter):
    if not found:
        return
    line = terminalreporter.write_line
    line("")
    line("CPU µs a record, the best round; x = times ours")
    for group, ways in found.items():
        line(f"\n{group}")
        ours = next((value for name, value in ways.items() if name.startswith("ours")), None)
        for name, value in sorted(ways.items(), key=lambda way: way[1]):
            ratio = f"{value / ours:8.1f} x" if ours else ""
            line(f"  {name:58} {value:9.3f} {ratio}")
    for one in remarks:
        line(one)
