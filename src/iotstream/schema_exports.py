"""What others need of the schema: JSON Schema for device makers, Glue's table, a page of Markdown.

Pure: a schema in, plain values out. `iotstream schema json-schema | glue | docs` print them.
"""

from __future__ import annotations

from typing import Any

from iotstream.schema import FLOATS, INTEGER_BOUNDS, INTEGERS, NUMBERS, Encoding, Field, Role, Schema, Type

# Of Hive, which Glue and Athena use: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
GLUE_TYPES = {
    Type.FLOAT64: "double",
    Type.FLOAT32: "float",
    Type.INT64: "bigint",
    Type.INT32: "int",
    Type.BOOL: "boolean",
    Type.STRING: "string",
    Type.TIMESTAMP: "timestamp",
}
PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
PROJECTION_START = "2020-01-01"

_ISO_PATTERN = (
    r"^\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
    r"([Zz]|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?$"
)
_NUMERIC_PATTERN = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_EPOCH_UNITS = {Encoding.S: "seconds", Encoding.MS: "ms", Encoding.US: "µs", Encoding.NS: "ns"}


def json_schema(schema: Schema) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one message: what a device may send so that no item is rejected.

    What it can't say, and the decoder checks: bounds of numbers that are written as strings, and how
    far the time may lie from the arrival.
    """
    root: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:iotstream:{schema.name}:{schema.version}",
        "title": f"{schema.name}, version {schema.version}",
        "type": "object",
        "properties": {},
        "required": [],
    }
    for one in schema.fields:
        _place(root, one)
    return root


def _place(root: dict[str, Any], one: Field) -> None:
    """Put the field where its path leads; objects on the way are required where the value is."""
    place = root
    for key in one.source[:-1]:
        if not one.may_be_absent and key not in place["required"]:
            place["required"].append(key)
        inner = {"type": ["object", "null"], "properties": {}, "required": []}
        place = place["properties"].setdefault(key, inner)
        if not one.may_be_absent:
            place["type"] = "object"
    last = one.source[-1]
    if not one.may_be_absent and last not in place["required"]:
        place["required"].append(last)
    value = _value_schema(one)
    known = place["properties"].get(last)
    # Two columns may read the same value: it must then fit both.
    place["properties"][last] = value if known is None else {"allOf": [known, value]}


def _value_schema(one: Field) -> dict[str, Any]:
    forms = _forms(one)
    if one.may_be_absent:
        forms.append({"type": "null"})
    value: dict[str, Any] = forms[0] if len(forms) == 1 else {"anyOf": forms}
    about = " ".join(part for part in (one.description, f"[{one.unit}]" if one.unit else "") if part)
    if about:
        value["description"] = about
    if one.default is not None:
        value["default"] = one.default
    return value


def _forms(one: Field) -> list[dict[str, Any]]:
    """The ways in which the value may be written."""
    if one.type is Type.TIMESTAMP:
        return _time_forms(one)
    if one.type in NUMBERS:
        return _number_forms(one)
    if one.type is Type.BOOL:
        return [{"type": "boolean"}]
    text: dict[str, Any] = {"type": "string"}
    if one.max_length is not None:
        text["maxLength"] = one.max_length
    if one.pattern is not None:
        text["pattern"] = one.pattern
    return [text]


def _number_forms(one: Field) -> list[dict[str, Any]]:
    number: dict[str, Any] = {"type": "integer" if one.type in INTEGERS else "number"}
    low, high = INTEGER_BOUNDS.get(one.type, (None, None))
    # An int column's own range holds beside the bounds that the file gives.
    lows = [bound for bound in (one.min, low) if bound is not None]
    highs = [bound for bound in (one.max, high) if bound is not None]
    if lows:
        number["minimum"] = max(lows)
    if highs:
        number["maximum"] = min(highs)
    return [number, {"type": "string", "pattern": _NUMERIC_PATTERN}] if one.lenient else [number]


def _time_forms(one: Field) -> list[dict[str, Any]]:
    text = {"type": "string", "pattern": _ISO_PATTERN, "description": "ISO 8601; without a zone: UTC"}
    if one.encoding is Encoding.ISO:
        return [text]
    if one.encoding is Encoding.AUTO:
        about = "since the epoch: below 1e11 seconds, below 1e14 ms, below 1e17 µs, else ns"
        return [text, {"type": "number", "description": about}]
    return [{"type": "number", "description": f"{_EPOCH_UNITS[one.encoding]} since the epoch"}]


def glue_columns(schema: Schema) -> list[dict[str, str]]:
    """Glue's columns, without the partition keys: `Name`, `Type`, `Comment`."""
    return [
        {"Name": one.name, "Type": GLUE_TYPES[one.type], "Comment": _comment(one)} for one in schema.fields
    ]


