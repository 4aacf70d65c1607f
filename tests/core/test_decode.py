"""Each rule of the schema's page (docs/schema.md), one by one."""

import gzip
import hashlib
import json
import zlib

import pyarrow as pa
import pytest
from strategies import FLAT

import iotstream
from iotstream.testing import FIRST_SEQUENCE_NUMBER, raw_batch
from iotstream.unpack import KPL_MAGIC

pytestmark = pytest.mark.usefixtures("decoder")
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"test-001","temperature":23.5,"humidity":65}'
TIME_MS = 1_734_604_200_000


def change(**values):
    """The good message with other values; None leaves a key out, raw bytes are put in as they are."""
    item = json.loads(GOOD) | {key: value for key, value in values.items() if not isinstance(value, bytes)}
    text = json.dumps({key: value for key, value in item.items() if value is not None})
    for key, value in values.items():
        if isinstance(value, bytes):
            text = text.replace(f'"{key}": {json.dumps(item[key])}', f'"{key}": {value.decode()}')
    return text.encode()


def zstd(data):
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


def outcome(payload, schema=FLAT):
    """`ok` or the reasons with their fields."""
    decoded = iotstream.decode([payload], schema)
    rejects = [f"{one.reason}:{one.field}".rstrip(":") for one in decoded.rejects]
    return " ".join(["ok"] * decoded.data.num_rows + rejects)


def schema(*fields, limits='max_age = "off"\nmax_ahead = "off"'):
    rows = "".join(f"[[field]]\n{field}\n" for field in fields)
    return iotstream.Schema.parse(
        f'name = "s"\n[limits]\n{limits}\n{rows}[[field]]\nname = "t"\ntype = "timestamp"\nrole = "time"\n'
    )


def test_the_seam():
    decoded = iotstream.decode([GOOD, b"nope", b"[" + GOOD + b",{}]"], FLAT)
    assert decoded.data.schema.names == ["timestamp", "device_id", "temperature", "humidity"]
    assert decoded.data.schema.field("timestamp").type == pa.timestamp("ms", "UTC")
    assert decoded.data.num_rows == 2
    assert decoded.record.to_pylist() == [0, 2]
    assert decoded.item.to_pylist() == [0, 0]
    assert len(decoded.rejects) == 2
    first, second = decoded.rejects.to_pylist()
    detail = first.pop("detail")
    assert detail
    assert first == {"record": 1, "item": 0, "reason": "not_json", "field": "", "payload": b"nope"}
    assert (second["record"], second["item"], second["reason"], second["field"]) == (
        2,
        1,
        "missing",
        "timestamp",
    )
    assert second["payload"] == b"{}"
    assert type(first["reason"]) is str


def test_no_payloads():
    decoded = iotstream.decode([], FLAT)
    assert (decoded.data.num_rows, len(decoded.rejects), decoded.data.schema) == (0, 0, FLAT.arrow)


