"""How payloads become columns by other libraries, as their users do it; none of them tells what is wrong."""

import io

import msgspec
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

TIME = pa.timestamp("ms", "UTC")


class Flat(msgspec.Struct, gc=False):
    """A message of the default schema."""

    timestamp: str
    deviceId: str  # noqa: N815 - as in the message
    temperature: float
    humidity: float


class Readings(msgspec.Struct, gc=False):
    """Of a nested message."""

    co: float
    humidity: float
    light: bool
    lpg: float
    motion: bool
    smoke: float
    temp: float


class Nested(msgspec.Struct, gc=False):
    """A message of examples/environmental-sensors."""

    data: Readings
    device_id: str
    ts: float
    device: str


def orjson_each(payloads):
    """A dict for each, then a list for each column."""
    items = [orjson.loads(payload) for payload in payloads]
    return flat_batch(items)


def flat_batch(items):
    """Dicts to columns."""
    times = pa.array([item["timestamp"] for item in items])
    return pa.record_batch(
        [
            pc.cast(times, TIME),
            pa.array([item["deviceId"] for item in items]),
            pa.array([float(item["temperature"]) for item in items]),
            pa.array([float(item["humidity"]) for item in items]),
        ],
        names=["timestamp", "device_id", "temperature", "humidity"],
    )


_flat = msgspec.json.Decoder(Flat).decode
_nested = msgspec.json.Decoder(Nested).decode


def msgspec_structs(payloads):
    """A typed struct for each, then a list for each column."""
    items = [_flat(payload) for payload in payloads]
    return pa.record_batch(
        [
            pc.cast(pa.array([item.timestamp for item in items]), TIME),
            pa.array([item.deviceId for item in items]),
            pa.array([item.temperature for item in items], pa.float64()),
            pa.array([item.humidity for item in items], pa.float64()),
        ],
        names=["timestamp", "device_id", "temperature", "humidity"],
    )


def msgspec_structs_nested(payloads):
    """The same of nested messages."""
    items = [_nested(payload) for payload in payloads]
    readings = [item.data for item in items]
    times = pa.array([round(item.ts * 1000) for item in items], pa.int64()).cast(TIME)
    names = Readings.__struct_fields__
    columns = [pa.array([getattr(one, name) for one in readings]) for name in names]
    devices = [pa.array([item.device_id for item in items]), pa.array([item.device for item in items])]
    return pa.record_batch([times, *devices, *columns], names=["timestamp", "device_id", "device", *names])


FLAT_FIELDS = [
    ("timestamp", pa.string()),
    ("deviceId", pa.string()),
    ("temperature", pa.float64()),
    ("humidity", pa.float64()),
]
_FLAT_OPTIONS = pyarrow.json.ParseOptions(
    explicit_schema=pa.schema(FLAT_FIELDS), unexpected_field_behavior="ignore"
)
_READINGS = pa.struct(
    [
        (name, pa.bool_() if name in {"light", "motion"} else pa.float64())
        for name in Readings.__struct_fields__
    ]
)
_NESTED_OPTIONS = pyarrow.json.ParseOptions(
    explicit_schema=pa.schema(
        [("data", _READINGS), ("device_id", pa.string()), ("ts", pa.float64()), ("device", pa.string())]
    ),
    unexpected_field_behavior="ignore",
)


def pyarrow_json(payloads):
    """All lines as one document."""
    table = pyarrow.json.read_json(io.BytesIO(b"\n".join(payloads)), parse_options=_FLAT_OPTIONS)
    return table.set_column(0, "timestamp", pc.cast(table["timestamp"], TIME))


def pyarrow_json_nested(payloads):
    """The same of nested messages."""
    table = pyarrow.json.read_json(io.BytesIO(b"\n".join(payloads)), parse_options=_NESTED_OPTIONS)
    return table.flatten()


_POLARS_FLAT = pl.Schema(
    {"timestamp": pl.String, "deviceId": pl.String, "temperature": pl.Float64, "humidity": pl.Float64}
)
_POLARS_NESTED = pl.Schema(
    {
        "data": pl.Struct(
            {
                name: pl.Boolean if name in {"light", "motion"} else pl.Float64
                for name in Readings.__struct_fields__
            }
        ),
        "device_id": pl.String,
        "ts": pl.Float64,
        "device": pl.String,
    }
)


def polars(payloads):
    """All lines as one document."""
    frame = pl.read_ndjson(io.BytesIO(b"\n".join(payloads)), schema=_POLARS_FLAT)
    times = pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", time_zone="UTC")
    return frame.with_columns(times).to_arrow()


def polars_nested(payloads):
    """The same of nested messages."""
    frame = pl.read_ndjson(io.BytesIO(b"\n".join(payloads)), schema=_POLARS_NESTED)
    return frame.unnest("data").to_arrow()


NAMES = {
    orjson_each: "orjson each → lists → columns",
    msgspec_structs: "msgspec structs → columns",
    msgspec_structs_nested: "msgspec structs → columns",
    pyarrow_json: "pyarrow.json",
    pyarrow_json_nested: "pyarrow.json",
    polars: "polars.read_ndjson",
    polars_nested: "polars.read_ndjson",
}
