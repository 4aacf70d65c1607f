"""The bodies against an independent, naive builder, and against the service's own model."""

import json
import struct
from functools import cache
from unittest.mock import patch

import botocore.session
import pyarrow as pa
import pytest
from botocore.validate import ParamValidator
from hypothesis import example, given
from hypothesis import strategies as st

import iotstream
from iotstream.batch import Origin
from iotstream.errors import ConfigurationError
from iotstream.schema import ARROW_TYPES, Type
from iotstream.sinks.timestream import request as request_module
from iotstream.sinks.timestream import text as text_module
from iotstream.sinks.timestream.mapping import MEASURE_TYPES, Mapping
from iotstream.sinks.timestream.points import points_of, versions_of
from iotstream.sinks.timestream.request import CHUNK_RECORDS, MAX_BODY_BYTES, Target, bodies
from iotstream.sinks.timestream.text import Element, Group, json_text, rows_text
from iotstream.testing import raw_batch

TARGET = Target("iot_timestream_db", "iot_table")
NOW = 1_734_604_200_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "",
        '"',
        "\\",
        '\\"',
        "\x00",
        "\n\t\r\b\f",
        "\x1f\x7f\x80",
        "\u2028",
        "ü水🌡",
        '","Version":1,"x":"',
        "\\u0041",
    ]
)
VALUES = {
    Type.FLOAT64: st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, 2**53 + 0.0, 0.1, 1e21, 1e-7]),
    Type.FLOAT32: st.floats(allow_nan=False, allow_infinity=False, width=32),
    Type.INT64: st.integers(-(2**63), 2**63 - 1),
    Type.INT32: st.integers(-(2**31), 2**31 - 1),
    Type.BOOL: st.booleans(),
    Type.STRING: TEXT,
    Type.TIMESTAMP: st.integers(0, 4_102_444_800_000),
}


@cache
def input_shape():
    return (
        botocore.session.Session()
        .get_service_model("timestream-write")
        .operation_model("WriteRecords")
        .input_shape
    )


def schema_of(fields):
    rows = "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\nrole = "{role}"\n'
        f"required = {str(role == 'time').lower()}\n"
        for name, kind, role in fields
    )
    return iotstream.Schema.parse(f'name = "telemetry"\nversion = 1\n{rows}')


@st.composite
def batches(draw):
    """A schema, its columns as lists, and the rows' versions."""
    kinds = [str(kind) for kind in Type]
    dimension_kinds = ["string", "int64", "int32", "bool"]
    dimensions = draw(st.lists(st.sampled_from(dimension_kinds), min_size=1, max_size=3))
    measures = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    fields = [("t", "timestamp", "time")]
    fields += [(f"d{index}", kind, "dimension") for index, kind in enumerate(dimensions)]
    fields += [(f"m{index}", kind, "measure") for index, kind in enumerate(measures)]
    rows = draw(st.integers(1, 12))
    columns = {}
    for name, kind, role in draw(st.permutations(fields)):
        # Few different values, so that rows are equal now and then and columns are constant or all null.
        pool = draw(st.lists(VALUES[Type(kind)], min_size=1, max_size=3))
        choice = st.sampled_from(pool if role == "time" or draw(st.booleans()) else [*pool, None])
        columns[name] = draw(st.lists(choice, min_size=rows, max_size=rows))
    versions = draw(st.lists(st.integers(NOW, NOW + 2), min_size=rows, max_size=rows))
    return fields, columns, versions


def table_of(schema, columns):
    return pa.table({one.name: pa.array(columns[one.name], ARROW_TYPES[one.type]) for one in schema.fields})


def text(kind, value):
    if kind == "bool":
        return "true" if value else "false"
    return str(value)