def test_payloads_are_bytes():
    with pytest.raises(TypeError):
        iotstream.decode([GOOD, "text"], FLAT)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (GOOD, "ok"),
        (b" \t\r\n" + GOOD + b"\n", "ok"),
        (b"\xef\xbb\xbf" + GOOD, "ok"),
        (b"[" + GOOD + b"," + GOOD + b"]", "ok ok"),
        (GOOD + b"\n" + GOOD + b"\r\n\n" + GOOD, "ok ok ok"),
        (GOOD + GOOD, "ok ok"),
        (b"[" + GOOD + b"]\n" + GOOD, "ok ok"),
        (gzip.compress(GOOD, mtime=0), "ok"),
        (gzip.compress(GOOD, mtime=0) + gzip.compress(GOOD, mtime=0), "ok ok"),
        (zlib.compress(GOOD), "ok"),
        (zlib.compress(GOOD, wbits=9), "ok"),
        (zstd(GOOD + GOOD), "ok ok"),
        (gzip.compress(b"\xef\xbb\xbf[" + GOOD + b"]", mtime=0), "ok"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"[]", "empty"),
        (b"[] []", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(GOOD, mtime=0)[:-5], "bad_compression"),
        (gzip.compress(GOOD, mtime=0) + b"rest", "bad_compression"),
        (b"\x1f\x8bnonsense", "bad_compression"),
        (zlib.compress(GOOD)[:-2], "bad_compression"),
        (zstd(GOOD)[:-2], "bad_compression"),
        (b"\x28\xb5\x2f\xfd", "bad_compression"),
        (b"\xff" + GOOD, "not_utf8"),
        (GOOD[:-1] + b',"x":"\xff"}', "not_utf8"),
        (GOOD[:-1] + b',"x":"\xed\xa0\x80"}', "not_utf8"),
        (GOOD[:-1] + b',"\xff":1}', "not_utf8"),
        (b"xyz", "not_json"),
        (GOOD[:-1], "not_json"),
        (GOOD[:-1] + b",}", "not_json"),
        (GOOD + b"x", "ok not_json"),
        (b"\x00" + GOOD, "not_json"),
        (GOOD[:-1] + b',"x":NaN}', "not_json"),
        (GOOD[:-1] + b',"x":[-Infinity]}', "not_json"),
        (GOOD[:-1] + b',"x":"\x01"}', "not_json"),
        (b"null", "not_object"),
        (b'1 true "a"', "not_object not_object not_object"),
        (b"[1,[" + GOOD + b"]," + GOOD + b"]", "ok not_object not_object"),
        (b"80", "not_object"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_forms_and_reasons_of_records(payload, expected):
    assert outcome(payload) == expected


@pytest.mark.parametrize(
    ("payload", "items"),
    [
        (GOOD + b'\n{"a":1\n' + GOOD, ["row", b'{"a":1', "row"]),
        (b'{"a":1\n{"b":\n' + GOOD, [b'{"a":1\n{"b":', "row"]),
        (b'{\n "a": 1,\n "b": \n}\n' + GOOD, [b'{\n "a": 1,\n "b": \n}', "row"]),
        (GOOD + b" {oops\n  " + GOOD + b"  \nrest", ["row", b"{oops", "row", b"rest"]),
        (b"[" + GOOD + b",{]", None),
        (b'[\n{"a":1},\n' + GOOD + b"\noops", [b'[\n{"a":1},', "row", b"oops"]),
    ],
)
def test_after_a_fault_reading_resumes_at_the_next_line_that_is_an_object(payload, items):
    decoded = iotstream.decode([payload], FLAT)
    found = dict.fromkeys(decoded.item.to_pylist(), "row")
    found |= {one.item: one.payload for one in decoded.rejects}
    assert {str(one.reason) for one in decoded.rejects} <= {"not_json"}
    assert [found[number] for number in sorted(found)] == ([payload] if items is None else items)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (change(timestamp=None), "missing:timestamp"),
        (change(deviceId=None, temperature=None), "missing:device_id"),
        (change(humidity=b"null"), "null:humidity"),
        (change(temperature=True), "wrong_type:temperature"),
        (change(temperature="warm"), "wrong_type:temperature"),
        (change(temperature=[1]), "wrong_type:temperature"),
        (change(deviceId=7), "wrong_type:device_id"),
        (change(timestamp=False), "wrong_type:timestamp"),
        (change(temperature=b"1e999"), "not_finite:temperature"),
        (change(temperature="-Infinity"), "not_finite:temperature"),
        (change(temperature="nan"), "not_finite:temperature"),
        (change(temperature=b"9" * 400), "not_finite:temperature"),
        (change(deviceId=b'"\\ud800"'), "bad_string:device_id"),
        (change(timestamp="yesterday"), "bad_time:timestamp"),
        (change(deviceId="x" * 257), "too_long:device_id"),
        (change(deviceId="ü" * 256), "ok"),
        (change(deviceId=b'"\\ud83d\\ude00"'), "ok"),
        (GOOD[:-1] + b',"x":"\\ud800","y":1e999,"z":' + b"9" * 5000 + b"}", "ok"),
        (GOOD[:-1] + b',"temperature":"no"}', "wrong_type:temperature"),
        (b'{"temperature":"no",' + GOOD[1:], "ok"),
        (change(temperature="no", humidity=b"null"), "wrong_type:temperature"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_reasons_of_items(payload, expected):
    assert outcome(payload) == expected


@pytest.mark.parametrize("text", ["1", "-1", "+1", "5.", ".5", "-.5", "1e3", "1E-3", "0.10", "-0", "5.e1"])
def test_numeric_strings(text):
    decoded = iotstream.decode([change(temperature=text)], FLAT)
    assert decoded.data["temperature"].to_pylist() == [float(text)]


@pytest.mark.parametrize("text", [" 1", "1 ", "1_000", "0x1", "01", "", ".", "e1", "1e", "++1", "\u0661"])
def test_other_strings_are_no_numbers(text):
    assert outcome(change(temperature=text)) == "wrong_type:temperature"


INT = 'name = "n"\ntype = "int32"\nrole = "measure"'


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int32", "3.0", 3),
        ("int32", "1e3", 1000),
        ("int32", '"12"', 12),
        ("int32", "-0.0", 0),
        ("int32", "3.7", "wrong_type"),
        ("int32", "true", "wrong_type"),
        ("int32", "2147483647", 2147483647),
        ("int32", "2147483648", "out_of_bounds"),
        ("int32", "1e99", "out_of_bounds"),
        ("int64", "9223372036854775807", 2**63 - 1),
        ("int64", "9223372036854775808", "out_of_bounds"),
        ("int64", "9223372036854775808.0", "out_of_bounds"),
        ("int64", "9" * 5000, "out_of_bounds"),
        ("int64", "1e999", "not_finite"),
        ("float32", "0.1", 0.10000000149011612),
        ("float32", "1e39", "out_of_bounds"),
        ("bool", "true", True),
        ("bool", "1", "wrong_type"),
        ("bool", '"true"', "wrong_type"),
    ],
)
def test_types(kind, value, expected):
    one = schema(f'name = "n"\ntype = "{kind}"\nrole = "measure"')
    decoded = iotstream.decode([f'{{"t":0,"n":{value}}}'.encode()], one)
    found = [str(reject.reason) for reject in decoded.rejects] + decoded.data["n"].to_pylist()
    assert found == [expected]
    assert type(found[0]) is type(expected)


