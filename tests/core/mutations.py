"""Random payloads by a seed: good ones, and good ones gone wrong in every way we could think of.

Quicker than hypothesis, and so what the long runs use (scripts/fuzz_decode.py). Values are texts of
JSON, not Python values: most of what goes wrong is in the notation.
"""

import gzip
import json
import random
import zlib

import pyarrow as pa
from strategies import EVERYTHING, FLAT, NESTED

import iotstream
from iotstream.schema import Encoding, Type

FIELD = '[[field]]\nname = "{}"\ntype = "{}"\nrole = "{}"\n{}\n'


def parse(*fields, limits=""):
    text = 'name = "s"\n' + (f"[limits]\n{limits}\n" if limits else "")
    return iotstream.Schema.parse(text + "".join(FIELD.format(*one) for one in fields))


TIMES = parse(
    ("t", "timestamp", "time", ""),
    *((unit, "timestamp", "measure", f'encoding = "{unit}"') for unit in ("iso", "s", "ms", "us", "ns")),
    ("strict", "timestamp", "measure", 'encoding = "ms"\nlenient = false\nrequired = false'),
    ("auto", "timestamp", "measure", "required = false"),
    limits='max_age = "off"\nmax_ahead = "off"',
)
NUMBERS = parse(
    ("t", "timestamp", "time", 'encoding = "ms"'),
    ("i64", "int64", "measure", ""),
    ("i32", "int32", "dimension", "min = -5\nmax = 2000000000"),
    ("big", "int64", "measure", "required = false\nmin = -9223372036854775807"),
    ("f64", "float64", "measure", "min = -1e300\nmax = 9007199254740993"),
    ("f32", "float32", "measure", "max = 0.1\ndefault = 0.1"),
    ("strict", "float64", "measure", "lenient = false"),
    ("strict32", "int32", "measure", "lenient = false\nrequired = false"),
    limits='max_depth = 3\nmax_age = "1h"',
)
SHARED = parse(
    ("t", "timestamp", "time", ""),
    ("x", "float64", "measure", 'source = "v"\nrequired = false'),
    ("y", "int64", "measure", 'source = "v"\nrequired = false'),
    ("b", "bool", "measure", 'source = "w"\nrequired = false'),
    ("c", "float64", "measure", 'source = "w"\nrequired = false'),
    ("d", "string", "measure", 'source = "u"\nrequired = false'),
    ("e", "timestamp", "measure", 'source = "u"\nrequired = false\nencoding = "s"'),
    limits="max_items = 6\nmax_record_bytes = 3000",
)
OPTIONAL = parse(
    ("t", "timestamp", "time", 'source = "head.t"'),
    ("x", "float64", "measure", 'source = "body.in.x"\nrequired = false'),
    ("y", "string", "dimension", 'source = "body.in.y"\ndefault = "none"\nmax_length = 4'),
    ("z", "bool", "measure", 'source = ["body", "z.z"]\nrequired = false'),
    limits="max_depth = 5\nmax_inflated_bytes = 2000",
)
SCHEMAS = {
    "flat": FLAT,
    "nested": NESTED,
    "everything": EVERYTHING,
    "times": TIMES,
    "numbers": NUMBERS,
    "shared": SHARED,
    "optional": OPTIONAL,
}
ARRIVAL_MS = 1_734_604_200_000

