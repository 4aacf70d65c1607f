"""What the kernel's decoder makes of payloads, beside what the reference makes of them."""

from array import array
from dataclasses import replace
from functools import lru_cache

import mutations
import pyarrow as pa

from iotstream._kernel_decoder import KernelDecoder
from iotstream._reference import Bad, Row, read_record

UNKNOWN_MS = -(2**63)
"""Stands for the arrival of a record of which it is not known."""

WIDE_TYPES = ["float64", "int64", "string", "bool", "float32", "int32", "timestamp"]
WIDE = mutations.parse(
    ("t", "timestamp", "time", ""),
    *(
        (
            f"a_name_that_is_longer_than_most_names_{index}" if index % 3 == 0 else f"f{index}",
            WIDE_TYPES[index % len(WIDE_TYPES)],
            "measure",
            "required = false" if index % 5 == 0 else "",
        )
        for index in range(90)
    ),
    limits='max_age = "off"\nmax_ahead = "off"',
)
DEEP = mutations.parse(
    ("t", "timestamp", "time", 'source = "a.b.c.d.t"'),
    ("x", "float64", "measure", 'source = "a.b.c.x"'),
    ("y", "int32", "measure", 'source = "a.b.y"\nrequired = false'),
    ("z", "string", "dimension", 'source = ["a", "\\"quoted\\" \u00fc"]\nmax_length = 3'),
    ("w", "float64", "measure", 'source = ["a", "b", "c", "d", "w"]\ndefault = 1.5'),
    limits="max_depth = 7",
)
PATTERNS = mutations.parse(
    ("a", "string", "dimension", 'pattern = "^[a-z]"\nrequired = false'),
    ("t", "timestamp", "time", ""),
    ("b", "string", "dimension", 'pattern = "1"\ndefault = "d1"'),
    ("c", "float64", "measure", "max = 50"),
    limits='max_age = "1h"',
)
SCHEMAS = {**mutations.SCHEMAS, "wide": WIDE, "deep": DEEP, "patterns": PATTERNS}


@lru_cache
def decoder(schema):
    """The kernel's own, without what Python does around it."""
    return KernelDecoder(schema)._decoder


@lru_cache
def without_patterns(schema):
    return replace(schema, fields=tuple(replace(one, pattern=None) for one in schema.fields))


def check(schema, payloads, arrival_ms=None):
    """By each way the kernel answers as the reference does, or leaves it to it; returns what it left."""
    arrivals = None
    if arrival_ms is not None:
        arrivals = array("q", [UNKNOWN_MS if ms is None else ms for ms in arrival_ms])
    ways = [
        decoder(schema).decode(payloads, arrivals),
        decoder(schema).decode(tuple(payloads), arrivals),
        decoder(schema).decode_column(*column(payloads), arrivals),
    ]
    first, *others = [shown(schema, chunk, payloads) for chunk in ways]
    assert all(repr(other) == repr(first) for other in others)
    undecided = ways[0].undecided
    for record, payload in enumerate(payloads):
        if record in undecided:
            assert first[record] == {}
        else:
            arrival = None if arrival_ms is None else arrival_ms[record]
            expected = by_reference(schema, payload, arrival)
            assert repr(first[record]) == repr(dict(enumerate(expected))), payload
    return undecided


def column(payloads):
    """Offsets and data of the payloads, as a part of a longer column."""
    offsets = array("i", [1])
    for payload in payloads:
        offsets.append(offsets[-1] + len(payload))
    return offsets, b"{" + b"".join(payloads) + b'"}]'


def shown(schema, chunk, payloads):
    """Of each record its items by number: a row's values, or a reject's reason, field and payload."""
    columns = [one.to_pylist() for one in arrays(schema, chunk)]
    if chunk.record is None:
        assert chunk.item is None
        places = [(record, 0) for record in range(len(payloads))]
    else:
        places = list(zip(numbers(chunk.record), numbers(chunk.item), strict=True))
    rejects = list(zip(chunk.reject_record, chunk.reject_item, strict=True))
    for one in (places, rejects, chunk.undecided):
        assert one == sorted(set(one))
    assert len(places) == chunk.rows
    found = [{} for _ in payloads]
    for (record, item), *values in zip(places, *columns, strict=True):
        found[record][item] = values
    for (record, item), reason, field, own in zip(
        rejects, chunk.reject_reason, chunk.reject_field, chunk.reject_payload, strict=True
    ):
        assert item not in found[record]
        name = "" if field < 0 else schema.fields[field].name
        found[record][item] = (reason, name, payloads[record] if own is None else own)
    return [dict(sorted(one.items())) for one in found]


def arrays(schema, chunk):
    """The columns, times as int64."""
    out = []
    for one, (validity, values, data) in zip(schema.fields, chunk.columns, strict=True):
        memory = [validity, values] if data is None else [validity, values, data]
        kind = pa.int64() if pa.types.is_timestamp(one.arrow_type) else one.arrow_type
        buffers = [None if buffer is None else pa.py_buffer(buffer) for buffer in memory]
        out.append(pa.Array.from_buffers(kind, chunk.rows, buffers))
        out[-1].validate(full=True)
        assert (validity is None) == (out[-1].null_count == 0)
    return out


def numbers(buffer):
    return memoryview(buffer).cast("i").tolist()


def by_reference(schema, payload, arrival_ms):
    """The same by the reference without its patterns; where that rejects, it does so with them as well."""
    outcomes = []
    items = read_record(payload, without_patterns(schema), arrival_ms)
    with_patterns = read_record(payload, schema, arrival_ms)
    for item, judged in zip(items, with_patterns, strict=True):
        if isinstance(item, Row):
            # A default of a float32 is not rounded to one there.
            typed = zip(item.values, schema.fields, strict=True)
            outcomes.append(
                [
                    pa.scalar(value, one.arrow_type).as_py() if one.type == "float32" else value
                    for value, one in typed
                ]
            )
        else:
            assert isinstance(judged, Bad)
            outcomes.append((str(judged.fault.reason), judged.field, judged.payload))
    return outcomes