@pytest.mark.parametrize(
    ("rules", "value", "expected"),
    [
        ("min = -40\nmax = 85", "-40", "ok"),
        ("min = -40\nmax = 85", "85.5", "out_of_bounds:x"),
        ("min = -40\nmax = 85", "-41", "out_of_bounds:x"),
        ("lenient = false", '"1"', "wrong_type:x"),
        ("required = false", "null", "ok"),
        ("required = false", "[]", "wrong_type:x"),
        ("default = 5", "null", "ok"),
    ],
)
def test_rules(rules, value, expected):
    one = schema(f'name = "x"\ntype = "float64"\nrole = "measure"\n{rules}')
    assert outcome(f'{{"t":0,"x":{value}}}'.encode(), one) == expected


def test_patterns_are_searched():
    one = schema('name = "x"\ntype = "string"\nrole = "dimension"\npattern = "^d[0-9]+"')
    assert [outcome(f'{{"t":0,"x":"{text}"}}'.encode(), one) for text in ("d1-rest", "x-d1")] == [
        "ok",
        "pattern:x",
    ]


def test_defaults_and_nulls():
    one = schema(
        'name = "a"\ntype = "int64"\nrole = "measure"\ndefault = 7',
        'name = "b"\ntype = "string"\nrole = "measure"\nrequired = false',
    )
    decoded = iotstream.decode([b'{"t":0}', b'{"t":0,"a":null,"b":null}', b'{"t":0,"a":1,"b":"x"}'], one)
    assert decoded.data.select(["a", "b"]).to_pylist() == [
        {"a": 7, "b": None},
        {"a": 7, "b": None},
        {"a": 1, "b": "x"},
    ]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"t":0,"a":{"b.c":{"d":1}}}', "ok"),
        ('{"t":0,"a":{"b.c":{"d":1}},"a":{}}', "missing:x"),
        ('{"t":0,"a":{},"a":{"b.c":{"d":1}}}', "ok"),
        ('{"t":0}', "missing:x"),
        ('{"t":0,"a":null}', "null:x"),
        ('{"t":0,"a":{"b.c":3}}', "wrong_type:x"),
        ('{"t":0,"a":[]}', "wrong_type:x"),
    ],
)
def test_paths(payload, expected):
    one = schema('name = "x"\nsource = ["a", "b.c", "d"]\ntype = "float64"\nrole = "measure"')
    assert outcome(payload.encode(), one) == expected


def test_optional_parents():
    one = schema('name = "x"\nsource = "a.b"\ntype = "float64"\nrole = "measure"\nrequired = false')
    decoded = iotstream.decode(
        [b'{"t":0}', b'{"t":0,"a":null}', b'{"t":0,"a":{}}', b'{"t":0,"a":{"b":1}}'], one
    )
    assert decoded.data["x"].to_pylist() == [None, None, None, 1.0]


