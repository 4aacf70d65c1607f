"""Rules where both ways could be wrong together: reasons' order, borders, depth, bare values, numbers."""

import gzip
import json
import math
import sys

import agreement
import mutations
import pytest
from mutations import parse

import iotstream
from iotstream.testing import raw_batch

pytestmark = pytest.mark.usefixtures("decoder")
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"test-001","temperature":23.5,"humidity":65}'
FLAT = iotstream.Schema.load()
OFF = 'max_age = "off"\nmax_ahead = "off"\n'


def small(*fields, limits=""):
    return parse(("t", "timestamp", "time", ""), *fields, limits=OFF + limits)


X = small(("x", "float64", "measure", "required = false"))


def outcome(payload, schema=FLAT):
    """`ok` for a row, else reason and field: by item, after both ways have agreed."""
    decoded = agreement.check([payload], schema)
    found = dict.fromkeys(decoded.item.to_pylist(), "ok")
    found |= {one.item: f"{one.reason}:{one.field}".rstrip(":") for one in decoded.rejects}
    return " ".join(found[number] for number in sorted(found))


# --- The order of reasons ------------------------------------------------------------------------

LIMITED = small(
    ("x", "float64", "measure", "required = false"),
    limits="max_record_bytes = 60\nmax_inflated_bytes = 200\nmax_items = 3\nmax_depth = 3",
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b" " * 61, "empty"),
        (b"\xef\xbb\xbf" + b"\n" * 61, "empty"),
        (b"\x1f\x8b" + b"x" * 60, "too_large"),
        (b"\xff" * 61, "too_large"),
        (gzip.compress(b"\xff" * 201, mtime=0), "too_many"),
        (gzip.compress(b"\xff" * 200, mtime=0), "not_utf8"),
        (b"1 1 1 1", "too_many"),
        (b"1 1 1", "not_object not_object not_object"),
        (b"[1,2,3,4]", "too_many"),
        (b"[1,2] [3,4]", "too_many"),
        (b"1 1 1 x", "too_many"),
        (b"[] [] {", "not_json"),
        (b"\xff x", "not_utf8"),
        (b"[[[[", "not_json"),
        (b"[[[[]]]]", "too_deep"),
        (b"[[[[1,2,3,4]]]]", "too_deep"),
    ],
    ids=repr,
)
def test_the_first_reason_of_a_record(payload, expected):
    assert outcome(payload, LIMITED) == expected


FIELDS = parse(
    ("a", "int32", "measure", "min = 0"),
    ("t", "timestamp", "time", ""),
    ("s", "string", "dimension", 'max_length = 2\npattern = "^x"'),
)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"t": 1, "s": 2}, "missing:a"),
        ({"a": None, "s": 2}, "null:a"),
        ({"a": "y", "t": "y", "s": "y"}, "wrong_type:a"),
        ({"a": -1, "t": "y", "s": "yyy"}, "out_of_bounds:a"),
        ({"a": 0, "t": "y", "s": "yyy"}, "bad_time:t"),
        ({"a": 0, "t": "\ud800", "s": "yyy"}, "bad_string:t"),
        ({"a": "\ud800", "t": 1, "s": "x"}, "wrong_type:a"),
        ({"a": 0, "t": 1, "s": "\ud800yy"}, "bad_string:s"),
        ({"a": 0, "t": 1, "s": "yyy"}, "too_long:s"),
        ({"a": 0, "t": 1, "s": "yy"}, "pattern:s"),
        ({"a": 0, "t": 1, "s": "xx"}, "ok"),
    ],
    ids=repr,
)
def test_the_first_faulty_field_and_its_first_reason(item, expected):
    assert outcome(json.dumps(item).encode(), FIELDS) == expected


def test_a_time_out_of_bounds_comes_in_the_order_of_its_field():
    payloads = [b'{"a":0,"t":0,"s":"y"}', b'{"a":-1,"t":0,"s":"x"}']
    rejects = agreement.check(payloads, FIELDS, [10**12] * 2).rejects
    assert [(one.reason, one.field) for one in rejects] == [
        ("time_out_of_bounds", "t"),
        ("out_of_bounds", "a"),
    ]


