"""`Decoded`: what a sequence of payloads decodes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from iotstream.records import RawBatch
from iotstream.rejects import Rejects


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """Rows and rejects: together all items, each in input order.

    Attributes:
        data: the valid rows: the schema's columns.
        rejects: the other items.
        record: int32, a row each: the index of its record in the input.
        item: int32, a row each: the index of the item within its record.
        raw: the records that `record` counts, KPL aggregates taken apart; None if payloads alone
            were given.
        extra_fields: how often a name outside the schema was seen, in a sample of the records.
    """

    data: pa.RecordBatch
    rejects: Rejects
    record: pa.Int32Array
    item: pa.Int32Array
    raw: RawBatch | None = None
    extra_fields: Counter[str] = field(default_factory=Counter)
