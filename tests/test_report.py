from __future__ import annotations

import datetime as dt
import json
import re
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from iotstream.report import Answer, ReportData, Sample, Stage, render
from iotstream.report.scales import number, number_ticks, time_labels, time_ticks
from iotstream.report.svg import MAX_POINTS, Line, bar_chart, histogram, line_chart
from iotstream.report.telemetry import charts, summaries
from iotstream.schema import Schema

SCHEMA = Schema.load()
START = 1_780_000_000_000
NASTY = '</script><img src="http://evil.example/x.png" onerror=alert(1)>'


def telemetry(devices: int, readings: int = 50) -> pa.Table:
    rows = [
        {
            "timestamp": START + index * 1000 + device,
            "device_id": f"device-{device:02}" if device else NASTY,
            "temperature": 20 + device * 0.1 + index % 7 + (500 if device == 11 else 0),
            "humidity": 40.0 + index,
        }
        for index in range(readings)
        for device in range(devices)
    ]
    return pa.Table.from_pylist(rows, pa.schema([(f.name, f.type) for f in SCHEMA.arrow]))


def report(devices: int = 3, **changes) -> ReportData:
    values = {
        "title": "A run",
        "started": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        "duration_s": 31.0,
        "ok": True,
        "facts": {"devices": "3", "file": NASTY},
        "stages": [
            Stage(name="Published", count=150),
            Stage(name="Rows in the lake", count=147),
            Stage(name="Dead letters", count=3, rejected=True, note="each with its reason"),
        ],
        "reasons": {"not_json": 2, "missing": 1},
        "samples": [Sample(at=i / 4, counts={"rows": i * 10}, lag_s=0.5) for i in range(40)],
        "series": {"rows": "rows in the lake"},
        "latencies_s": [0.5, 0.7, 1.1],
        "rows": telemetry(devices),
        "schema": SCHEMA,
        "answers": [
            Answer(
                question="What arrived?",
                sql="SELECT 1 < 2",
                where="the lake",
                columns=["a"],
                rows=[[NASTY]],
                total=1,
            )
        ],
    }
    return ReportData(**(values | changes))


class Page(HTMLParser):
    """Collects what a browser would load, and the text that is shown."""

    LOADS = frozenset({"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("devices", [1, 3, 30])
def test_the_page_loads_nothing(devices):
    text = render(report(devices))
    page = Page(text)
    assert not [(tag, attrs) for tag, attrs in page.tags if Page.LOADS & set(attrs)]
    assert not [tag for tag, _ in page.tags if tag in {"link", "img", "iframe", "object", "embed", "base"}]
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    (policy,) = [
        one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    assert len(page.all("script")) == 1


def test_names_from_devices_are_text_and_no_markup():
    text = render(report())
    assert NASTY not in text
    page = Page(text)
    assert not page.all("img")
    assert NASTY in page.text


def test_every_chart_has_a_name_and_a_description():
    page = Page(render(report()))
    drawings = page.all("svg")
    assert len(drawings) == 4 + 2 * len(SCHEMA.measures)
    assert all(one["role"] == "img" and one["aria-label"] for one in drawings)
    assert len(page.all("desc")) == len(drawings)


def test_the_crosshairs_data_is_as_long_as_its_lines():
    page = Page(render(report()))
    charts_ = [json.loads(one["data-chart"]) for one in page.all("svg") if "data-chart" in one]
    assert charts_
    for chart in charts_:
        for series in chart["series"]:
            assert len(series["x"]) == len(series["y"]) == len(series["label"]) == len(series["at"]) > 0
            assert series["x"] == sorted(series["x"])


def test_the_balance_and_its_problems_are_shown():
    good = Page(render(report())).text
    assert "✓ balanced" in good
    assert "147" in good
    bad = Page(render(report(ok=False, problems=["3 rows missing in the lake"]))).text
    assert "✗ not balanced" in bad
    assert "3 rows missing in the lake" in bad


def test_a_run_without_anything_still_has_a_page():
    empty = report(rows=telemetry(0), samples=[], latencies_s=[], reasons={}, stages=[], answers=[])
    assert "nothing to show" in render(empty)


def test_a_fleet_is_drawn_as_one_with_its_strays_by_name():
    names = {
        title: [name for name, _, _ in chart.legend]
        for chart in charts(telemetry(30), SCHEMA)
        for title in [chart.title]
    }
    assert names["Temperature over time, °C"] == [
        "median of all devices",
        "middle 80 %",
        "device-11",
        "each device",
    ]
    few = next(iter(charts(telemetry(3), SCHEMA)))
    assert [name for name, _, _ in few.legend] == sorted([NASTY, "device-01", "device-02"])


def test_summaries_are_the_numbers():
    (temperature, humidity) = summaries(telemetry(1, readings=101), SCHEMA)
    assert (humidity.low, humidity.median, humidity.high) == (40, 90, 140)
    assert temperature.count == 101


def test_bools_are_summed_up_as_a_share():
    schema = Schema.parse(
        'name="a"\nversion=1\n[[field]]\nname="at"\ntype="timestamp"\nrole="time"\n'
        '[[field]]\nname="on"\ntype="bool"\nrole="measure"\n'
    )
    rows = pa.table({"at": pa.array([1, 2, 3, 4], pa.timestamp("ms", "UTC")), "on": [True, True, True, None]})
    assert summaries(rows, schema)[0].true_share == 1.0
    assert list(charts(rows, schema)) == []


def test_long_lines_are_thinned_and_keep_their_peaks():
    ys = [0.0] * 5000
    ys[3210] = 9.0
    svg = line_chart("t", [Line(name="a", x=[float(i) for i in range(5000)], y=ys, color="red")], times=False)
    (points,) = re.findall(r'points="([^"]*)"', svg)
    pairs = [tuple(map(float, pair.split(","))) for pair in points.split()]
    assert len(pairs) <= MAX_POINTS + 2
    assert sum(1 for _, y in pairs if y < 100) == 1


def test_histogram_counts_every_value_once():
    svg = histogram("h", [0.0, 0.1, 0.5, 1.0, 1.0], color="red")
    counts = [int(one.replace(",", "")) for one in re.findall(r"<title>[^<]*: ([\d,]+)</title>", svg)]
    assert sum(counts) == 5


def test_bars_are_in_proportion():
    svg = bar_chart("b", {"a": 100, "b": 50}, color="red")
    widths = [float(one) for one in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3.2, 17), (1e-6, 2e-6), (5, 5), (0, 0), (-40, -39.5), (0, 1e9)]
)
def test_ticks_span_the_values(low, high):
    ticks = number_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


def test_time_ticks_are_round_and_inside():
    ticks = time_ticks(START, START + 3_600_000)
    assert all(START <= tick <= START + 3_600_000 for tick in ticks)
    assert all(tick % 60_000 == 0 for tick in ticks)
    assert all(re.fullmatch(r"\d\d:\d\d", label) for label in time_labels(ticks))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.4, "1,234"), (12.345, "12.3"), (0.01234, "0.0123"), (100, "100"), (20.0, "20")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text
