from __future__ import annotations

import jsonschema
import pytest

from iotstream.schema import Schema
from iotstream.schema_changes import Breaks, changes, compatible
from iotstream.schema_exports import glue_columns, glue_table, json_schema, markdown

BASE = """
name = "plant"
version = 1
[[field]]
name = "at"
source = "ts"
type = "timestamp"
role = "time"
[[field]]
name = "device_id"
source = "meta.id"
type = "string"
role = "dimension"
max_length = 8
[[field]]
name = "temperature"
source = "data.temp"
type = "float64"
role = "measure"
unit = "°C"
min = -50
max = 150
[[field]]
name = "count"
source = "data.count"
type = "int32"
role = "measure"
required = false
"""


def changed(old: str, new: str, times: int = 1) -> list:
    assert BASE.count(old) >= 1
    return changes(Schema.parse(BASE), Schema.parse(BASE.replace(old, new, times)))


def test_no_change_is_none():
    assert changes(Schema.parse(BASE), Schema.parse(BASE)) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "key", "breaks"),
    [
        ('name = "count"', 'name = "counter"', "count", "name", Breaks.READERS),
        ('type = "float64"', 'type = "float32"', "temperature", "type", Breaks.READERS),
        ('type = "int32"', 'type = "int64"', "count", "type", Breaks.NOBODY),
        (
            'type = "int32"\nrole = "measure"',
            'type = "int32"\nrole = "dimension"',
            "count",
            "role",
            Breaks.READERS,
        ),
        ("required = false", "required = true", "count", "required", Breaks.DEVICES),
        ("required = false", "default = 0", "count", "default", Breaks.NOBODY),
        ('unit = "°C"', 'unit = "°F"', "temperature", "unit", Breaks.READERS),
        ("min = -50", "min = -60", "temperature", "min", Breaks.NOBODY),
        ("min = -50", "min = -40", "temperature", "min", Breaks.DEVICES),
        ("min = -50\n", "", "temperature", "min", Breaks.NOBODY),
        ("max = 150", "max = 100", "temperature", "max", Breaks.DEVICES),
        ("max = 150", "max = 200", "temperature", "max", Breaks.NOBODY),
        ("max_length = 8", "max_length = 4", "device_id", "max_length", Breaks.DEVICES),
        ("max_length = 8", 'pattern = "^x"\nmax_length = 8', "device_id", "pattern", Breaks.DEVICES),
        ('source = "data.temp"', 'source = "temp"', "temperature", "source", Breaks.DEVICES),
        ("max = 150", "lenient = false\nmax = 150", "temperature", "lenient", Breaks.DEVICES),
        ('role = "time"', 'role = "time"\nencoding = "ms"', "at", "encoding", Breaks.DEVICES),
        ("version = 1", "version = 1\n[limits]\nmax_items = 5", "", "limits.max_items", Breaks.DEVICES),
        ("version = 1", '[limits]\nmax_age = "off"', "", "limits.max_age_ms", Breaks.NOBODY),
    ],
)
def test_each_change_is_named_with_whom_it_breaks(old, new, field, key, breaks):
    found = changed(old, new)
    real = [change for change in found if change.key != "version"]
    assert [(change.field, change.key, change.breaks) for change in real] == [(field, key, breaks)]
    assert compatible(found) == (breaks is Breaks.NOBODY)


def test_a_removed_column_breaks_readers_and_a_new_required_one_breaks_devices():
    fewer = BASE[: BASE.rindex("[[field]]")]
    assert [change.breaks for change in changes(Schema.parse(BASE), Schema.parse(fewer))][-1:] == [
        Breaks.READERS
    ]
    more = BASE + '[[field]]\nname = "co"\ntype = "float64"\nrole = "measure"\n'
    assert not compatible(changes(Schema.parse(BASE), Schema.parse(more)))
    optional = more + "required = false\n"
    assert compatible(changes(Schema.parse(BASE), Schema.parse(optional)))


def test_a_change_under_the_same_version_is_said():
    assert any(change.key == "version" for change in changed("min = -50", "min = -60"))
    raised = BASE.replace("min = -50", "min = -60").replace("version = 1", "version = 2")
    assert not any(change.key == "version" for change in changes(Schema.parse(BASE), Schema.parse(raised)))


GOOD = {"ts": "2024-12-19T10:30:00Z", "meta": {"id": "a"}, "data": {"temp": 21.5, "count": 3}}
MESSAGES = [
    (GOOD, True),
    (GOOD | {"extra": [1]}, True),
    (GOOD | {"ts": 1734604200}, True),
    (GOOD | {"ts": "2024-12-19 10:30:00.123456+0130"}, True),
    (GOOD | {"ts": "2024-12-19"}, False),
    (GOOD | {"ts": True}, False),
    (GOOD | {"meta": {}}, False),
    (GOOD | {"meta": "a"}, False),
    (GOOD | {"meta": {"id": "123456789"}}, False),
    (GOOD | {"data": {"temp": "21.5"}}, True),
    (GOOD | {"data": {"temp": "21,5"}}, False),
    (GOOD | {"data": {"temp": 151}}, False),
    (GOOD | {"data": {"temp": None}}, False),
    (GOOD | {"data": {"temp": 1, "count": None}}, True),
    (GOOD | {"data": {"temp": 1, "count": 3.0}}, True),
    (GOOD | {"data": {"temp": 1, "count": 3.5}}, False),
    (GOOD | {"data": {"temp": 1, "count": 2**31}}, False),
    ([GOOD["data"]], False),
]


@pytest.mark.parametrize(("message", "valid"), MESSAGES)
def test_json_schema_says_what_the_decoder_does(message, valid):
    import orjson

    import iotstream

    document = json_schema(Schema.parse(BASE))
    jsonschema.Draft202012Validator.check_schema(document)
    assert jsonschema.Draft202012Validator(document).is_valid(message) is valid
    decoded = iotstream.decode([orjson.dumps(message)], Schema.parse(BASE))
    assert (len(decoded.rejects) == 0) is valid


def test_glue_table_names_every_column_and_projects_the_partitions():
    schema = Schema.load()
    table = glue_table(schema, name="iot_table", location="s3://lake/prefix/data")
    assert [(one["Name"], one["Type"]) for one in glue_columns(schema)] == [
        ("timestamp", "timestamp"),
        ("device_id", "string"),
        ("temperature", "double"),
        ("humidity", "double"),
    ]
    assert table["StorageDescriptor"]["Location"] == "s3://lake/prefix/data/"
    parameters = table["Parameters"]
    assert parameters["storage.location.template"] == "s3://lake/prefix/data/dt=${dt}/hour=${hour}/"
    assert {key["Name"] for key in table["PartitionKeys"]} == {"dt", "hour"}
    assert all(isinstance(value, str) for value in parameters.values())


def test_markdown_has_a_row_for_each_field_with_its_rules():
    page = markdown(Schema.parse(BASE))
    row = next(line for line in page.splitlines() if line.startswith("| `temperature`"))
    for word in ("`data.temp`", "float64", "measure", "°C", "min -50", "max 150"):
        assert word in row
    assert "| `max_age` | 604,800,000 ms |" in page