ISO = [
    "2024-12-19T10:30:00Z", "2024-12-19T10:30:00", "2024-12-19 10:30:00Z", "2024-12-19t10:30:00z",
    "2024-12-19T10:30:00.1Z", "2024-12-19T10:30:00.123456789Z", "2024-12-19T10:30:00.999999+01:00",
    "2024-12-19T10:30:00-0530", "2024-12-19T10:30:00+14", "2024-12-19T10:30Z", "2024-12-19T10:30+01:00",
    "2024-12-19", "2024-12-19T24:00:00Z", "2024-12-19T23:59:60Z", "2024-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1969-12-31T23:59:59.9999Z",
    "1601-01-01T00:00:00.1234567Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z",
    "2024-12-19T10:30:00.Z", "2024-12-19T10:30:00.1234567890Z", "2024-12-19T10:30:00,5Z",
    "2024-12-19T10:30:00+24:00", "2024-12-19T10:30:00+01:60", " 2024-12-19T10:30:00Z",
    "2024-12-19T10:30:00Z ", "2024-12-19T10:30:00ZZ", "2262-04-11T23:47:16.854775808Z",
    "2024-13-01T00:00:00Z", "2024-04-31T00:00:00Z", "2024-12-19T1:30:00Z", "yesterday", "", "1734604200",
    "\u0662024-12-19T10:30:00Z",
]  # fmt: skip
NUMBERS_AS_TEXT = [
    "0", "-0", "-0.0", "0.0", "0e5", "1", "-1", "1.0", "3.7", "1e3", "1E+3", "1e-3", "0.1",
    "0.10000000149011612", "0.1000000001", "-5", "-5.5", "2000000000", "2000000001", "2147483647",
    "2147483648", "-2147483648", "-2147483649", "9007199254740992", "9007199254740993",
    "9007199254740992.5", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "9223372036854775807.0", "18446744073709551615", "18446744073709551616",
    "1e18", "1e19", "1e22", "3.4028235677973366e38", "3.4028235677973365e38", "3.5e38", "1e39", "1e-45",
    "1e-46", "1e300", "1.1e300", "-1.1e300", "1e308", "1.7976931348623157e308", "1.7976931348623159e308",
    "1e309", "1e999", "-1e999", "1e-999", "9" * 25, "9" * 308, "9" * 309, "9" * 400, "9" * 401,
    "9" * 4301, "-" + "9" * 5000, "0." + "1" * 900, "1" * 400 + ".5", "5e-324", "2.2250738585072014e-308",
    "1734604200", "1734604200.0005", "1734604200.0015", "1734604200.5", "1734604200123",
    "1734604200122.5", "1734604200123.5", "1734604200122500", "1734604200123500", "1734604200122500.5",
    "1734604200122500000", "1734604200123500000", "1734604200122500001", "99999999999", "100000000000",
    "99999999999999", "100000000000000", "1e11", "1e14", "1e17", "99999999999999999",
    "100000000000000000", "-62135596800", "-62135596801", "-62135596800000", "253402300799",
    "253402300800", "253402300799.9994", "253402300799.9995", "253402300799999", "253402300799999.4",
    "253402300799999.5", "253402300799999499", "253402300799999500", "253402300799999999999",
    "253402300799999500000", "-1500", "-2500", "-500000", "0.5", "1.5", "2.5", "-0.5", "-1.5",
]  # fmt: skip
BROKEN = [
    "NaN", "Infinity", "-Infinity", "nan", "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "1_0",
    "--1", "True", "nul", "tru", "", "'a'", '"\\x"', '"\\u12"', '"\\u12G4"', '"a\tb"', '"a\x00"', '"open',
    "[1,]", "[,1]", '{"a":1,}', '{"a"}', "{1:1}", "[1 2]", "[}", "]", "}", "1 2", "\x0b1", "\u00a01",
]  # fmt: skip
STRINGS = [
    '"a"', '"device-1"', '"x"', '""', '"\\u0061b"', '"\u00fc\u00b0"', '"\\u00fc"', '"\\ud83d\\ude00"',
    '"\U0001f600"', '"\\ud800"', '"x\\udc00y"', '"\\ud800\\ud800"', '"\\udc00\\ud800"', '"\\u0000"',
    '"\\n\\"\\\\\\/"', '"\x7f"', f'"{"d" * 256}"', f'"{"d" * 257}"', f'"{chr(252) * 256}"',
    f'"{chr(252) * 257}"', '"abcd"', '"abcde"', '"1"', '"+1"', '"5."', '".5"', '"-.5"', '"5.e1"', '"."',
    '"e1"', '" 1"', '"1 "', '"1_0"', '"0x1"', '"01"', '"-0"', '"1e999"', '"inf"', '"-Infinity"', '"nan"',
    '"NaN"', '"infin"', '"true"', '"null"', '"9223372036854775808"', '"3.0"', '"3.7"', '"1e3"',
    f'"{"9" * 400}"', f'"{"9" * 4400}"', '"\\u0661"', '"{[{[{[{["', '"]}]}"', '"\ufeff"',
]  # fmt: skip
OTHERS = [
    "null", "true", "false", "[]", "{}", "[null]", '{"a":{"b":{}}}', "[[[]]]", "[[[[[[]]]]]]",
    '[{"x":[{}]}]', '{"t":1}', '[1,"a",null,{"b":[]}]', " 1 ", "\n2\t",
]  # fmt: skip


