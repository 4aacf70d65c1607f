"""One way to measure and one table at the end: CPU time, the best of several rounds, ways side by side.

CPU time of this process, all threads, because machines are shared; ratios within one run, because they
are noisy.
"""

import itertools
from pathlib import Path

import measuring
import pytest
import report
from figures import results, tables
from figures.results import Kind, Measurement

from iotstream.decode import decoder

ROUNDS = 7
SMALL = 60
"""Of everything, with --small."""
found: list[Measurement] = []


def pytest_addoption(parser):
    group = parser.getgroup("iotstream benchmarks")
    group.addoption("--report", type=Path, metavar="DIRECTORY", help="write the table and its chart there")
    group.addoption("--small", action="store_true", help="tiny inputs, one round: to see that all runs")
    group.addoption(
        "--steady", type=float, metavar="MINUTES", help="watch the memory of the consumer for so long"
    )


@pytest.fixture(scope="session")
def sized(request):
    """How many of what there are so many of: the number, or a few with --small."""
    small = request.config.getoption("small")

    def count(wanted):
        return min(wanted, max(SMALL, wanted // 1_000)) if small else wanted

    return count


@pytest.fixture(scope="session")
def record():
    """`record(row, way, value, kind=…, system=…, note=…)`: a number that was measured elsewhere."""

    def add(row, way, value, *, kind=Kind.OTHER, system=None, note=""):
        found.append(results.check(Measurement(row, way, str(kind), round(value, 4), system, note)))

    return add


@pytest.fixture
def measure(request, benchmark, record):
    """`measure(function, inputs, records, row=…, way=…)`: µs of CPU a record.

    `function` is called with each of `inputs` in turn, so that no list stays in the cache; the first two
    calls do not count.
    """

    def run(function, inputs, records, *, row, way, kind=Kind.OTHER, rounds=ROUNDS, note=""):
        turns, spent = itertools.cycle(inputs), []
        for _ in inputs[:2]:
            function(next(turns))

        def timed():
            one = next(turns)
            began = measuring.cpu()
            function(one)
            spent.append(measuring.cpu() - began)

        benchmark.group = row
        benchmark.name = way
        benchmark.pedantic(timed, rounds=1 if request.config.getoption("small") else rounds)
        best = measuring.best(spent)
        scale = 1e6 / records
        record(row, way, best.total * scale, kind=kind, system=round(best.system * scale, 4), note=note)
        benchmark.extra_info["cpu_us_per_record"] = best.total * scale
        return best.total * scale

    return run


def pytest_benchmark_update_json(output_json):
    """All numbers go into what is saved: compare.py and report.py read them."""
    output_json["measurements"] = results.written(found)
    output_json["decoder"] = decoder()


def pytest_terminal_summary(terminalreporter, config):
    if not found:
        return
    for line in tables.as_text(found, [*report.circumstances(), *tables.goals(found)]):
        terminalreporter.write_line(line)
    directory = config.getoption("report")
    if directory is not None:
        report.write(found, directory)
        terminalreporter.write_line(f"written to {directory}")