def naive(fields, columns, versions):
    """The points that these rows are, row by row, and the rows that are none."""
    found, refused = {}, []
    for row, version in enumerate(versions):
        values = {name: columns[name][row] for name in columns}
        present = [(name, kind, role) for name, kind, role in fields if values[name] not in (None, "")]
        dimensions = frozenset(
            (name, text(kind, values[name])) for name, kind, role in present if role == "dimension"
        )
        measures = {name: (kind, values[name]) for name, kind, role in present if role == "measure"}
        if not dimensions or not measures:
            refused.append(row)
            continue
        key = (dimensions, values["t"])
        if key not in found or found[key][0] <= version:
            found[key] = (version, row, measures)
    points = [(row, key, version, measures) for key, (version, row, measures) in found.items()]
    return sorted(points, key=lambda point: point[0]), refused


def as_number(kind, value):
    """Bit for bit where it is a float."""
    if kind in ("float64", "float32"):
        return struct.pack("d", float(value))
    if kind in ("int64", "int32", "timestamp"):
        return int(value)
    return value if isinstance(value, str) else text(kind, value)


def read(payload):
    """A body's records with the common attributes merged in, checked against the service's model."""
    body = json.loads(payload)
    report = ParamValidator().validate(body, input_shape())
    assert not report.has_errors(), report.generate_report()
    assert (body["DatabaseName"], body["TableName"]) == TARGET
    common = body["CommonAttributes"]
    assert 1 <= len(body["Records"]) <= 100
    for record in body["Records"]:
        merged = common | record
        assert merged["MeasureName"] == "telemetry"
        assert (merged["MeasureValueType"], merged["TimeUnit"]) == ("MULTI", "MILLISECONDS")
        dimensions = common.get("Dimensions", []) + record.get("Dimensions", [])
        named = {(one["Name"], one["Value"]) for one in dimensions}
        assert len(named) == len(dimensions)
        assert record.get("Dimensions") != []
        yield named, int(merged["Time"]), merged["Version"], merged["MeasureValues"]


BY_ARROW = pytest.mark.parametrize("kernel", [text_module.native, None], ids=["as installed", "by Arrow"])


@BY_ARROW
@given(batch=batches())
@example(
    batch=(
        [("t", "timestamp", "time"), ("d0", "bool", "dimension"), ("m0", "bool", "measure")],
        {"t": [0], "d0": [True], "m0": [False]},
        [NOW],
    )
)
def test_bodies_equal_naive_ones(kernel, batch):
    fields, columns, versions = batch
    schema = schema_of(fields)
    mapping = Mapping.of(schema)
    points = points_of(table_of(schema, columns), pa.array(versions, pa.int64()), mapping)
    expected, refused = naive(fields, columns, versions)
    assert [one.row for one in points.refused] == refused
    assert points.rows.to_pylist() == [row for row, *_ in expected]
    assert points.superseded == len(versions) - len(refused) - len(expected)
    with patch.object(text_module, "native", kernel):
        got = [record for body in bodies(points, mapping, TARGET) for record in read(body.payload)]
    assert len(got) == len(expected)
    for (dimensions, time, version, measures), (_, key, want_version, want) in zip(
        got, expected, strict=True
    ):
        assert (frozenset(dimensions), time) == key
        assert version == want_version
        assert {one["Name"]: one["Type"] for one in measures} == {
            name: MEASURE_TYPES[Type(kind)] for name, (kind, _) in want.items()
        }
        values = {one["Name"]: as_number(want[one["Name"]][0], one["Value"]) for one in measures}
        assert values == {name: as_number(kind, value) for name, (kind, value) in want.items()}


@given(st.lists(TEXT | st.none(), min_size=1, max_size=20), st.integers(0, 5))
def test_any_text_survives_between_quotes(texts, start):
    column = pa.array(texts, pa.string())[start:]
    assert [
        None if one is None else json.loads(f'"{one}"') for one in json_text(column).to_pylist()
    ] == texts[start:]


