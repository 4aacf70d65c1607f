"""The kernel's decoder by itself: it decides as the reference does, and it decides all that is usual."""

import gzip
import itertools
import json
import random
import threading
import zlib
from array import array

import chunks
import mutations
import pyarrow as pa
import pytest
import strategies
from chunks import check, decoder
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import zstd

import iotstream

FLAT = iotstream.Schema.load()
SENSORS = strategies.NESTED
ARRIVAL_MS = mutations.ARRIVAL_MS

ITEM = {"timestamp": "2024-12-19T10:30:00.5Z", "deviceId": "test-001", "temperature": 23.5, "humidity": 65}
ROW = json.dumps(ITEM).encode()
BATCHES = 1500


def text(**changes):
    """The item with these keys set, None for null, ... to leave one out."""
    return json.dumps({key: value for key, value in {**ITEM, **changes}.items() if value is not ...}).encode()


def raw(key, literal):
    """The item with that text for the key's value."""
    return json.dumps({**ITEM, key: "?"}).encode().replace(b'"?"', literal.encode("utf-8", "surrogatepass"))


# --- One answer ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", strategies.SCHEMAS)
@settings(max_examples=200)
@given(data=st.data())
def test_it_answers_as_the_reference_does(name, data):
    payloads = data.draw(st.lists(strategies.payload(name), max_size=8))
    known = st.sampled_from(
        [None, ARRIVAL_MS, ARRIVAL_MS + 10**9, ARRIVAL_MS - 10**7, 2**63 - 1, -(2**63) + 1]
    )
    times = st.lists(known, min_size=len(payloads), max_size=len(payloads))
    check(strategies.SCHEMAS[name], payloads, data.draw(st.none() | times))


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", chunks.SCHEMAS)
def test_mutated_payloads(name):
    r = mutations.seeded(name)
    decided = 0
    for _ in range(BATCHES // 10 if name == "wide" else BATCHES // 2):
        payloads, arrival_ms = mutations.batch(chunks.SCHEMAS[name], r)
        decided += len(payloads) - len(check(chunks.SCHEMAS[name], payloads, arrival_ms))
    assert decided > BATCHES // 4


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", chunks.SCHEMAS)
def test_a_long_batch_in_which_it_has_learnt_much(name):
    schema, r = chunks.SCHEMAS[name], mutations.seeded(name)
    payloads = [mutations.payload(schema, r) for _ in range(80 if name == "wide" else 400)]
    check(schema, payloads, [r.choice([None, ARRIVAL_MS, ARRIVAL_MS + 10**7]) for _ in payloads])
    undecided = chunks.decoder(schema).decode(payloads * 2).undecided
    alone = [index for index, one in enumerate(payloads) if chunks.decoder(schema).decode([one]).undecided]
    assert undecided == alone + [index + len(payloads) for index in alone]


@pytest.mark.usefixtures("kernel")
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes(payloads):
    check(FLAT, payloads)


# --- What it decides by itself ---------------------------------------------------------------------


@pytest.mark.usefixtures("kernel")
def test_keys_in_every_order():
    orders = [dict(order) for order in itertools.permutations(ITEM.items())]
    indents = [None, None, 1, 4]
    payloads = [json.dumps(one, indent=indent).encode() for one in orders for indent in indents]
    random.Random(1).shuffle(payloads)
    assert check(FLAT, payloads) == []
    assert decoder(FLAT).decode(payloads).record is None


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    "payload",
    [
        ROW.replace(b"{", b'{"extra":{"a":[1,{"b":null}],"c":"\\u00fc"},'),
        ROW.replace(b"deviceId", b"device\\u0049d"),
        ROW.replace(b'"humidity"', b'"' + b"x" * 200 + b'": "' + b"y" * 200 + b'", "humidity"'),
        ROW.replace(b'":', b'"\t:\r\n ').replace(b",", b" ,"),
        b"\xef\xbb\xbf" + ROW,
        b" \n" + ROW + b"\n\n",
        text(deviceId='\u00fc\U0001f600\x00\\"\n' * 20),
        text(temperature="1.5e1", humidity="+.5"),
        text(temperature=1e-7, humidity=-0.0),
        text(timestamp=1734604200),
        text(timestamp=1734604200122.5),
        text(timestamp="2024-12-19 10:30:00+01:00"),
        raw("temperature", "0.30000000000000004"),
        raw("temperature", "123456789012345678901234567890.5"),
        raw("temperature", "9" * 300),
        ROW[:-1] + b',"humidity":1,"humidity":2}',
    ],
)  # fmt: skip
def test_a_row_in_another_dress(payload):
    assert check(FLAT, [payload, ROW, payload]) == []
    assert decoder(FLAT).decode([payload]).rows == 1


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress, zstd])
def test_records_of_many_items(pack):
    good, bad = [text(temperature=index) for index in range(50)], text(humidity=None)
    texts = [
        b"\n".join(good),
        b"\r\n\n".join([*good, bad]) + b"\n",
        b"".join([bad, *good]),
        b"[" + b",".join(good) + b"]",
        b" [ " + b" , ".join([*good, bad, b"7", b'"x"', b"null", b"[[]]"]) + b" ] ",
        b"[" + b",".join(good) + b"][]\n" + bad + b"[" + bad + b"] 5 ",
    ]
    assert check(FLAT, list(map(pack, texts)), [ARRIVAL_MS] * len(texts)) == []


