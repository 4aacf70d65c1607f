"""A Firehose transformation: event → event of transformed records.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from iotstream.decode import decode
from iotstream.records import RawBatch
from iotstream.rejects import Reason
from iotstream.schema import Schema, Type

OK = "Ok"
DROPPED = "Dropped"
PROCESSING_FAILED = "ProcessingFailed"


def transform(event: Mapping[str, Any], schema: Schema) -> dict[str, list[dict[str, str]]]:
    """Answer an event: each record once, in order.

    - `Ok`: all items of the record are valid; `data` holds a JSON line for each, with the schema's
      columns, times as ISO 8601.
    - `ProcessingFailed`: an item is not valid; `data` is the record as it came, which Firehose keeps
      under its error prefix. It can't be told to keep a part of a record, so neighbours of a bad item
      go there too.
    - `Dropped`: there was nothing in the record.

    Args:
        event: Firehose's.
        schema: the telemetry.

    Raises:
        ValueError: it is not an event of a Firehose transformation.
    """
    records = event.get("records")
    if not isinstance(records, list):
        raise ValueError('not an event of a Firehose transformation: no list "records"')  # noqa: TRY004
    raw = RawBatch(
        payloads=[base64.b64decode(record["data"]) for record in records],
        sequence_numbers=["0"] * len(records),
        arrival_ms=pa.array([record["approximateArrivalTimestamp"] for record in records], pa.int64()),
        deaggregated=True,
    )
    decoded = decode(raw, schema)
    rejected = {reject.record: reject.reason for reject in decoded.rejects}
    lines = _lines(decoded.data, decoded.record, schema)
    return {"records": [_answer(record, rejected.get(i), lines[i]) for i, record in enumerate(records)]}


def _answer(record: Mapping[str, Any], reason: Reason | None, lines: list[bytes]) -> dict[str, str]:
    if reason is None:
        result, data = OK, base64.b64encode(b"".join(lines)).decode()
    else:
        result, data = DROPPED if reason is Reason.EMPTY else PROCESSING_FAILED, record["data"]
    return {"recordId": record["recordId"], "result": result, "data": data}


def _lines(data: pa.RecordBatch, record: pa.Int32Array, schema: Schema) -> dict[int, list[bytes]]:
    """The JSON lines of each record's rows."""
    for index, one in enumerate(schema.fields):
        if one.type is Type.TIMESTAMP:
            data = data.set_column(index, one.name, pc.strftime(data[one.name], "%Y-%m-%dT%H:%M:%SZ"))
    lines: dict[int, list[bytes]] = defaultdict(list)
    for index, row in zip(record.to_pylist(), data.to_pylist(), strict=True):
        lines[index].append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return lines