def test_sliced_columns_are_written_from_where_they_begin():
    table = pa.table(
        {
            "t": pa.array([None, *range(20)], pa.int64()),
            "b": pa.array([None, *(row % 3 == 0 for row in range(20))]),
            "s": pa.array([None, *(f"\u00fc{row}" if row % 4 else None for row in range(20))]),
        }
    ).combine_chunks()
    columns = [table.column(name).combine_chunks().slice(1 + 9) for name in table.column_names]
    groups = [Group("{", [Element(f'"{index}":"', one, '"') for index, one in enumerate(columns)], "}")]
    expected = [
        {"0": str(row), "1": text("bool", row % 3 == 0)} | ({"2": f"\u00fc{row}"} if row % 4 else {})
        for row in range(9, 20)
    ]
    for kernel in (text_module.native, None):
        with patch.object(text_module, "native", kernel):
            said, bounds = rows_text(groups, 11)
        rows = [bytes(said[bounds[row] : bounds[row + 1]]) for row in range(11)]
        assert [json.loads(one) for one in rows] == expected


@pytest.mark.skipif(text_module.native is None, reason="the compiled kernel is not installed")
def test_the_kernel_refuses_columns_that_are_too_short_or_of_no_kind():
    write_rows = text_module.native.write_rows
    for kind, values in (("int64", 8), ("string", 8), ("bool", 0), ("float32", 7)):
        with pytest.raises(ValueError, match=f"a column of {kind} is shorter than 2 rows"):
            write_rows(2, [("", [("", (kind, bytes(values), None, None, 0), "")], "")])
    with pytest.raises(ValueError, match="shorter"):
        write_rows(2, [("", [("", ("int64", bytes(16), b"", None, 0), "")], "")])
    with pytest.raises(ValueError, match="shorter"):
        write_rows(2, [("", [("", ("int64", bytes(16), None, None, 2**64 - 1), "")], "")])
    with pytest.raises(ValueError, match="decimal: no such kind"):
        write_rows(1, [("", [("", ("decimal", bytes(8), None, None, 0), "")], "")])


def test_text_without_special_characters_is_not_copied():
    column = pa.array(["device-1", "ü水"])
    assert json_text(column) is column


def measured(rows, **columns):
    table = {
        "timestamp": pa.array([NOW + row for row in range(rows)], pa.timestamp("ms", "UTC")),
        "device_id": pa.array([f"d{row % 7}" for row in range(rows)]),
        "temperature": pa.array([row / 8 for row in range(rows)]),
        "humidity": pa.array([50.0] * rows),
    }
    return pa.table(table | columns)


def made(table, schema=None, versions=None):
    mapping = Mapping.of(schema or iotstream.Schema.load())
    versions = versions or [NOW] * table.num_rows
    points = points_of(table, pa.array(versions, pa.int64()), mapping)
    return points, list(bodies(points, mapping, TARGET))


