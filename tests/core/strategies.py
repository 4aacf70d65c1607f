"""Payloads of every kind: good ones, and good ones gone wrong."""

import gzip
import json
import zlib

from hypothesis import strategies as st

import iotstream

FLAT = iotstream.Schema.load()

NESTED = iotstream.Schema.parse("""
name = "sensors"
[limits]
max_age = "off"
max_depth = 6
[[field]]
name = "ts"
type = "timestamp"
role = "time"
encoding = "s"
[[field]]
name = "device_id"
type = "string"
role = "dimension"
max_length = 8
pattern = "^[a-z0-9:]*$"
[[field]]
name = "temp"
source = "data.temp"
type = "float64"
role = "measure"
min = -40
max = 85
[[field]]
name = "light"
source = "data.light"
type = "bool"
role = "measure"
[[field]]
name = "count"
source = ["data", "a.b"]
type = "int32"
role = "measure"
required = false
""")

EVERYTHING = iotstream.Schema.parse("""
name = "everything"
[limits]
max_record_bytes = 4000
max_inflated_bytes = 8000
max_items = 9
max_depth = 5
max_ahead = "off"
[[field]]
name = "f32"
type = "float32"
role = "measure"
required = false
[[field]]
name = "i64"
type = "int64"
role = "measure"
default = 7
max = 1000000
[[field]]
name = "strict"
type = "float64"
role = "measure"
lenient = false
required = false
[[field]]
name = "seen"
source = "seen"
type = "timestamp"
role = "measure"
encoding = "iso"
required = false
[[field]]
name = "t"
type = "timestamp"
role = "time"
[[field]]
name = "us"
type = "timestamp"
role = "measure"
encoding = "us"
required = false
[[field]]
name = "tag"
source = "meta.tag"
type = "string"
role = "dimension"
default = "none"
[[field]]
name = "flag"
source = "meta.flag"
type = "bool"
role = "measure"
required = false
""")

SCHEMAS = {"flat": FLAT, "nested": NESTED, "everything": EVERYTHING}

iso = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from([2024, 2024, 2024, 1, 0, 9999, 1969, 2023]),
    st.integers(0, 13),
    st.integers(0, 31),
    st.sampled_from(["T", "T", "T", " ", "t", "_"]),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["", "", ".5", ".12", ".123", ".123456", ".123456789", ".1234567890", "."]),
    st.sampled_from(["Z", "Z", "z", "", "+01:00", "-0530", "+14", "+24:00", "+01:60"]),
)
numbers = st.one_of(
    st.integers(-5, 100),
    st.floats(-50, 100),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0.5, 1.5, 2.5, 3.0, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, 1e39, 3.5e38, -0.0]),
    st.sampled_from([1594598735.7727768, 1734604200, 1734604200123, 1734604200123456, 1734604200123456789]),
)
texts = st.one_of(
    st.sampled_from(
        ["a", "device-1", "5e:44:3b", "", "1", "1.5", "-0", "+1", "5.", ".5", "1e3", "01", "inf", "NaN"]
    ),
    st.text(max_size=12),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, iso)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def good(name):
    number = st.integers(-40, 85) | st.floats(-40, 85)
    time = st.integers(0, 86_399).map(lambda s: f"2024-12-19T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z")
    if name == "flat":
        keys = {
            "timestamp": time,
            "deviceId": st.sampled_from(["d1", "d2"]),
            "temperature": number,
            "humidity": number,
        }
        return st.fixed_dictionaries(keys)
    if name == "nested":
        data = st.fixed_dictionaries(
            {"temp": number, "light": st.booleans()}, optional={"a.b": st.integers(0, 9)}
        )
        return st.fixed_dictionaries(
            {"ts": st.floats(1.5e9, 1.6e9), "device_id": st.just("5e:44"), "data": data}
        )
    meta = st.fixed_dictionaries({}, optional={"tag": st.just("x"), "flag": st.booleans()})
    return st.fixed_dictionaries(
        {"t": time}, optional={"f32": number, "i64": st.integers(0, 9), "strict": number, "meta": meta}
    )


@st.composite
def item(draw, name):
    """An object, good or with something wrong in it, as JSON text."""
    value = draw(good(name))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        place = value
        inner = [key for key in place if isinstance(place[key], dict)]
        if inner and draw(st.booleans()):
            place = place[inner[0]]
        key = draw(st.sampled_from([*place, "extra"]))
        change = draw(st.sampled_from(["set", "set", "drop", "time"]))
        if change == "drop":
            place.pop(key, None)
        else:
            place[key] = draw(iso if change == "time" else anything)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])))
    trick = draw(
        st.sampled_from(["", "", "", "", "duplicate", "literal", "huge", "surrogate", "deep", "bare"])
    )
    if trick == "duplicate" and len(value) > 1:
        key = draw(st.sampled_from(list(value)))
        text = f"{text[:-1]},{json.dumps(key)}:{json.dumps(draw(anything))}}}"
    elif trick == "literal":
        literal = draw(st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "01", "1.", "+1"]))
        text = f'{text[:-1]},"x":{literal}}}'
    elif trick == "huge":
        key, digits = draw(st.sampled_from([*value, "x"])), draw(st.sampled_from([30, 400, 401, 5000]))
        text = f'{text[:-1]},"{key}":{"9" * digits}}}'
    elif trick == "surrogate":
        text = f'{text[:-1]},"{draw(st.sampled_from([*value, "x"]))}":"\\ud800"}}'
    elif trick == "deep":
        depth = draw(st.integers(1, 70))
        text = f'{text[:-1]},"x":{"[" * depth}{"]" * depth}}}'
    elif trick == "bare":
        text = json.dumps(draw(anything))
    return text


@st.composite
def payload(draw, name):
    """A record in any form, sometimes damaged."""
    items = draw(st.lists(item(name), min_size=0, max_size=4))
    form = draw(st.sampled_from(["one", "one", "one", "array", "lines", "lines", "concatenated", "bom"]))
    if form == "one":
        text = items[0] if items else ""
    elif form == "array":
        text = "[" + ",".join(items) + "]"
    elif form == "bom":
        text = "\ufeff" + "\n".join(items)
    else:
        text = {"lines": draw(st.sampled_from(["\n", "\r\n", "\n\n"])), "concatenated": ""}[form].join(items)
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 3]))):
        if raw:
            at = draw(st.integers(0, len(raw) - 1))
            damage = draw(st.sampled_from(["flip", "cut", "insert", "newline"]))
            if damage == "cut":
                del raw[at:]
            elif damage == "flip":
                raw[at] = draw(st.integers(0, 255))
            else:
                raw.insert(at, 10 if damage == "newline" else draw(st.sampled_from(b'{}[],:"\\0 n')))
    compress = {"gzip": gzip.compress, "zlib": zlib.compress}.get(
        draw(st.sampled_from(["", "", "", "gzip", "zlib"]))
    )
    out = compress(bytes(raw)) if compress else bytes(raw)
    return out[: draw(st.integers(0, len(out)))] if draw(st.integers(0, 30)) == 0 else out
