"""Line protocol from columns, read back by an independent parser."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from influx_rows import FIRST_MS, HARD, SCHEMA, batch_of, held, is_refused, moment, rows_strategy
from line_parser import parse

import iotstream
from iotstream.errors import ConfigurationError
from iotstream.sinks.influxdb import lines as lines_module
from iotstream.sinks.influxdb.lines import bodies
from iotstream.sinks.influxdb.mapping import Mapping
from iotstream.sinks.influxdb.points import points_of
from iotstream.sinks.influxdb.settings import Version

MAPPING = Mapping.of(SCHEMA)
versions = st.sampled_from(list(Version))
AT = moment(FIRST_MS)


def texts_of(points, version, lines_per_call=3):
    return [bytes(one.payload).decode() for one in bodies(points, MAPPING, version, lines_per_call)]


def built(rows, version):
    return points_of(batch_of(rows).data, MAPPING, version)


@given(rows_strategy, versions)
@example([{"at": AT, "site": one, "device": f"a{one}b", "note": f"{one}\n{one}"} for one in HARD], Version.V1)
@example([{"at": AT, "site": one, "device": f"a{one}b", "note": f"{one}\n{one}"} for one in HARD], Version.V3)
@example(
    [{"at": AT, "site": r"a\ b\,c\=d\\e", "device": rf"\\{one}x", "count": 1} for one in HARD], Version.V3
)
def test_what_is_written_is_read_back(rows, version):
    points = built(rows, version)
    assert [one.row for one in points.refused] == [
        row for row, values in enumerate(rows) if is_refused(values, version)
    ]
    found = [line for text in texts_of(points, version) for line in parse(text, version)]
    assert {(line.tags, line.time_ms): line.fields for line in found} == held(rows, version)
    assert {line.measurement for line in found} <= {"every_type"}
    assert len(found) == points.data.num_rows == len(rows) - len(points.refused) - points.superseded


@given(st.floats(allow_nan=False, allow_infinity=False), versions)
def test_a_float_is_the_same_64_bits(number, version):
    (line,) = parse(texts_of(built([{"at": AT, "level": number}], version), version)[0], version)
    assert repr(line.fields["level"]) == repr(number)


@given(rows_strategy, versions, st.data())
def test_halves_are_the_body_cut_in_two(rows, version, data):
    points = built(rows, version)
    for body in bodies(points, MAPPING, version, 8):
        if len(body) > 1:
            first, second = body.halves()
            assert len(first) + len(second) == len(body)
            assert bytes(first.payload) + b"\n" + bytes(second.payload) == bytes(body.payload)
            assert (first.first, second.first) == (body.first, body.first + len(first))


def test_the_default_schema():
    schema = iotstream.Schema.load()
    table = pa.table(
        {
            "timestamp": pa.array([1, 2], pa.timestamp("ms", "UTC")),
            "device_id": ["a b", ""],
            "temperature": [23.5, 1e20],
            "humidity": [65.0, 0.1],
        }
    )
    mapping = Mapping.of(schema)
    (body,) = bodies(points_of(table, mapping, Version.V2), mapping, Version.V2, 5000)
    assert bytes(body.payload).decode().split("\n") == [
        r"telemetry,device_id=a\ b temperature=23.5,humidity=65 1",
        "telemetry temperature=1e+20,humidity=0.1 2",
    ]


def test_every_type_as_the_reference_writes_it():
    row = {
        "at": AT,
        "site": "x,y=z",
        "channel": 7,
        "level": 0.5,
        "ratio": 0.1,
        "count": 3,
        "on": True,
        "note": 'say "a\\b"',
        "seen": moment(5),
    }
    tags = r"every_type,channel=7,site=x\,y\=z"
    fields = r'level=0.5,ratio=0.10000000149011612,count=3i,on=true,note="say \"a\\b\"",seen=5i'
    assert texts_of(built([row], Version.V1), Version.V1) == [f"{tags} {fields} {FIRST_MS}"]


@pytest.mark.parametrize(
    ("row", "version", "field", "said"),
    [
        ({"device": "a"}, "v2", "", "no measure has a value (level, ratio, count, on, note, seen)"),
        ({"device": "a\nb", "count": 1}, "v2", "device", "a line break"),
        ({"device": "a\\", "count": 1}, "v1", "device", "a backslash before"),
        ({"site": "a\\ b", "count": 1}, "v2", "site", "a backslash before"),
        ({"site": "a\tb", "count": 1}, "v3", "site", "a tab"),
    ],
)
def test_what_line_protocol_cannot_say_is_refused(row, version, field, said):
    rows = [{"at": AT, "device": "x", "count": 1}, {"at": AT, **row}]
    points = built(rows, Version(version))
    assert [(one.row, one.field) for one in points.refused] == [(1, field)]
    assert said in points.refused[0].detail
    assert points.rows.to_pylist() == [0]


def test_what_one_version_cannot_say_another_may():
    rows = [{"at": AT, "site": "a\\ b", "count": 1}, {"at": AT, "site": "a\tb", "count": 1}]
    assert [one.row for one in built(rows, Version.V1).refused] == [0]
    assert [one.row for one in built(rows, Version.V3).refused] == [1]


def test_of_one_series_and_time_the_last_row_stays_whole():
    rows = [
        {"at": AT, "device": "a", "count": 1, "note": "early"},
        {"at": AT, "device": "b", "count": 2},
        {"at": AT, "device": "a", "site": "", "count": 3},
        {"at": AT, "device": "a", "site": "s", "count": 4},
    ]
    points = built(rows, Version.V2)
    assert points.rows.to_pylist() == [1, 2, 3]
    assert points.superseded == 1
    assert "early" not in texts_of(points, Version.V2)[0]


def test_a_body_of_large_lines_is_cut(monkeypatch):
    monkeypatch.setattr(lines_module, "MAX_BODY_BYTES", 1000)
    rows = [{"at": moment(FIRST_MS + row), "note": "x" * (100 if row % 7 else 5000)} for row in range(100)]
    cut = list(bodies(built(rows, Version.V2), MAPPING, Version.V2, 100))
    assert sum(map(len, cut)) == 100
    assert [body.first for body in cut] == [sum(map(len, cut[:index])) for index in range(len(cut))]
    assert all(len(body.payload) <= 1000 or len(body) == 1 for body in cut)
    assert max(map(len, cut)) > 3


def test_no_rows_are_no_bodies():
    assert texts_of(built([{"at": AT}], Version.V2), Version.V2) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "level"', 'name = "time"', "measure 'time'"),
        ('name = "level"', 'name = "_level"', "measure '_level'"),
        ('name = "site"', 'name = "_site"', "dimension '_site'"),
        ('name = "every_type"', 'name = "_x"', "begin with _"),
    ],
)
def test_names_that_influxdb_keeps_for_itself(old, new, said):
    with pytest.raises(ConfigurationError, match="does not fit InfluxDB") as caught:
        Mapping.of(iotstream.Schema.parse(SCHEMA.text.replace(old, new, 1)))
    assert said in str(caught.value)