def test_calls_hold_a_hundred_records_over_the_bounds_of_chunks():
    rows = CHUNK_RECORDS + 250
    _, found = made(measured(rows))
    assert [len(body) for body in found] == [100] * (rows // 100) + [50]
    assert [body.first for body in found] == list(range(0, rows, 100))
    times = [time for body in found for _, time, _, _ in read(body.payload)]
    assert times == [NOW + row for row in range(rows)]


def test_large_records_make_smaller_calls():
    schema = schema_of(
        [("timestamp", "timestamp", "time"), ("device_id", "string", "dimension")]
        + [(f"m{i}", "string", "measure") for i in range(40)]
    )
    table = pa.table(
        {"timestamp": measured(90)["timestamp"], "device_id": measured(90)["device_id"]}
        | {f"m{i}": pa.array(["x" * 2000] * 90) for i in range(40)}
    )
    _, found = made(table, schema)
    assert sum(map(len, found)) == 90
    assert max(len(body.payload) for body in found) < MAX_BODY_BYTES + 1000
    assert len(found) > 3


def test_halves_hold_the_same_records():
    _, (body,) = made(measured(5))
    first, second = body.halves()
    assert (len(first), len(second), second.first) == (2, 3, 2)
    assert [*read(first.payload), *read(second.payload)] == list(read(body.payload))


def test_what_is_common_is_said_once():
    table = measured(3, device_id=pa.array(["d"] * 3))
    _, (body,) = made(table)
    document = json.loads(body.payload)
    assert document["CommonAttributes"] == {
        "MeasureName": "telemetry",
        "MeasureValueType": "MULTI",
        "TimeUnit": "MILLISECONDS",
        "Version": NOW,
        "Dimensions": [{"Name": "device_id", "Value": "d"}],
    }
    assert document["Records"][1] == {
        "Time": str(NOW + 1),
        "MeasureValues": [
            {"Name": "temperature", "Value": "0.125", "Type": "DOUBLE"},
            {"Name": "humidity", "Value": "50", "Type": "DOUBLE"},
        ],
    }


def test_of_equal_rows_the_later_arrival_stays_and_of_equal_arrivals_the_last():
    time = pa.array([NOW] * 4, pa.timestamp("ms", "UTC"))
    table = measured(4, timestamp=time, device_id=pa.array(["a", "a", "b", "b"]))
    points, _ = made(table, versions=[NOW + 1, NOW, NOW, NOW])
    assert points.rows.to_pylist() == [0, 3]
    assert points.superseded == 2


def test_a_text_above_the_limit_is_refused_and_its_neighbours_are_not():
    schema = schema_of(
        [("t", "timestamp", "time"), ("d", "string", "dimension"), ("note", "string", "measure")]
    )
    notes = ["ü" * 2048, "ü" * 2049, "x"]
    points, found = made(table_of(schema, {"t": [0, 1, 2], "d": ["a"] * 3, "note": notes}), schema)
    assert [(one.row, one.field) for one in points.refused] == [(1, "note")]
    assert sum(map(len, found)) == 2


def test_versions_are_arrival_times():
    raw = raw_batch([b"", b"", b""], arrival_ms=[NOW, 0, NOW + 7])
    origin = Origin(
        raw=raw, record=pa.array([2, 0, 0, 1], pa.int32()), item=pa.array([0, 0, 1, 0], pa.int32())
    )
    assert versions_of(origin, 4, 9).to_pylist() == [NOW + 7, NOW, NOW, 1]
    unknown = Origin(raw=raw_batch([b""]), record=pa.array([0], pa.int32()), item=pa.array([0], pa.int32()))
    assert versions_of(unknown, 1, 9).to_pylist() == [9]
    assert versions_of(None, 2, 9).to_pylist() == [9, 9]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("d", "string", "dimension")], "0 fields have role = 'measure', and Timestream takes 1 to 256"),
        ([("m", "bool", "measure")], "0 fields have role = 'dimension'"),
        ([("m", "bool", "measure")] + [(f"d{i}", "string", "dimension") for i in range(129)], "129 fields"),
        ([("d", "bool", "dimension")] + [(f"m{i}", "bool", "measure") for i in range(257)], "1 to 256"),
        ([("d" * 61, "string", "dimension"), ("m", "bool", "measure")], "more than 60 bytes"),
        ([("time", "string", "dimension"), ("m", "bool", "measure")], "'time'"),
        ([("d", "string", "dimension"), ("ts_x", "bool", "measure")], "'ts_x'"),
        ([("d", "string", "dimension"), ("measure_value", "bool", "measure")], "keeps"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused_by_name(fields, said):
    schema = schema_of([("t", "timestamp", "time"), *fields])
    with pytest.raises(ConfigurationError, match="schema 'telemetry' does not fit Timestream: ") as caught:
        Mapping.of(schema)
    assert said in str(caught.value)


def test_the_limits_are_the_models():
    members = input_shape().members
    assert members["Records"].metadata["max"] == request_module.MAX_RECORDS
    record = members["Records"].member
    assert record.members["Dimensions"].metadata["max"] == 128
    assert record.members["MeasureValue"].metadata["max"] == 2048