# --- Broken texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'1","temperature":23.5}\n' + GOOD, "not_json ok"),
        (b'5,"humidity":65}\n' + GOOD, "not_json ok"),
        (b'","humidity":65}\n' + GOOD, "not_json ok"),
        (b'null,"humidity":65}', "not_json"),
        (b"truefalse", "not_json"),
        (b"01", "not_json"),
        (b"1" + GOOD, "not_json"),
        (b'"a"' + GOOD, "not_json"),
        (b"1\n" + GOOD, "not_object ok"),
        (b"1 " + GOOD, "not_object ok"),
        (b"1 2 3", "not_object not_object not_object"),
        (GOOD + b"1", "ok not_object"),
        (GOOD + b",\n" + GOOD, "ok not_json ok"),
        (GOOD + b"]\n" + GOOD, "ok not_json ok"),
        (b"[" + GOOD + b"\n" + GOOD, "not_json ok"),
        (b"{\n" + GOOD + b"\n}\n" + GOOD, "not_json ok not_json ok"),
        (b'{"a":\n' + GOOD + b"\n}", "missing:timestamp"),
        (GOOD[:40] + b"\r\n" + GOOD + b"\r\n", "not_json ok"),
        (b"\n\n" + GOOD + b"\n{\n\n" + GOOD + b"\n\n", "ok not_json ok"),
        (b"[]\n" + GOOD + b"\nx", "ok not_json"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, "not_json"),
        (b"\x0c" + GOOD, "not_json"),
        (b"\xc2\xa0" + GOOD, "not_json"),
        (b'[1,true,null,"a",[],{}]', " ".join(["not_object"] * 5) + " missing:timestamp"),
        (b"[NaN," + GOOD + b"]", "not_json"),
        (b"\n".join([GOOD] * 9 + [GOOD[:-1]] + [GOOD] * 9), " ".join(["ok"] * 9 + ["not_json"] + ["ok"] * 9)),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_what_a_broken_text_costs(payload, expected):
    assert outcome(payload) == expected


def test_a_reject_keeps_its_own_bytes():
    bad = GOOD.replace(b"23.5", b'"warm"')
    cold = GOOD.replace(b"23.5", b"[]")
    cases = {
        bad: [bad],
        b" " + bad + b"\n": [b" " + bad + b"\n"],
        b"[ " + bad + b" ]": [b"[ " + bad + b" ]"],
        b"[ " + bad + b" , " + cold + b"]": [bad, cold],
        bad + b"\r\n" + GOOD + b"\n  " + cold + b"  \n": [bad, cold],
        bad + b"\n{broken\n" + cold: [bad, b"{broken", cold],
        gzip.compress(bad, mtime=0): [gzip.compress(bad, mtime=0)],
        gzip.compress(bad + cold, mtime=0): [bad, cold],
    }
    for payload, expected in cases.items():
        assert [one.payload for one in agreement.check([payload], FLAT).rejects] == expected


def test_duplicate_keys():
    schema = small(("x", "float64", "measure", 'source = "a.x"'))
    cases = {
        '{"t":1,"a":{"x":1},"a":{"x":2}}': 2.0,
        '{"t":1,"a":{"x":1,"x":3}}': 3.0,
        '{"t":1,"a":5,"a":{"x":"no","x":4}}': 4.0,
        '{"t":"bad","t":1,"\\u0061":{"x":6}}': 6.0,
    }
    for text, expected in cases.items():
        assert agreement.check([text.encode()], schema).data["x"].to_pylist() == [expected]
    assert outcome(b'{"t":1,"a":{"x":1},"a":{"y":2}}', schema) == "missing:x"
    assert outcome(b'{"t":1,"a":{"x":1},"a":null}', schema) == "null:x"
    assert outcome(b'{"t":1,"a":{"x":1},"a":[]}', schema) == "wrong_type:x"


# --- Depth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["arrays", "objects"])
@pytest.mark.parametrize("most", [1, 2, 64, 256])
def test_the_border_of_depth(kind, most):
    schema = small(limits=f"max_depth = {most}")

    def inner(depth):
        return "[" * depth + "]" * depth if kind == "arrays" else '{"a":' * depth + "1" + "}" * depth

    good = f'{{"t":1,"x":{inner(most - 1) if most > 1 else 1}}}'
    deep = f'{{"t":1,"x":{inner(most)}}}'
    assert outcome(good.encode(), schema) == "ok"
    assert outcome(deep.encode(), schema) == "too_deep"
    assert outcome(f"{good}\n{deep}\n{good}".encode(), schema) == "ok too_deep ok"
    assert outcome(f"[{good}]".encode(), schema) == "too_deep"
    assert outcome(f'{{"t":1,"x":"{"{[" * 300}"}}'.encode(), schema) == "ok"


