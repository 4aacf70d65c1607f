import io

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

import iotstream
from iotstream.batch import Batch, DeadLetter
from iotstream.pipeline import to_batch
from iotstream.position import Position
from iotstream.rejects import Reason
from iotstream.sinks.objects import Store
from iotstream.sinks.parquet import ParquetSettings, ParquetSink, encode
from iotstream.testing import FIRST_SEQUENCE_NUMBER, SHARD_ID, raw_batch

SCHEMA = iotstream.Schema.load()
EVERY_TYPE = iotstream.Schema.parse(
    'name = "all"\n'
    + "".join(
        f'[[field]]\nname = "{kind}"\ntype = "{kind}"\nrole = "measure"\nrequired = false\n'
        for kind in ("float64", "float32", "int64", "int32", "bool", "string")
    )
    + '[[field]]\nname = "timestamp"\ntype = "timestamp"\nrole = "time"\n'
)


def payload(time, device="d", temperature=1.5):
    return f'{{"timestamp":"{time}","deviceId":"{device}","temperature":{temperature},"humidity":2}}'.encode()


def written(payloads, schema=SCHEMA):
    inner = MemoryStore()
    batch = to_batch(iotstream.decode(raw_batch(payloads), schema))
    sink = ParquetSink(Store(uri="memory://", store=inner), schema)
    assert len(sink.write(batch)) == 0
    return inner, sink, batch


def keys(inner):
    return sorted(meta["path"] for page in obstore.list(inner) for meta in page)


def read(inner, key):
    return pq.read_table(io.BytesIO(obstore.get(inner, key).bytes()))


def test_an_object_for_each_hour_named_after_the_span():
    inner, sink, _ = written([payload("2026-11-24T07:59:59.999Z"), payload("2026-11-24T08:00:00Z")])
    span = f"{SHARD_ID}-{FIRST_SEQUENCE_NUMBER}-{FIRST_SEQUENCE_NUMBER + 1}"
    assert keys(inner) == [f"data/dt=2026-11-24/hour=0{hour}/{span}.parquet" for hour in (7, 8)]
    assert (sink.objects, sink.already_there) == (2, 0)


def test_files_hold_only_the_schemas_columns_and_say_what_they_are():
    inner, _, _ = written([payload("2026-11-24T07:00:00Z"), b"bad"])
    file = pq.ParquetFile(io.BytesIO(obstore.get(inner, keys(inner)[0]).bytes()))
    assert file.schema_arrow.names == ["timestamp", "device_id", "temperature", "humidity"]
    assert file.schema_arrow.field("timestamp").type == pa.timestamp("ms", "UTC")
    metadata = {
        k.decode(): v.decode() for k, v in file.metadata.metadata.items() if k.startswith(b"iotstream.")
    }
    assert metadata == {
        "iotstream.stream": "kinesis-stream",
        "iotstream.shard_id": SHARD_ID,
        "iotstream.first_sequence_number": str(FIRST_SEQUENCE_NUMBER),
        "iotstream.last_sequence_number": str(FIRST_SEQUENCE_NUMBER + 1),
        "iotstream.records": "2",
        "iotstream.rejects": "1",
        "iotstream.schema": SCHEMA.fingerprint,
    }


def test_encodings():
    inner, _, _ = written([payload(f"2026-11-24T07:00:{second:02}Z") for second in range(60)])
    group = pq.ParquetFile(io.BytesIO(obstore.get(inner, keys(inner)[0]).bytes())).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["timestamp"].physical_type == "INT64"
    assert "DELTA_BINARY_PACKED" in columns["timestamp"].encodings
    assert all(
        "RLE_DICTIONARY" in columns[name].encodings for name in ("device_id", "temperature", "humidity")
    )


def test_statistics_are_those_of_numbers_and_times():
    inner, _, _ = written([payload(f"2026-11-24T07:00:{second:02}Z") for second in range(60)])
    group = pq.ParquetFile(io.BytesIO(obstore.get(inner, keys(inner)[0]).bytes())).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {name for name, column in columns.items() if column.is_stats_set} == set(columns) - {"device_id"}
    times = columns["timestamp"].statistics
    assert (times.min.second, times.max.second) == (0, 59)


def test_a_retry_is_harmless():
    payloads = [payload("2026-11-24T07:00:00Z")]
    inner, sink, batch = written(payloads)
    before = {key: bytes(obstore.get(inner, key).bytes()) for key in keys(inner)}
    sink.write(batch)
    assert {key: bytes(obstore.get(inner, key).bytes()) for key in keys(inner)} == before
    assert sink.already_there == 1


def test_a_span_without_rows_makes_no_object():
    inner, _, _ = written([b"bad", b""])
    assert keys(inner) == []


def test_a_hot_sinks_refusal_is_no_reject_of_the_span():
    from iotstream.sinks.parquet import file_metadata

    batch = to_batch(iotstream.decode(raw_batch([payload("2026-11-24T07:00:00Z")]), SCHEMA))
    refused = DeadLetter(
        position=Position(1),
        item=0,
        arrival_ms=None,
        sink="timestream",
        reason=Reason.SINK,
        field="",
        detail="",
        payload=b"",
    )
    batch = Batch(data=batch.data, span=batch.span, records=1, dead_letters=[refused])
    assert file_metadata(batch, SCHEMA)["iotstream.rejects"] == "0"


rows = st.lists(
    st.fixed_dictionaries(
        {
            "float64": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "float32": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
            "int64": st.none() | st.integers(-(2**63), 2**63 - 1),
            "int32": st.none() | st.integers(-(2**31), 2**31 - 1),
            "bool": st.none() | st.booleans(),
            "string": st.none() | st.text(),
            "timestamp": st.integers(-62_135_596_800_000, 253_402_300_799_999),
        }
    )
)


@given(rows, st.integers(1, 5))
def test_rows_come_back_as_they_were(values, row_group_rows):
    ms = pa.array([row["timestamp"] for row in values], pa.int64()).cast(pa.timestamp("ms", "UTC"))
    columns = [
        ms if one.name == "timestamp" else pa.array([row[one.name] for row in values], one.arrow_type)
        for one in EVERY_TYPE.fields
    ]
    table = pa.Table.from_arrays(columns, schema=EVERY_TYPE.arrow)
    body = encode(table, EVERY_TYPE, {}, ParquetSettings(row_group_rows=row_group_rows))
    assert pq.read_table(io.BytesIO(body)).equals(table)


def test_the_same_rows_make_the_same_bytes():
    batch = to_batch(iotstream.decode(raw_batch([payload("2026-11-24T07:00:00Z")] * 3), SCHEMA))
    assert bytes(encode(batch.data, SCHEMA, {"a": "b"}, ParquetSettings())) == bytes(
        encode(batch.data, SCHEMA, {"a": "b"}, ParquetSettings())
    )
