"""One span's objects, read: whether they hold what the manifest says. Pure: bytes in, words out."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from iotstream.audit.names import data_object
from iotstream.manifest import Manifest, WrittenLetters, WrittenObject
from iotstream.partition import split
from iotstream.row_hash import row_hash
from iotstream.schema import Schema

# What pyarrow raises on a file that is not as it should be, depends on where.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError, MemoryError)


def object_fault(
    body: bytes, written: WrittenObject, manifest: Manifest, schema: Schema | None
) -> str | None:
    """What is wrong with a Parquet object.

    Args:
        body: its bytes.
        written: what the manifest says of it.
        manifest: of its span.
        schema: the span's; None: it is not known, and the rows' partition is left unchecked.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        table, metadata = file.read(), file.metadata.metadata or {}
        table.validate(full=True)
    except _UNREADABLE as error:
        return f"it can't be read: {_first_line(error)}"
    if table.num_rows != written.rows:
        return f"{table.num_rows} rows, but {written.rows} in the manifest"
    for key, value in _metadata(manifest).items():
        found = metadata.get(key.encode(), b"").decode(errors="replace")
        if found != value:
            return f"its metadata says {key} = {found!r}, but it belongs to {value!r}"
    if schema is not None and (found := _columns(table.schema)) != _columns(schema.arrow):
        return f"its columns are {found}, and those of its schema {_columns(schema.arrow)}"
    if (found := row_hash(table)) != written.row_hash:
        return f"row hash {found}, but {written.row_hash} in the manifest: rows were altered"
    return None if schema is None else _partition_fault(table, written, schema)


def letters_fault(
    bodies: Sequence[tuple[WrittenLetters, bytes]], manifest: Manifest
) -> tuple[str, str] | None:
    """What is wrong with the decoder's dead letters of a span: the key and why.

    Args:
        bodies: all objects of them; without those of sinks, which may differ from one try to the next.
        manifest: of the span.
    """
    reasons: Counter[str] = Counter()
    for written, body in bodies:
        try:
            letters = [orjson.loads(line) for line in gzip.decompress(body).splitlines()]
            reasons.update(letter["reason"] for letter in letters)
        except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError) as error:
            return written.key, f"it can't be read: {_first_line(error)}"
        if len(letters) != written.lines:
            return written.key, f"{len(letters)} lines, but {written.lines} in the manifest"
        strays = [letter for letter in letters if letter.get("shard_id") != manifest.shard_id]
        if strays:
            return written.key, f"it holds a letter of shard {strays[0].get('shard_id')!r}"
    if bodies and dict(reasons) != manifest.rejects:
        return bodies[0][0].key, f"reasons {dict(reasons)}, but {manifest.rejects} in the manifest"
    return None


def _metadata(manifest: Manifest) -> dict[str, str]:
    return {
        "iotstream.stream": manifest.stream,
        "iotstream.shard_id": manifest.shard_id,
        "iotstream.first_sequence_number": manifest.first,
        "iotstream.last_sequence_number": manifest.last,
        "iotstream.records": str(manifest.records),
        "iotstream.rejects": str(sum(manifest.rejects.values())),
        "iotstream.schema": manifest.schema,
    }


def _partition_fault(table: pa.Table, written: WrittenObject, schema: Schema) -> str | None:
    name = data_object(written.key)
    strays = [part for part in split(table, schema.time.name) if name is None or part.path != name.path]
    if strays:
        return f"{strays[0].data.num_rows} of its rows belong to {strays[0].path}"
    return None


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{one.name} {one.type}" for one in schema)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