def test_the_wrapping_array_counts_and_its_other_elements_do_not_hide_a_deep_one():
    schema = small(limits="max_depth = 4")
    for deep, expected in (("[[[1]]]", " ".join(["not_object"] * 41)), ("[[[[1]]]]", "too_deep")):
        assert outcome(f"[{'1,' * 40}{deep}]".encode(), schema) == expected
        assert outcome(f"[{'{},' * 40}{deep}]".encode(), schema).split()[-1] == expected.split()[-1]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"t":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"t":1,"x":' + b"[" * 100_000 + b"]" * 99_999 + b"}", "not_json"),
        (b'{"t":1,"x":' + b'{"a":' * 100_000, "not_json"),
        (b'{"t":1,"x":' + b"[" * 100_000 + b"}\n" + b'{"t":1}', "not_json ok"),
        (b"[" * 100_000 + b"]" * 100_000 + b'\n{"t":1}', "too_deep ok"),
        (b'{"t":1}\n' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "ok too_deep"),
        (b"x\n" + b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "not_json too_deep"),
        (b"x\n" + b'{"a":' * 50_000 + b"1" + b"}" * 49_999 + b" }x\n" + b'{"t":1}', "not_json ok"),
        (b'{"t":1,"x":"' + b"[" * 100_000 + b'"}', "ok"),
        (b'{"t":1,"x":[' + b"{}," * 100_000 + b"1]}", "ok"),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, bytes) else value,
)
def test_any_depth_without_a_crash(payload, expected):
    schema = small(limits="max_record_bytes = 2000000")
    decoded = iotstream.decode([payload], schema)
    found = dict.fromkeys(decoded.item.to_pylist(), "ok") | {one.item: one.reason for one in decoded.rejects}
    assert " ".join(found[number] for number in sorted(found)) == expected


def test_a_full_stack_is_not_the_records_fault():
    payload = b'{"t":1,"x":' + b"[" * 60 + b"]" * 60 + b"}"

    def down(levels):
        return down(levels - 1) if levels else [one.reason for one in iotstream.decode([payload], X).rejects]

    answers = []
    for room in range(30, 300, 15):
        try:
            answers.append(down(sys.getrecursionlimit() - room))
        except RecursionError:
            answers.append("raised")
    # 0.0 is no value for a list: x is at fault, and nothing else may be said of it.
    assert [one for one in answers if one != "raised"] == [["wrong_type"]] * (
        len(answers) - answers.count("raised")
    )


# --- Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["-0", "-0.0", "-0e5", '"-0"', '"-.0"', "-1e-999"])
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_minus_zero_is_zero(kind, text):
    schema = small(("x", kind, "measure", "min = 0"))
    (value,) = agreement.check([f'{{"t":1,"x":{text}}}'.encode()], schema).data["x"].to_pylist()
    assert math.copysign(1, value) == 1


@pytest.mark.parametrize("digits", [1, 18, 19, 20, 25, 308, 309, 400, 401, 4300, 4301, 20_000])
def test_numbers_of_any_length(digits):
    schema = small(
        ("f", "float64", "measure", "required = false"), ("i", "int64", "measure", "required = false")
    )
    number = b"9" * digits
    for unused in (number, b"-" + number, number + b".5", number + b"e-9", b"[" + number + b"]"):
        assert outcome(b'{"t":1,"x":' + unused + b"}", schema) == "ok"
    assert outcome(b'{"t":1,"f":' + number + b"}", schema) == ("ok" if digits < 309 else "not_finite:f")
    assert outcome(b'{"t":1,"f":"-' + number + b'"}', schema) == ("ok" if digits < 309 else "not_finite:f")
    assert outcome(b'{"t":1,"i":' + number + b"}", schema) == ("ok" if digits < 19 else "out_of_bounds:i")
    assert outcome(b'{"t":' + number + b"}", schema) == ("ok" if digits <= 20 else "bad_time:t")


@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", "nan", "inf", "1e", "0x1", "1_0", "+1", ".5", "5."]
)
@pytest.mark.parametrize("place", ['{{"t":1,"x":{}}}', '{{"t":1,"y":[{}]}}', '{{"t":1}}{}', '[{{"t":1}},{}]'])
def test_what_is_no_json_is_none_anywhere(literal, place):
    assert outcome(place.format(literal).encode(), X).split()[-1] == "not_json"


def test_integers_keep_every_digit():
    schema = small(("i", "int64", "measure", "min = -9223372036854775807"))
    numbers = [2**53 + 1, 2**63 - 1, -(2**63) + 1, 9_007_199_254_740_995]
    payloads = [f'{{"t":1,"i":{number}}}'.encode() for number in numbers]
    assert agreement.check(payloads, schema).data["i"].to_pylist() == numbers
    assert outcome(b'{"t":1,"i":-9223372036854775808}', schema) == "out_of_bounds:i"
    assert outcome(b'{"t":1,"i":9223372036854775807.0}', schema) == "out_of_bounds:i"  # 2**63 as a float


def test_bounds_beyond_an_int64():
    schema = small(("x", "float64", "measure", f"max = {10**18}\nmin = -9_223_372_036_854_775_808"))
    assert outcome(b'{"t":1,"x":1e18}', schema) == "ok"
    assert outcome(b'{"t":1,"x":1.1e18}', schema) == "out_of_bounds:x"


