"""Payloads to validated columns: `iotstream.decode` against what its users have done so far."""

import base64
import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import original
import orjson
import peers
import pytest
from figures.results import Kind
from figures.rows import CLEAN, ORIGINAL

import data
import iotstream
from iotstream._native import native
from iotstream._python_decoder import CHUNK_RECORDS, PythonDecoder

RECORDS, LISTS = 10_000, 20
FEW = 8
"""Lists of those that take longer: so many do not stay in the cache either."""
FLAT = iotstream.Schema.load()
SENSORS = iotstream.Schema.load(Path(__file__).parents[1] / "examples/environmental-sensors/schema.toml")
PURE = "ours in pure Python"
needs_kernel = pytest.mark.skipif(native is None, reason="ours is pure Python: no kernel is installed")


@pytest.fixture(scope="module")
def lists(sized):
    return [data.flat(sized(RECORDS), seed) for seed in range(LISTS)]


@pytest.fixture(scope="module")
def nested_lists(sized):
    return [data.nested(sized(RECORDS), seed) for seed in range(FEW)]


def ours(payloads):
    return iotstream.decode(payloads, FLAT)


def in_python(schema):
    """The decoder that is there without the kernel."""
    decoder = PythonDecoder(schema)

    def decode(payloads):
        for start in range(0, len(payloads), CHUNK_RECORDS):
            decoder.decode(payloads[start : start + CHUNK_RECORDS], None, offset=start)

    return decode


def test_ours(measure, lists):
    assert ours(lists[0]).data.num_rows == len(lists[0])
    measure(ours, lists, len(lists[0]), row="flat", way="ours", kind=Kind.OURS, rounds=40)


@needs_kernel
def test_pure_python(measure, lists):
    measure(in_python(FLAT), lists[:FEW], len(lists[0]), row="flat", way=PURE, rounds=16)


def test_original(measure, lists):
    encoded = [[base64.b64encode(payload) for payload in payloads] for payloads in lists[:3]]
    measure(original.loop, encoded, len(lists[0]), row="flat", way=ORIGINAL)


@pytest.mark.parametrize(
    "way",
    [peers.orjson_each, peers.msgspec_structs, peers.pyarrow_json, peers.polars],
    ids=lambda way: way.__name__,
)
def test_libraries(measure, lists, way):
    table = way(lists[0])
    assert table.num_rows == len(lists[0])
    assert table.column(0).to_pylist() == ours(lists[0]).data.column(0).to_pylist()
    name = peers.NAMES[way]
    measure(way, lists[:FEW], len(lists[0]), row="flat", way=name, kind=Kind.LIBRARY, rounds=16)


@pytest.mark.parametrize("way", ["ours", CLEAN])
@pytest.mark.parametrize("row", ["bad-1", "bad-5", "bad-1-read", "bad-5-read"])
def test_bad_records(measure, lists, row, way):
    """Finding them, and telling what is wrong with each; beside the same without bad ones."""
    share = int(row.split("-")[1]) / 100 if way == "ours" else 0
    spoilt = [data.spoilt(payloads, share, seed) for seed, payloads in enumerate(lists)]
    assert len(ours(spoilt[0]).rejects) == round(share * len(lists[0]))

    def read(payloads):
        return ours(payloads).rejects.to_pylist()

    decode = read if row.endswith("-read") else ours
    kind = Kind.OURS if way == "ours" else Kind.OTHER
    measure(decode, spoilt, len(lists[0]), row=row, way=way, kind=kind, rounds=40)


def unpack_array(record):
    return orjson.loads(record)


def unpack_gzip(record):
    return orjson.loads(gzip.decompress(record))


@pytest.mark.parametrize("form", ["array", "ndjson", "gzip", "kpl"])
def test_packed(measure, lists, form):
    rows = len(lists[0])
    packed = [data.packed(payloads, form) for payloads in lists]
    assert ours(packed[0]).data.num_rows == rows
    measure(ours, packed, rows, row=f"packed-{form}", way="ours", kind=Kind.OURS, rounds=24)


@pytest.mark.parametrize("form", ["array", "gzip"])
def test_packed_by_orjson(measure, lists, form):
    unpack = {"array": unpack_array, "gzip": unpack_gzip}[form]
    packed = [data.packed(payloads, form) for payloads in lists[:FEW]]

    def read(records):
        return peers.flat_batch([item for record in records for item in unpack(record)])

    assert read(packed[0]).num_rows == len(lists[0])
    way = "gzip + orjson each → columns" if form == "gzip" else peers.NAMES[peers.orjson_each]
    measure(read, packed, len(lists[0]), row=f"packed-{form}", way=way, kind=Kind.LIBRARY)


def test_nested(measure, nested_lists):
    def read(payloads):
        return iotstream.decode(payloads, SENSORS)

    records = len(nested_lists[0])
    assert read(nested_lists[0]).data.num_rows == records
    measure(read, nested_lists, records, row="nested", way="ours", kind=Kind.OURS, rounds=40)


@needs_kernel
def test_nested_in_pure_python(measure, nested_lists):
    measure(in_python(SENSORS), nested_lists, len(nested_lists[0]), row="nested", way=PURE)


@pytest.mark.parametrize(
    "way",
    [peers.msgspec_structs_nested, peers.pyarrow_json_nested, peers.polars_nested],
    ids=lambda way: way.__name__,
)
def test_nested_by_libraries(measure, nested_lists, way):
    table = way(nested_lists[0])
    assert (table.num_rows, table.num_columns) == (len(nested_lists[0]), len(SENSORS.fields))
    measure(way, nested_lists, table.num_rows, row="nested", way=peers.NAMES[way], kind=Kind.LIBRARY)


def test_nested_parsed_alone(measure, nested_lists):
    def parse(payloads):
        return [orjson.loads(payload) for payload in payloads]

    measure(parse, nested_lists, len(nested_lists[0]), row="nested", way="orjson.loads alone: dicts")


@pytest.mark.parametrize("way", ["ours", f"in {LISTS} calls"])
def test_chunks(measure, lists, way):
    """A call of many records may not cost more a record than many calls of fewer."""
    whole = [payload for payloads in lists for payload in payloads]

    def in_turn(_):
        for payloads in lists:
            ours(payloads)

    if way == "ours":
        measure(ours, [whole], len(whole), row="chunks", way=way, kind=Kind.OURS)
    else:
        measure(in_turn, [None], len(whole), row="chunks", way=way)


def test_threads(record, lists):
    """Wall time, the best of many: on machines that others use too, often one core is not free."""

    def decode_all(some):
        for payloads in some:
            ours(payloads)

    def wall(call):
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    half = len(lists) // 2
    records = len(lists) * len(lists[0])
    with ThreadPoolExecutor(2) as pool:
        both = min(wall(lambda: list(pool.map(decode_all, [lists[:half], lists[half:]]))) for _ in range(15))
    alone = min(wall(lambda: decode_all(lists)) for _ in range(15))
    record("threads", "ours", both / records * 1e6, kind=Kind.OURS)
    record("threads", "one thread", alone / records * 1e6)