def hostile(r):
    """The text of a value, of any kind."""
    kind = r.randrange(10)
    if kind < 3:
        text = r.choice(NUMBERS_AS_TEXT)
        return f'"{text}"' if r.random() < 0.15 else text
    if kind < 5:
        return json.dumps(r.choice(ISO), ensure_ascii=r.random() < 0.5)
    if kind < 7:
        return r.choice(STRINGS)
    if kind < 9:
        return r.choice(OTHERS)
    if r.random() < 0.3:
        return nest(r, r.choice([3, 5, 6, 63, 64, 65, 300, 3000]))
    return r.choice(BROKEN)


def nest(r, depth):
    if r.random() < 0.5:
        return "[" * depth + "]" * depth
    return '{"a":' * depth + "1" + "}" * depth


def fitting(one, r):
    """The text of a value that the field takes, mostly."""
    if one.type in {Type.FLOAT64, Type.FLOAT32}:
        return r.choice(["0", "-0.0", "0.1", "-3", "5e-2", str(round(r.uniform(-40, 0.1), 2))])
    if one.type in {Type.INT64, Type.INT32}:
        return str(r.randrange(-5, 9)) if r.random() < 0.9 else f"{r.randrange(-5, 9)}.0"
    if one.type is Type.BOOL:
        return r.choice(["true", "false"])
    if one.type is Type.STRING:
        return r.choice(['"a"', '"5e:44"', '"d1"', '""'])
    ms = ARRIVAL_MS - r.randrange(3_000_000)
    if one.encoding is Encoding.ISO or (one.encoding is Encoding.AUTO and r.random() < 0.8):
        return r.choice(
            ['"2024-12-19T10:29:59Z"', f'"2024-12-19T10:{r.randrange(30):02}:00.{r.randrange(1000):03}Z"']
        )
    return {
        Encoding.S: f"{ms / 1000}", Encoding.MS: f"{ms}", Encoding.US: f"{ms}{r.randrange(1000):03}",
        Encoding.NS: f"{ms}{r.randrange(10**6):06}", Encoding.AUTO: f"{ms}",
    }[one.encoding]  # fmt: skip


def tree(schema, r):
    """Nested dicts of texts: what a device sends, some optional things left out."""
    out = {}
    for one in schema.fields:
        if one.may_be_absent and r.random() < 0.4:
            continue
        place = out
        for key in one.source[:-1]:
            place = place.setdefault(key, {})
        place[one.source[-1]] = fitting(one, r)
    return out


def blank(r):
    return r.choice(["", "", "", "", " ", "\t", "\n", " \r\n"])


def key_text(key, r):
    if r.random() < 0.03 and key:
        at = r.randrange(len(key))
        return f'"{key[:at]}\\u{ord(key[at]):04x}{key[at + 1 :]}"'
    return json.dumps(key)