def _comment(one: Field) -> str:
    parts = (one.role, one.unit, one.description)
    return "; ".join(part for part in parts if part)[:255]


def glue_table(
    schema: Schema, *, name: str, location: str, first_day: str = PROJECTION_START
) -> dict[str, Any]:
    """Glue's `TableInput` with partition projection, so that no crawler and no partition is needed.

    Source: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html

    Args:
        schema: the telemetry.
        name: the table's.
        location: of the data, `<lake prefix>/data/`.
        first_day: the first that is projected, `YYYY-MM-DD`; the last is tomorrow, for clocks ahead.
    """
    place = location.rstrip("/") + "/"
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [
            {"Name": "dt", "Type": "string", "Comment": "day of the event time, UTC"},
            {"Name": "hour", "Type": "string", "Comment": "hour of the event time, UTC, two digits"},
        ],
        "StorageDescriptor": {
            "Columns": glue_columns(schema),
            "Location": place,
            "InputFormat": PARQUET_INPUT,
            "OutputFormat": PARQUET_OUTPUT,
            "SerdeInfo": {"SerializationLibrary": PARQUET_SERDE, "Parameters": {"serialization.format": "1"}},
        },
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": f"{first_day},NOW+1DAY",
            "projection.dt.interval": "1",
            "projection.dt.interval.unit": "DAYS",
            "projection.hour.type": "integer",
            "projection.hour.range": "0,23",
            "projection.hour.digits": "2",
            "storage.location.template": f"{place}dt=${{dt}}/hour=${{hour}}/",
        },
    }


def markdown(schema: Schema) -> str:
    """A page for people: the fields with their rules, and an example message's shape."""
    lines = [
        f"# {schema.name}, version {schema.version}",
        "",
        f"Fingerprint `{schema.fingerprint}`. One message is a JSON object; extra keys are ignored.",
        "",
        "| column | in the message | type | role | unit | rules | description |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in schema.fields:
        cells = (
            f"`{one.name}`",
            f"`{'.'.join(one.source)}`",
            one.type,
            one.role,
            one.unit,
            ", ".join(_rules(one)),
            one.description,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "## Limits", "", "| limit | value |", "|---|---|"]
    for key, value in vars(schema.limits).items():
        shown = "off" if value is None else f"{value:,} ms" if key.endswith("_ms") else f"{value:,}"
        lines.append(f"| `{key.removesuffix('_ms')}` | {shown} |")
    return "\n".join(lines) + "\n"


def _rules(one: Field) -> list[str]:
    rules = ["required" if not one.may_be_absent else "optional"]
    if one.default is not None:
        rules.append(f"default {one.default}")
    if one.role is Role.TIME or one.type is Type.TIMESTAMP:
        rules.append(f"encoding {one.encoding}")
    bounds = ("min", "max", "max_length")
    rules += [f"{key} {getattr(one, key)}" for key in bounds if getattr(one, key) is not None]
    if one.pattern is not None:
        rules.append(f"pattern `{one.pattern}`")
    if one.type in FLOATS | INTEGERS:
        rules.append("numeric strings too" if one.lenient else "numbers only")
    return rules