def test_float32_bounds_are_of_the_column():
    schema = small(("x", "float32", "measure", "min = 0.1\nmax = 0.3"))
    values = ["0.1", "0.3", "0.2", "0.10000000001", "0.0999", "0.3001"]
    assert [outcome(f'{{"t":1,"x":{one}}}'.encode(), schema) for one in values] == [
        "ok", "ok", "ok", "ok", "out_of_bounds:x", "out_of_bounds:x",
    ]  # fmt: skip


def test_fields_that_share_a_source():
    schema = mutations.SHARED
    cases = {
        "5": {"x": 5.0, "y": 5},
        '"7"': {"x": 7.0, "y": 7},
        "9007199254740993": {"x": 9007199254740992.0, "y": 9007199254740993},
    }
    for text, expected in cases.items():
        (row,) = (
            agreement.check([f'{{"t":1,"v":{text}}}'.encode()], schema).data.select(["x", "y"]).to_pylist()
        )
        assert row == expected
    assert outcome(b'{"t":1,"w":true}', schema) == "wrong_type:c"
    assert outcome(b'{"t":1,"w":1}', schema) == "wrong_type:b"
    assert outcome(b'{"t":1,"w":null}', schema) == "ok"


# --- Times, arrivals, drift ----------------------------------------------------------------------


def test_times_that_may_be_absent():
    schema = small(("seen", "timestamp", "measure", "required = false"))
    values = ["null", "0", '"1970-01-01T00:00:01Z"', '"never"', "null", "1500", '"1970-01-01"', "2.5"] * 3
    payloads = [f'{{"t":1,"seen":{one}}}'.encode() for one in values] + [b'{"t":1}']
    decoded = agreement.check(payloads, schema)
    assert decoded.data["seen"].cast("int64").to_pylist() == [None, 0, 1000, None, 1_500_000, 2500] * 3 + [
        None
    ]


@pytest.mark.parametrize(
    "odd", ["yesterday", "2024-12-19T10:30Z", "9999-12-31T23:59:59-01:00", "2024_12-19T10:30:00Z"]
)
def test_one_odd_time_among_many(odd):
    payloads = [GOOD.replace(b"10:30:00", f"10:30:{second % 60:02}".encode()) for second in range(300)]
    payloads[150] = payloads[150].replace(b"2024-12-19T10:30:30Z", odd.encode())
    decoded = agreement.check(payloads, FLAT)
    assert [(one.record, one.reason) for one in decoded.rejects] == [(150, "bad_time")]


def test_unknown_arrivals_bound_nothing():
    arrival = [1_734_604_200_000, None, 0, None]
    decoded = agreement.check([GOOD] * 4, FLAT, arrival)
    assert decoded.record.to_pylist() == [0, 1, 3]
    decoded = agreement.check([GOOD + b"\n" + GOOD] * 4, FLAT, arrival)
    assert decoded.record.to_pylist() == [0, 0, 1, 1, 3, 3]


def test_a_replay_of_any_part_decides_the_same():
    payloads = [GOOD, b"[" + GOOD + b"," + GOOD + b"]", b"x", GOOD] * 20
    raw = raw_batch(payloads, arrival_ms=[1_734_604_200_000 + index * 20_000_000 for index in range(80)])
    whole = iotstream.decode(raw, FLAT)
    assert whole.rejects.by_reason()["time_out_of_bounds"] > 0
    part = iotstream.decode(raw.slice(23, 61), FLAT)
    at = [row for row in agreement.rows_of(whole) if 23 <= row[0] < 61]
    assert [(record + 23, item, row) for record, item, row in agreement.rows_of(part)] == at


def test_drift_is_seen_in_packed_records_too():
    line = GOOD[:-1] + b',"firmware":"2.1","a":{"b":1}}'
    forms = [
        line,
        b"[" + line + b"," + line + b"]",
        line + b"\n" + line,
        gzip.compress(line + line, mtime=0),
        b" " + line,
    ]
    for payload in forms:
        items = 2 if payload.count(line) == 2 or payload[:1] == b"\x1f" else 1
        assert iotstream.decode([payload] * 101, FLAT).extra_fields == {"firmware": 2 * items, "a": 2 * items}
    assert iotstream.decode([b"", b"\xff", b"\x1f\x8b", b"null", b"[1,null]"], FLAT).extra_fields == {}


@pytest.mark.parametrize("wrong", ["text", None, 5])
def test_what_is_no_bytes_is_named(wrong):
    with pytest.raises(TypeError, match=rf"payloads\[1\] is of type {type(wrong).__name__}: bytes expected"):
        iotstream.decode([GOOD, wrong, GOOD], FLAT)