def write(node, r, spoil):
    """The text of such a tree; `spoil` is the chance that a pair goes wrong."""
    pairs = []
    for key, value in node.items():
        text = write(value, r, spoil) if isinstance(value, dict) else value
        if r.random() < spoil:
            text = hostile(r)
        if r.random() < spoil / 3:
            continue
        if r.random() < spoil / 3:
            pairs.append((key, hostile(r)))
        pairs.append((key, text))
    if r.random() < max(spoil, 0.1):
        pairs.append((r.choice(["extra", "x", "\u00fc", "", "a.b", *node]), hostile(r)))
    if r.random() < 0.2:
        r.shuffle(pairs)
    spaced = r.random() < 0.1
    gap = (lambda: blank(r)) if spaced else (lambda: "")
    return "{" + ",".join(f"{gap()}{key_text(k, r)}{gap()}:{gap()}{v}{gap()}" for k, v in pairs) + "}"


def item(schema, r):
    roll = r.random()
    if roll < 0.04:
        return hostile(r)
    return write(tree(schema, r), r, 0 if roll < 0.55 else 0.15)


def damage(raw, r):
    """Bytes flipped, cut, put in, moved."""
    raw = bytearray(raw)
    for _ in range(r.choice([1, 1, 2, 4])):
        if not raw:
            return b""
        at, other = sorted(r.randrange(len(raw)) for _ in range(2))
        kind = r.randrange(8)
        if kind == 0:
            raw[at] ^= 1 << r.randrange(8)
        elif kind == 1:
            del raw[other:]
        elif kind == 2:
            del raw[:at]
        elif kind == 3:
            raw[at:at] = r.choice(
                [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\0", b"\n", b" ", b"\xff", b"0"]
            )
        elif kind == 4:
            del raw[at : at + r.randrange(1, 8)]
        elif kind == 5:
            raw[at:at] = raw[at:other][:60]
        elif kind == 6:
            raw[at] = r.randrange(256)
        else:
            raw[at:at] = r.choice(
                [b"\n{}\n", b"\n", b"}{", b"\n\n[", b"]\n", b"\xef\xbb\xbf", b"\xed\xa0\x80"]
            )
    return bytes(raw)


def zstd(data):
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


def compress(raw, r):
    kind = r.randrange(5)
    if kind == 0:
        return zlib.compress(raw, wbits=r.choice([9, 12, 15]))
    if kind == 1:
        return zstd(raw)
    if kind == 2:
        cut = r.randrange(len(raw) + 1)
        return (
            gzip.compress(raw[:cut], mtime=0)
            + gzip.compress(raw[cut:], mtime=0)
            + b"\0" * r.choice([0, 0, 3])
        )
    return gzip.compress(raw, mtime=0)


def payload(schema, r):
    """A record in any form."""
    form = r.randrange(12)
    if form < 6:
        text = item(schema, r)
    else:
        items = [item(schema, r) for _ in range(r.choice([0, 1, 2, 3, 5, 8]))]
        if form < 8:
            text = "[" + ",".join(items) + "]"
        else:
            text = r.choice(["\n", "\n", "\n", "\r\n", "\n\n", "", "", " "]).join(items)
            text += r.choice(["", "", "\n"])
    if r.random() < 0.05:
        text = r.choice(["\ufeff", " ", "\n", "\ufeff\n", "\ufeff\ufeff"]) + text
    raw = text.encode("utf-8", "surrogatepass")
    if r.random() < 0.2:
        raw = damage(raw, r)
    if r.random() < 0.1:
        raw = compress(raw, r)
        if r.random() < 0.2:
            raw = damage(raw, r)
    return raw


def batch(schema, r):
    """Payloads and their arrival times, None or a list with gaps."""
    payloads = [payload(schema, r) for _ in range(r.choice([1, 2, 5, 12]))]
    if r.random() < 0.5:
        return payloads, None
    times = [
        ARRIVAL_MS,
        ARRIVAL_MS,
        ARRIVAL_MS + 3_600_001,
        ARRIVAL_MS - 900_001,
        ARRIVAL_MS + 7 * 86_400_000,
        None,
    ]
    return payloads, [r.choice(times) for _ in payloads]


def seeded(seed):
    return random.Random(seed)
