"""What must hold of any batch, whatever its bytes."""

from collections import Counter
from dataclasses import replace

import decoders
import pyarrow as pa

import iotstream
from iotstream._reference import Row, read_record
from iotstream.records import Column
from iotstream.testing import raw_batch


def by_reference(payloads, schema, arrival_ms=None):
    """Rows as (record, item, values) and rejects as tuples, by the reference decoder alone."""
    rows, rejects = [], []
    for record, one in enumerate(payloads):
        arrival = arrival_ms[record] if arrival_ms else None
        for number, outcome in enumerate(read_record(one, schema, arrival)):
            if isinstance(outcome, Row):
                rows.append((record, number, outcome.values))
            else:
                fault = outcome.fault
                rejects.append((record, number, fault.reason, outcome.field, fault.detail, outcome.payload))
    return rows, rejects


def rows_of(decoded):
    """The same of what `decode` gave, times as ms; every float with its sign."""
    columns = []
    for column in decoded.data.columns:
        plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        columns.append(plain.to_pylist())
    rows = map(list, zip(*columns, strict=True))
    return list(zip(decoded.record.to_pylist(), decoded.item.to_pylist(), rows, strict=True))


def float32_of(rows, schema):
    """Float32 columns as such: the reference gives a default as it stands in the schema."""
    kinds = [one.arrow_type for one in schema.fields]
    for _, _, values in rows:
        for at, kind in enumerate(kinds):
            if pa.types.is_float32(kind) and values[at] is not None:
                values[at] = pa.scalar(values[at], kind).as_py()
    return rows


def check(payloads, schema, arrival_ms=None):
    """Conservation, order, and one answer from all ways; returns what was decoded."""
    given = payloads if arrival_ms is None else raw_batch(payloads, arrival_ms=arrival_ms)
    rows, rejects = by_reference(payloads, schema, arrival_ms)
    expected = repr(float32_of(rows, schema))
    ways = [(name, given) for name in decoders.available()]
    if len(ways) > 1:
        ways.append(("kernel", in_columns(payloads, arrival_ms)))
    for name, one in ways:
        with decoders.chosen(name):
            decoded = iotstream.decode(one, schema)
        assert repr(rows_of(decoded)) == expected, name
        assert decoded.rejects.by_reason() == Counter(str(one[2]) for one in rejects), name
        assert [tuple(one) for one in decoded.rejects] == rejects, name
        check_places(decoded, len(payloads))
        assert decoded.data.schema == schema.arrow
        decoded.data.validate(full=True)
    return decoded


def in_columns(payloads, arrival_ms=None):
    """The same as a part of longer columns, as it comes out of a message that the kernel has read."""
    raw = raw_batch([b"before", *payloads, b"after"], arrival_ms=arrival_ms and [0, *arrival_ms, 0])
    columns = replace(raw, payloads=Column(pa.array(raw.payloads, pa.binary())), deaggregated=True)
    return columns.slice(1, len(raw) - 1)


def check_places(decoded, records):
    """Items are rows and rejects; of each record there is one at least, and they are numbered from 0."""
    rows = list(zip(decoded.record.to_pylist(), decoded.item.to_pylist(), strict=True))
    rejects = [(one.record, one.item) for one in decoded.rejects]
    assert rows == sorted(rows)
    assert rejects == sorted(rejects)
    assert len(rows) == decoded.data.num_rows
    numbers = {record: [] for record in range(records)}
    for record, number in sorted(rows + rejects):
        numbers[record].append(number)
    for found in numbers.values():
        assert found == list(range(len(found)))
        assert found