@pytest.mark.parametrize(
    ("limits", "payload", "expected"),
    [
        (f"max_record_bytes = {len(GOOD)}", GOOD, "ok"),
        (f"max_record_bytes = {len(GOOD)}", GOOD + b" ", "too_large"),
        ("max_inflated_bytes = 1000", gzip.compress(GOOD + b" " * 2000, mtime=0), "too_many"),
        ("max_inflated_bytes = 1000", zstd(GOOD + b" " * 2000), "too_many"),
        (f"max_inflated_bytes = {len(GOOD)}", gzip.compress(GOOD, mtime=0), "ok"),
        ("max_items = 3", b"\n".join([GOOD] * 3), "ok ok ok"),
        ("max_items = 3", b"\n".join([GOOD] * 4), "too_many"),
        ("max_items = 3", b"[" + b",".join([b"1"] * 4) + b"]", "too_many"),
        ("max_depth = 3", GOOD[:-1] + b',"x":[[]]}', "ok"),
        ("max_depth = 3", GOOD[:-1] + b',"x":[[[]]]}', "too_deep"),
        ("max_depth = 3", GOOD[:-1] + b',"x":"[[[[[["}', "ok"),
        ("max_depth = 3", b"[" + GOOD[:-1] + b',"x":[{}]}]', "too_deep"),
        ("max_depth = 3", GOOD[:-1] + b',"x":[[[]]]}\n' + GOOD, "ok too_deep"),
        ("max_depth = 3", b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        ("max_depth = 3", b"[" * 100_000, "not_json"),
        ("max_depth = 3", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_limits(limits, payload, expected):
    fields = "".join(
        f'[[field]]\nname = "{name}"\nsource = "{source}"\ntype = "{kind}"\nrole = "{role}"\n'
        for name, source, kind, role in [
            ("time", "timestamp", "timestamp", "time"),
            ("temperature", "temperature", "float64", "measure"),
        ]
    )
    assert outcome(payload, iotstream.Schema.parse(f'name = "s"\n[limits]\n{limits}\n{fields}')) == expected


def test_time_bounds_are_of_the_arrival_and_included():
    week, quarter = 7 * 86_400_000, 15 * 60_000
    arrivals = [TIME_MS, TIME_MS + week, TIME_MS + week + 1, TIME_MS - quarter, TIME_MS - quarter - 1]
    decoded = iotstream.decode(raw_batch([GOOD] * 5, arrival_ms=arrivals), FLAT)
    assert decoded.record.to_pylist() == [0, 1, 3]
    assert [(one.record, one.reason, one.field) for one in decoded.rejects] == [
        (2, "time_out_of_bounds", "timestamp"),
        (4, "time_out_of_bounds", "timestamp"),
    ]
    assert outcome(change(timestamp="0001-01-01T00:00:00Z")) == "ok"  # the arrival is not known


def test_extra_fields_are_counted_on_a_sample():
    one = schema('name = "x"\nsource = "a.x"\ntype = "float64"\nrole = "measure"')
    payloads = [b'{"t":0,"a":{"x":1,"y":2},"z":{"deep":1}}'] * 250
    assert iotstream.decode(payloads, one).extra_fields == {"a.y": 3, "z": 3}


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def aggregate(*users, digest=None):
    records = b"".join(field(3, b"\x08\x00" + field(3, user)) for user in users)
    message = field(1, b"partition key") + records
    return KPL_MAGIC + message + (digest or hashlib.md5(message).digest())


def test_aggregated_records():
    packed = gzip.compress(GOOD + b"\n" + GOOD, mtime=0)
    payload = aggregate(GOOD, b"bad", packed, b"")
    decoded = iotstream.decode([GOOD, payload, GOOD], FLAT)
    assert list(zip(decoded.record.to_pylist(), decoded.item.to_pylist(), strict=True)) == [
        (0, 0), (1, 0), (1, 2), (1, 3), (2, 0),
    ]  # fmt: skip
    assert [(one.record, one.item, one.reason) for one in decoded.rejects] == [
        (1, 1, "not_json"),
        (1, 4, "empty"),
    ]


def test_aggregated_records_of_a_shard_have_positions_of_their_own():
    decoded = iotstream.decode(
        raw_batch([GOOD, aggregate(GOOD, b"bad")], arrival_ms=[TIME_MS, TIME_MS + 5]), FLAT
    )
    assert decoded.record.to_pylist() == [0, 1]
    assert [one.record for one in decoded.rejects] == [2]
    raw = decoded.raw
    assert [str(raw.position(n)) for n in range(3)] == [
        str(FIRST_SEQUENCE_NUMBER),
        str(FIRST_SEQUENCE_NUMBER + 1),
        f"{FIRST_SEQUENCE_NUMBER + 1}.1",
    ]
    assert raw.arrival_ms.to_pylist() == [TIME_MS, TIME_MS + 5, TIME_MS + 5]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (aggregate(GOOD, digest=b"x" * 16), "not_utf8"),
        (aggregate(), "empty"),
        (aggregate(b""), "empty"),
        (KPL_MAGIC, "not_utf8"),
        (KPL_MAGIC + b"\x00" + hashlib.md5(b"\x00").digest(), "not_utf8"),
        (aggregate(aggregate(GOOD)), "not_utf8"),
    ],
    ids=["checksum", "none", "empty", "magic", "no protobuf", "nested"],
)
def test_odd_aggregates_are_not_lost(payload, expected):
    assert outcome(payload).split()[0] == expected


def test_chunk_borders():
    payloads = [change(temperature=number) if number % 1000 else b"bad" for number in range(25_001)]
    decoded = iotstream.decode(payloads, FLAT)
    numbers = [number for number in range(25_001) if number % 1000]
    assert decoded.record.to_pylist() == numbers
    assert decoded.data["temperature"].to_pylist() == numbers
    assert [one.record for one in decoded.rejects] == list(range(0, 25_001, 1000))
