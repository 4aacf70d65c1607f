"""A schema with every type, its rows, and what a store should hold of them."""

import datetime as dt

import pyarrow as pa
from hypothesis import strategies as st

import iotstream
from iotstream.batch import Batch
from iotstream.position import Position, Span

SCHEMA = iotstream.Schema.parse(
    """
name = "every_type"
version = 1
[[field]]
name = "at"
type = "timestamp"
role = "time"
[[field]]
name = "site"
type = "string"
role = "dimension"
required = false
[[field]]
name = "device"
type = "string"
role = "dimension"
required = false
[[field]]
name = "channel"
type = "int32"
role = "dimension"
required = false
[[field]]
name = "level"
type = "float64"
role = "measure"
required = false
[[field]]
name = "ratio"
type = "float32"
role = "measure"
required = false
[[field]]
name = "count"
type = "int64"
role = "measure"
required = false
[[field]]
name = "on"
type = "bool"
role = "measure"
required = false
[[field]]
name = "note"
type = "string"
role = "measure"
required = false
[[field]]
name = "seen"
type = "timestamp"
role = "measure"
required = false
"""
)
TAGS = ("channel", "device", "site")
FIELDS = ("level", "ratio", "count", "on", "note", "seen")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MS = dt.timedelta(milliseconds=1)


def moment(ms):
    return EPOCH + ms * MS


def batch_of(rows):
    """A batch of dicts, without an origin."""
    table = pa.Table.from_pylist(
        [{key: row.get(key) for key in SCHEMA.arrow.names} for row in rows], SCHEMA.arrow
    )
    position = Position(1, 0)
    return Batch(data=table, span=Span("s", "shard", position, position), records=len(rows))


def series_of(row):
    """The tags of a row as a store holds them."""
    return tuple((key, str(row[key])) for key in TAGS if row.get(key) not in (None, ""))


def fields_of(row):
    """The fields of a row as a store holds them: a time in ms, a float32 as the number that it is."""
    found = {key: row[key] for key in FIELDS if row.get(key) is not None}
    if "ratio" in found:
        found["ratio"] = pa.scalar(found["ratio"], pa.float32()).as_py()
    if "seen" in found:
        found["seen"] = (found["seen"] - EPOCH) // MS
    return found


def is_refused(row, version):
    if not fields_of(row):
        return True
    for text in (row.get("site") or "", row.get("device") or ""):
        if "\n" in text or text.endswith("\\"):
            return True
        if version == "v3" and "\t" in text:
            return True
        if version != "v3" and any(f"\\{one}" in text for one in ",= "):
            return True
    return False


def held(rows, version):
    """What a store should hold of them."""
    last = {(series_of(row), (row["at"] - EPOCH) // MS): row for row in rows if not is_refused(row, version)}
    return {key: fields_of(row) for key, row in last.items()}


HARD = "\\,= \"\n\t\r#'é🍭\x00\x7f"
texts = st.text(st.one_of(st.sampled_from(HARD), st.characters(exclude_categories=["Cs"])), max_size=8)
FIRST_MS = 1_795_000_000_000
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {"at": st.integers(FIRST_MS, FIRST_MS + 5).map(moment)},
        optional={
            "site": texts,
            "device": st.one_of(st.sampled_from(["a", "b"]), texts),
            "channel": st.integers(-(2**31), 2**31 - 1),
            "level": st.floats(allow_nan=False, allow_infinity=False).map(lambda one: one + 0.0),
            "ratio": st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda one: one + 0.0),
            "count": st.integers(-(2**63), 2**63 - 1),
            "on": st.booleans(),
            "note": texts,
            "seen": st.integers(0, 4_000_000_000_000).map(moment),
        },
    ),
    min_size=1,
    max_size=8,
)
