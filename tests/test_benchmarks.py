"""The benchmarks run, on tiny inputs; what they find is judged, written and compared as it should be."""

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import compare  # noqa: E402
import flame_graphs  # noqa: E402
import report  # noqa: E402
import scaling  # noqa: E402
from figures import charts, flames, results, sections, tables  # noqa: E402
from figures.results import Kind, Measurement  # noqa: E402
from figures.rows import CLEAN, ORIGINAL, ROWS  # noqa: E402

FOUND = [
    Measurement("flat", ORIGINAL, Kind.OTHER, 6.0),
    Measurement("flat", "slow library", Kind.LIBRARY, 0.9),
    Measurement("flat", "quick <library>", Kind.LIBRARY, 0.3),
    Measurement("flat", "ours", Kind.OURS, 0.1, 0.05),
    Measurement("bad-1", "ours", Kind.OURS, 0.13),
    Measurement("bad-1", CLEAN, Kind.OTHER, 0.1),
    Measurement("cold", "ours", Kind.OURS, 300.0, note="wall 310 ms"),
    Measurement("chunks", "ours", Kind.OURS, 0.2),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of all benchmarks with tiny inputs: what it printed, and where it wrote.

    Left out are KCL (the JVM takes long to start; tests/sources/kcl have it) and the peers' second stream.
    """
    directory = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-o", "python_files=bench_*.py"]
    command += [
        "-o",
        "addopts=-p no:cacheprovider",
        "--small",
        "--benchmark-quiet",
        "--report",
        str(directory),
    ]
    command += ["--benchmark-json", str(directory / "run.json")]
    command += ["-k", "not ((async_kinesis or bare_loop) and packed)"]
    # A run of its own, not a worker's of the one that it is part of.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout, directory


def test_every_benchmark_runs(tiny):
    """One table, of all rows but those that take minutes, with ours in each; the files are written."""
    printed, directory = tiny
    rows = [row for row in ROWS if not row.key.startswith("steady-")]
    for row in rows:
        assert row.work in printed
    found = compare.load(directory / "run.json")
    assert {one.row for one in found if one.kind == Kind.OURS} == {row.key for row in rows}
    assert all(math.isfinite(one.value) and one.value > 0 for one in found)
    assert len({(one.row, one.way) for one in found}) == len(found)
    page = (directory / "README.md").read_text()
    assert all(row.work in page for row in rows)
    ET.parse(directory / "results.svg")


def test_a_saved_run_makes_a_report_and_a_comparison(tiny, tmp_path):
    _, directory = tiny
    command = [sys.executable, BENCHMARKS / "report.py", directory / "run.json", tmp_path]
    subprocess.run(command, check=True, timeout=60)
    assert "the original handler's loop" in (tmp_path / "README.md").read_text()
    command = [sys.executable, BENCHMARKS / "compare.py", directory / "run.json", directory / "run.json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    # A run beside itself.
    changes = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert set(changes[1:]) == {"1.00"}


def test_of_several_runs_the_later_counts():
    later = Measurement("flat", "ours", Kind.OURS, 0.09)
    whole = report.merged([FOUND, [later]])
    assert len(whole) == len(FOUND)
    assert later in whole


def test_lines_are_in_order_and_judged():
    lines = list(results.lines(FOUND))
    assert [line.measured.way for line in lines if line.row.key == "flat"] == [
        "ours",
        "quick <library>",
        "slow library",
        ORIGINAL,
    ]
    said = {(line.row.key, line.measured.way): (line.ratio, line.verdict) for line in lines}
    assert said["flat", "ours"] == (None, "met")  # 0.1 ≤ 0.12
    assert said["flat", ORIGINAL] == (pytest.approx(60), "met")  # ≥ 50
    assert said["flat", "quick <library>"] == (pytest.approx(3), "met")  # the best one, ≥ 2.5
    assert said["flat", "slow library"] == (pytest.approx(9), "")
    assert said["bad-1", CLEAN][1] == "missed"  # 0.13 is more than 1.2 times 0.1
    assert said["cold", "ours"] == (None, "met")
    assert said["chunks", "ours"] == (None, "")


def test_limits_at_their_edge():
    def verdict(ours, clean):
        pair = [Measurement("bad-5", "ours", Kind.OURS, ours), Measurement("bad-5", CLEAN, Kind.OTHER, clean)]
        return [line.verdict for line in results.lines(pair)]

    assert verdict(0.1499, 0.1) == ["", "met"]
    assert verdict(0.1501, 0.1) == ["", "missed"]


def test_a_row_that_is_not_in_the_table():
    with pytest.raises(KeyError):
        results.check(Measurement("unheard-of", "ours", Kind.OURS, 1.0))


def test_text_and_markdown():
    text = "\n".join(tables.as_text(FOUND))
    assert "0.1 µs/record (user 0.050)" in text  # half of it the system's
    assert "ours (wall 310 ms)" in text
    lines = tables.as_markdown(FOUND)
    assert len(lines) == 2 + len(FOUND)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert tables.goals(FOUND)[0] == "4 of 5 goals met."
    assert f"- missed: 1 % bad records: {CLEAN} ours ≤ 1.2 x this" in tables.goals(FOUND)


def test_measurements_survive_saving():
    document = json.loads(json.dumps({"measurements": results.written(FOUND)}))
    assert results.read(document) == FOUND


def test_a_report_is_written_between_its_markers(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(
        "# Mine\n\nbefore\n\n<!-- results: generated -->\nthe last run\n<!-- results: end -->\n\nafter\n"
    )
    report.write(FOUND, tmp_path)
    first = page.read_text()
    assert first.startswith("# Mine\n\nbefore\n\n<!-- results: generated -->\n\n| work |")
    assert first.endswith("<!-- results: end -->\n\nafter\n")
    assert "the last run" not in first
    report.write(FOUND, tmp_path)
    assert page.read_text() == first


def test_sections(tmp_path):
    page = tmp_path / "page.md"
    sections.put(page, "one", ["1"])
    sections.put(page, "two", ["2"])
    sections.put(page, "one", ["changed"])
    assert page.read_text() == (
        "<!-- one: generated -->\n\nchanged\n\n<!-- one: end -->\n\n"
        "<!-- two: generated -->\n\n2\n\n<!-- two: end -->\n"
    )
    page.write_text("<!-- one: generated -->\nand no end")
    with pytest.raises(ValueError, match="without"):
        sections.put(page, "one", [])


def texts(drawing):
    return [one.text for one in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]


def test_bars():
    drawing = charts.bars(FOUND)
    assert "prefers-color-scheme: dark" in drawing
    said = texts(drawing)
    assert "quick <library>" in said
    assert "6  (60 x)" in said
    assert not any("200,000" in one for one in said)  # nothing to compare with
    lengths = {
        rect[0].text: float(rect.get("width"))
        for rect in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}rect")
        if len(rect)
    }
    ours, loop = (lengths[f"{way}: {value} µs/record"] for way, value in [("ours", "0.1"), (ORIGINAL, "6")])
    assert loop == pytest.approx(60 * ours, rel=0.05)


def test_panels():
    drawing = charts.panels("title", "records", [0, 1, 2], [charts.Panel("flat", [1.0, 1.0, 1.0])])
    assert "title" in drawing
    drawing = charts.panels("growth", "records", [10, 1_000, 1e6], [charts.Panel("a", [1, 10, 5000.0])])
    assert {"10", "1k", "100k", "records"} <= set(texts(drawing))
    assert [charts.compact(one) for one in (0.5, 7, 1_500, 2e6)] == ["0.5", "7", "1.5k", "2M"]


def test_comparison():
    after = [Measurement("flat", "ours", Kind.OURS, 0.2), Measurement("flat", "new", Kind.OTHER, 1.0)]
    lines = [line.split() for line in tables.compared(FOUND, after)]
    assert ["ours", "0.1", "0.2", "2.00"] in lines
    assert ["new", "1", "new"] in lines
    assert ["chunks:", "ours"] in lines  # only before


def test_saved_runs_are_found(tmp_path):
    for number in (1, 2):
        text = json.dumps({"measurements": []})
        (tmp_path / f"000{number}_run{number}.json").write_text(text)
    assert [path.stem for path in compare.saved(tmp_path)] == ["0001_run1", "0002_run2"]
    assert compare.find("0002", tmp_path) == compare.find("run2", tmp_path) == tmp_path / "0002_run2.json"
    assert compare.load(tmp_path / "0001_run1.json") == []
    with pytest.raises(SystemExit, match=r"0 runs .* 'run3'; saved are: 0001_run1, 0002_run2"):
        compare.find("run3", tmp_path)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(SystemExit, match="no measurements"):
        compare.load(tmp_path / "other.json")


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_is_found(power):
    x = [1, 10, 100, 1_000, 10_000]
    assert scaling.exponent(x, [3 * one**power for one in x]) == pytest.approx(power)


def test_the_exponent_is_that_of_the_upper_half():
    x = [1, 10, 100, 1_000, 10_000, 100_000]
    start = [5.0, 5.0]
    assert scaling.exponent(x, [*start, *(one / 100 for one in x[2:])]) == pytest.approx(1)


def test_growth_is_named():
    def point(value, cpu_us):
        return {"value": value, "cpu_us": cpu_us, "memory_mb": 1.0}

    dimension = scaling.DIMENSIONS["records"]
    even = scaling.growth(dimension, [point(10**power, 0.5) for power in range(3, 8)])
    worse = scaling.growth(dimension, [point(10**power, 0.5 * 2**power) for power in range(3, 8)])
    assert "as it should" in even[0]
    assert "**grows faster**" in worse[0]


def test_scaling_points_and_page(tmp_path):
    found = {
        "records": [scaling.records(value, 20_000) for value in (1_000, 20_000)],
        "fields": [scaling.fields(value, 5_000) for value in (4, 20)],
        "bad": [scaling.bad_share(value, 2_000) for value in (0, 50)],
        "shards": [scaling.shards(value, 20_000) for value in (1, 3)],
    }
    assert [one["units"] for one in found["records"]] == [1_000, 20_000]
    assert found["shards"][1]["units"] == 3 * 2_000
    scaling.write(found, tmp_path)
    page = (tmp_path / "scaling.md").read_text()
    for name in found:
        assert scaling.DIMENSIONS[name].title in page
        ET.parse(tmp_path / f"scaling-{name}.svg")


STACKS = [
    "0x7f00 (libc.so.6);<module> (bench.py:9);call (bench.py:3);decode (a.py:1);(native.so) 60",
    "<module> (bench.py:9);call (bench.py:3);decode (a.py:2);(native.so) 20",
    "<module> (bench.py:9);call (bench.py:3);encode & put (b.py:7) 19",
    "<module> (bench.py:9);call (bench.py:3);rare (c.py:7) 1",
    "<module> (bench.py:2);import (x.py:1) 500",
    "_bootstrap (threading.py:1);BaseEventLoop.run_forever (base_events.py:1);send (b.py:1) 100",
]


def test_flame_graph():
    root = flames.read(STACKS, lambda stack: flame_graphs.keep("call (", stack))
    assert root.samples == 200
    # Lines of one function are one frame.
    assert root.called["decode (a.py)"].samples == 80
    parts = {"decode": r";decode \(", "native": r"^decode .*;\(native", "send": r";send \("}
    assert flames.shares(root, parts) == {"decode": 0, "native": 0.4, "send": 0.5}
    drawing = flames.draw("title", root)
    assert "encode &amp; put (b.py): 9.5%" in drawing
    root.called["decode (a.py)"].samples += 100_000
    root.samples += 100_000
    assert "rare" not in flames.draw("title", root)  # less than can be seen


@pytest.mark.parametrize("name", flame_graphs.WAYS)
def test_profiled_ways_run(monkeypatch, name):
    """Without the profiler."""
    monkeypatch.setattr(flame_graphs, "RECORDS", 50)
    with flame_graphs.WAYS[name].start() as call:
        assert flame_graphs.profiled(call, 0.01) >= 1