@pytest.mark.usefixtures("kernel")
def test_broken_lines_cost_one_reject_each():
    broken = [
        ROW[:-5],
        ROW[:40] + ROW,
        b"}",
        b"NaN",
        ROW.replace(b":", b"", 1),
        b"[" + ROW,
        b'{"a":\n',
        b"\xc3\xbc",
    ]
    for count in (1, 2, 7):
        lines = list(itertools.chain.from_iterable((*[ROW] * count, one) for one in broken))
        assert check(FLAT, [b"\n".join(lines), b"\n".join([*lines, ROW]), b" \r\n".join(broken)]) == []


REJECTS = {
    "empty": [b"", b" \r\n\t", b"\xef\xbb\xbf", b"[]", b"[ ]\n[]", b" " * 2_000_000],
    "too_large": [b"x" * 1_048_577, ROW + b" " * 1_048_576],
    "not_utf8": [
        b"\xff", ROW + b"\xff", raw("deviceId", '"\udc80"'), b"\xed\xa0\x80{}", ROW[:20] + b"\xc3" + ROW[20:],
    ],
    "not_json": [
        b"{", ROW[:-1], ROW[:-1] + b",}", b"nope", b"{'a':1}", b"\x00", b"\xef\xbb\xbf" * 2,
        raw("temperature", "01"), raw("temperature", "NaN"), raw("humidity", "1."), raw("deviceId", '"\\x"'),
        raw("deviceId", '"a\tb"'), raw("deviceId", '"\\u12g4"'), ROW.replace(b'"', b"", 1),
        ROW.replace(b",", b"", 1), ROW.replace(b",", b",,", 1), b"[" + ROW, b"[1,]", b'"a"b',
    ],
    "not_object": [b"1", b'"text"', b"true", b" null ", b"[7]", b"[[]]"],
    "missing": [b"{}", text(humidity=...), text(timestamp=...)],
    "null": [text(humidity=None), text(timestamp=None), raw("deviceId", " null")],
    "wrong_type": [
        text(humidity=True), text(humidity="x"), text(deviceId=1), text(timestamp=[1]),
        text(temperature={"x": [None]}),
    ],
    "not_finite": [
        raw("humidity", "1e999"), raw("humidity", "-" + "9" * 400), text(humidity="-Infinity"),
        raw("timestamp", "1e400"),
    ],
    "bad_string": [raw("deviceId", '"\\ud800"'), raw("timestamp", '"\\udc00"')],
    "bad_time": [
        text(timestamp="yesterday"), text(timestamp="2023-02-29T00:00:00Z"),
        text(timestamp="2024-12-19T10:30:00+24"), text(timestamp=1e300), text(timestamp=-62135596801),
    ],
    "too_long": [text(deviceId="x" * 257), text(deviceId="\u00fc" * 257)],
    "time_out_of_bounds": [text(timestamp=1734604200 - 8 * 86_400), text(timestamp=1734604200 + 1000)],
}  # fmt: skip


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("reason", REJECTS)
def test_the_usual_faults(reason):
    payloads = REJECTS[reason]
    assert check(FLAT, payloads, [ARRIVAL_MS] * len(payloads)) == []
    assert decoder(FLAT).decode(payloads, array("q", [ARRIVAL_MS] * len(payloads))).reject_reason == [
        reason
    ] * len(payloads)


