"""Payloads to validated columns: `iotstream.decode` against what its users have done so far."""

import base64
import io
import tracemalloc
from pathlib import Path

import original
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pytest

import data
import iotstream

RECORDS, LISTS = 10_000, 8
FLAT = iotstream.Schema.load()
SENSORS = iotstream.Schema.load(Path(__file__).parents[1] / "examples/environmental-sensors/schema.toml")
PLAIN = f"decode: {RECORDS:,} plain payloads of ~100 bytes, lists in turn"


@pytest.fixture(scope="module")
def lists():
    return [data.flat(RECORDS, seed) for seed in range(LISTS)]


def ours(payloads):
    return iotstream.decode(payloads, FLAT)


def orjson_each(payloads):
    items = [orjson.loads(payload) for payload in payloads]
    times = pa.array([item["timestamp"] for item in items])
    return pa.record_batch(
        [
            pc.cast(times, pa.timestamp("ms", "UTC")),
            pa.array([item["deviceId"] for item in items]),
            pa.array([float(item["temperature"]) for item in items]),
            pa.array([float(item["humidity"]) for item in items]),
        ],
        names=FLAT.arrow.names,
    )


def pyarrow_json(payloads):
    schema = pa.schema(
        [
            ("timestamp", pa.string()),
            ("deviceId", pa.string()),
            ("temperature", pa.float64()),
            ("humidity", pa.float64()),
        ]
    )
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    table = pyarrow.json.read_json(io.BytesIO(b"\n".join(payloads)), parse_options=options)
    return table.set_column(0, "timestamp", pc.cast(table["timestamp"], pa.timestamp("ms", "UTC")))


def test_ours(measure, lists):
    assert ours(lists[0]).data.num_rows == RECORDS
    measure(
        ours, lists, RECORDS, group=PLAIN, name="ours: iotstream.decode (validated, with rejects)", rounds=24
    )


def test_original(measure, lists):
    encoded = [[base64.b64encode(payload) for payload in payloads] for payloads in lists[:3]]
    measure(original.loop, encoded, RECORDS, group=PLAIN, name="the original handler's loop")


@pytest.mark.parametrize("way", [orjson_each, pyarrow_json], ids=lambda way: way.__name__)
def test_libraries(measure, lists, way):
    assert way(lists[0]).num_rows == RECORDS
    measure(way, lists, RECORDS, group=PLAIN, name=f"{way.__name__} (no rejects)")


@pytest.mark.parametrize("share", [0, 0.01, 0.05])
def test_bad_records(measure, lists, share):
    spoilt = [data.spoilt(payloads, share, seed) for seed, payloads in enumerate(lists)]
    assert len(ours(spoilt[0]).rejects) == round(share * RECORDS)
    name = f"{'ours, ' if not share else ''}{share:.0%} bad"
    measure(ours, spoilt, RECORDS, group="decode: bad records in the batch", name=name, rounds=24)


@pytest.mark.parametrize("form", ["array", "ndjson", "gzip"])
def test_packed(measure, lists, form):
    packed = [data.packed(payloads, form) for payloads in lists]
    assert ours(packed[0]).data.num_rows == RECORDS
    measure(ours, packed, RECORDS, group="decode: 100 rows a record, a row", name=f"ours, {form}")


NESTED = "decode: nested messages of ~220 bytes, ten fields"


@pytest.mark.parametrize("name", ["ours", "orjson.loads alone"])
def test_nested(measure, name):
    payloads = [data.nested(RECORDS, seed) for seed in range(LISTS)]
    ways = {
        "ours": lambda one: iotstream.decode(one, SENSORS),
        "orjson.loads alone": lambda one: [orjson.loads(payload) for payload in one],
    }
    assert len(ways["ours"](payloads[0]).rejects) == 0
    measure(ways[name], payloads, RECORDS, group=NESTED, name=name)


@pytest.mark.parametrize("count", [10_000, 200_000])
def test_memory(remark, count):
    """The highest that decoding holds at once, beside the payloads."""
    payloads = data.flat(count)
    size = sum(map(len, payloads))
    ours(payloads[:100])
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    decoded = ours(payloads)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    peak += pool.bytes_allocated() - before
    assert decoded.data.num_rows == count
    remark(f"memory: decoding {count:,} payloads holds at most {peak / size:.1f} times their bytes")
