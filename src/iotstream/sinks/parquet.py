"""The lake: partitioned Parquet objects.

Encodings were chosen by measurement on device telemetry: zstd level 1, a dictionary for strings and
doubles (readings have few distinct values), DELTA_BINARY_PACKED for the time (`timestamp[ms]` as
INT64, which Athena reads). Numbers and times have statistics. Texts have none: the least and the greatest
name of a shard's devices exclude hardly any device, and finding them takes a tenth of the encoder's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from iotstream.batch import Batch
from iotstream.partition import object_key, split
from iotstream.rejects import Rejects
from iotstream.schema import FLOATS, Schema, Type
from iotstream.sinks.objects import Object, ObjectStore


@dataclass(frozen=True, kw_only=True)
class ParquetSettings:
    """How rows are encoded.

    Attributes:
        compression_level: of zstd, 1 to 22.
        row_group_rows: rows in a row group at most.
    """

    compression_level: int = 1
    row_group_rows: int = 1_048_576


class ParquetSink:
    """Writes each span as one object for each hour of event time in it."""

    name = "parquet"

    def __init__(self, store: ObjectStore, schema: Schema, settings: ParquetSettings | None = None) -> None:
        self._store = store
        self._schema = schema
        self._settings = settings or ParquetSettings()
        self.objects = 0
        self.already_there = 0

    def write(self, batch: Batch) -> Rejects:
        """Put the span's objects.

        Raises:
            SinkUnavailable: one could not be put.
        """
        self.already_there += self._store.put_new(self._objects(batch))
        return Rejects()

    def close(self) -> None:
        """Nothing to do: connections are the store's."""

    def _objects(self, batch: Batch) -> Iterator[Object]:
        metadata = file_metadata(batch, self._schema)
        for partition in split(batch.data, self._schema.time.name):
            self.objects += 1
            body = encode(partition.data, self._schema, metadata, self._settings)
            yield Object(object_key(partition.path, batch.span), body)


def file_metadata(batch: Batch, schema: Schema) -> dict[str, str]:
    """What each file says of its span."""
    return {
        "iotstream.stream": batch.span.stream,
        "iotstream.shard_id": batch.span.shard_id,
        "iotstream.first_sequence_number": str(batch.span.first),
        "iotstream.last_sequence_number": str(batch.span.last),
        "iotstream.records": str(batch.records),
        "iotstream.rejects": str(batch.rejects),
        "iotstream.schema": schema.fingerprint,
    }


def encode(data: pa.Table, schema: Schema, metadata: dict[str, str], settings: ParquetSettings) -> memoryview:
    """One Parquet file's bytes.

    Args:
        data: the rows, of the schema's columns.
        schema: decides each column's encoding.
        metadata: goes into the file's key-value metadata.
        settings: compression and row groups.
    """
    buffer = pa.BufferOutputStream()
    dictionary = [one.name for one in schema.fields if one.type is Type.STRING or one.type in FLOATS]
    deltas = [one.name for one in schema.fields if one.type is Type.TIMESTAMP]
    with pq.ParquetWriter(
        buffer,
        schema.arrow,
        compression="zstd",
        compression_level=settings.compression_level,
        use_dictionary=dictionary,
        column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
        write_statistics=[one.name for one in schema.fields if one.type is not Type.STRING],
    ) as writer:
        writer.write_table(data, row_group_size=settings.row_group_rows)
        writer.add_key_value_metadata(metadata)
    # Arrow exports signed bytes, which the object store does not take.
    return memoryview(buffer.getvalue()).cast("B")