@pytest.mark.usefixtures("kernel")
def test_numbers_beyond_their_bounds():
    schema = mutations.SCHEMAS["numbers"]
    good = {"t": ARRIVAL_MS, "i64": 1, "i32": 1, "f64": 1, "f32": 0.1, "strict": 1}
    for key, value in [
        ("i64", 2**63), ("i64", "-9223372036854775809"), ("i64", 1e19),
        ("i32", -6), ("i32", 2_000_000_001), ("i32", 3e9), ("big", -(2**63)),
        ("f64", 9007199254740994), ("f64", -1.1e300), ("f32", 0.10000001), ("f32", 1e39),
    ]:  # fmt: skip
        payload = json.dumps({**good, key: value}).encode()
        assert check(schema, [payload], [ARRIVAL_MS]) == []
        assert decoder(schema).decode([payload]).reject_reason == ["out_of_bounds"], (key, value)


@pytest.mark.usefixtures("kernel")
def test_more_fields_than_bits_in_a_word():
    r = mutations.seeded(1)
    payloads = [mutations.write(mutations.tree(chunks.WIDE, r), r, 0).encode() for _ in range(60)]
    undecided = check(chunks.WIDE, payloads)
    assert len(undecided) < len(payloads) / 4  # some extra values are deeper than the reference goes
    assert decoder(chunks.WIDE).decode(payloads).rows > len(payloads) / 4


# --- What it leaves --------------------------------------------------------------------------------


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        (FLAT, b'{"x":' + b"[" * 64 + b"]" * 64 + b"}"),
        (FLAT, b"[" * 5000),
        (FLAT, b"[" + b",".join([ROW] * 10_001) + b"]"),
        (FLAT, gzip.compress(ROW, mtime=0)[:-1]),
        (FLAT, b"\x1f\x8b"),
        (FLAT, raw("temperature", "0." + "0" * 1500 + "1")),
        (SENSORS, b'{"ts":1734604200,"device_id":"5e:44","data":{"temp":86,"light":true}}'),
    ],
    ids=["deep", "very deep", "many items", "cut", "bare magic", "a very long number", "after a pattern"],
)
def test_what_is_unusual_is_left(schema, payload):
    good = (
        b'{"ts":1734604200,"device_id":"5e:44","data":{"temp":1,"light":true}}' if schema is SENSORS else ROW
    )
    assert check(schema, [good, payload, good]) == [1]


@pytest.mark.usefixtures("kernel")
def test_a_fault_before_a_pattern_is_decided():
    payloads = [
        b'{"ts":null,"device_id":"UPPER"}',
        b'{"ts":1734604200,"device_id":7}',
        b'{"ts":1,"device_id":"123456789"}',
    ]
    assert check(SENSORS, payloads) == []
    assert decoder(SENSORS).decode(payloads).reject_reason == ["null", "wrong_type", "too_long"]


# --- What it is given, and gives -------------------------------------------------------------------


def test_nothing_gives_nothing(kernel):
    for chunk in (decoder(FLAT).decode([]), decoder(FLAT).decode_column(array("i", [0]), b"")):
        assert (chunk.rows, chunk.record, chunk.undecided, chunk.reject_reason) == (0, None, [], [])
        assert [len(one) for one in chunks.arrays(FLAT, chunk)] == [0] * 4
    assert isinstance(chunk, kernel.Chunk)


@pytest.mark.usefixtures("kernel")
def test_memory_is_not_larger_than_it_need_be():
    payloads = [ROW] * 1000
    sizes = [
        sum(len(buffer) for buffer in column if buffer) for column in decoder(FLAT).decode(payloads).columns
    ]
    assert sizes == [8_000, 4_004 + 8_000, 8_000, 8_000]
    assert sum(len(column[1]) for column in decoder(FLAT).decode([b"{}"] * 1000).columns) == 4


@pytest.mark.usefixtures("kernel")
def test_payloads_must_be_bytes():
    for payloads in ([ROW, "text"], (ROW, None), [ROW, bytearray(ROW)]):
        kind = type(payloads[1]).__name__
        with pytest.raises(TypeError, match=rf"payloads\[1\] is of type {kind}: bytes expected"):
            decoder(FLAT).decode(payloads)
    for payloads in (ROW, None, iter([ROW])):
        with pytest.raises(TypeError):
            decoder(FLAT).decode(payloads)


@pytest.mark.usefixtures("kernel")
def test_buffers_must_fit():
    decode, decode_column = decoder(FLAT).decode, decoder(FLAT).decode_column
    for arrivals in (array("q", [1]), array("q", [1, 2, 3]), b"1234567"):
        with pytest.raises(ValueError, match="8 for each of 2 payloads expected"):
            decode([ROW, ROW], arrivals)
    for offsets in ([], [0, 5, 4], [-1, 2], [0, 11], [3, 2], [-(2**31), 0]):
        with pytest.raises(ValueError, match="offsets"):
            decode_column(array("i", offsets), b"0123456789")
    with pytest.raises(ValueError, match="offsets"):
        decode_column(b"\0\0\0\0\0", b"")
    with pytest.raises((TypeError, BufferError)):
        decode_column("text", b"")


def test_an_arrow_column_may_be_a_part_of_another():
    values = pa.array([b"before", ROW, text(temperature=1), b"after"], pa.binary()).slice(1, 2)
    _, offsets, data = values.buffers()
    chunk = decoder(FLAT).decode_column(offsets.slice(4, 12), data, pa.array([ARRIVAL_MS] * 2).buffers()[1])
    assert chunks.arrays(FLAT, chunk)[2].to_pylist() == [23.5, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": []}, "source"),
        ({"source": ["deviceId", "x"]}, "source"),
        ({"type": "decimal"}, "type"),
        ({"encoding": "hours"}, "encoding"),
        ({"min": "x"}, "min"),
        ({"max": ...}, "max is missing"),
    ],
)
def test_a_wrong_field_is_refused(kernel, change, message):
    field = {
        "name": "x", "source": ["x"], "type": "timestamp" if "encoding" in change else "int64", "time": False,
        "encoding": "auto", "optional": True, "nullable": True, "default": None, "lenient": True,
        "min": None, "max": None, "max_length": None, "pattern": False,
    }  # fmt: skip
    limits = vars(iotstream.Limits())
    kernel.Decoder([field, {**field, "source": ["deviceId"]}], limits)
    changed = {key: value for key, value in {**field, **change}.items() if value is not ...}
    with pytest.raises(ValueError, match=message):
        kernel.Decoder([{**field, "source": ["deviceId"]}, changed], limits)
    with pytest.raises(ValueError, match="max_depth is missing"):
        kernel.Decoder([field], {key: value for key, value in limits.items() if key != "max_depth"})


@pytest.mark.usefixtures("kernel")
def test_threads_share_a_decoder():
    lists = [
        [text(temperature=index, deviceId=f"d{thread}") for index in range(2_000)] for thread in range(4)
    ]
    found = {}

    def run(thread):
        for _ in range(20):
            chunk = decoder(FLAT).decode(lists[thread])
            found.setdefault(thread, []).append(
                (
                    chunks.arrays(FLAT, chunk)[1].unique().to_pylist(),
                    chunks.arrays(FLAT, chunk)[2].to_pylist(),
                )
            )

    threads = [threading.Thread(target=run, args=[thread]) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {thread: [([f"d{thread}"], list(map(float, range(2_000))))] * 20 for thread in range(4)}


@pytest.mark.usefixtures("kernel")
def test_a_list_may_change_meanwhile():
    payloads = [text(temperature=index) for index in range(30_000)]
    done = threading.Event()

    def change():
        while not done.is_set():
            payloads[::7] = [b"".join([b"{", b"}"]) for _ in payloads[::7]]
            payloads[::7] = [text(temperature=1) for _ in payloads[::7]]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            chunk = decoder(FLAT).decode(payloads)
            assert chunk.rows + len(chunk.reject_reason) == len(payloads)
    finally:
        done.set()
        thread.join()
