"""Rows as points of a time series: what all stores of them share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.batch import Origin
from iotstream.rejects import Reason, Reject, Rejects


class Refused(NamedTuple):
    """A row that is not stored: its index in the batch, the field at fault or "", and why."""

    row: int
    field: str
    detail: str


def last_of_equals(keys: Sequence[pa.Array], order: pa.Array | None = None) -> pa.Array | None:
    """Of points of the same series and time the last one: the indices of those that stay, rising.

    Args:
        keys: columns of n values: the series' names, and last the time.
        order: n indices, in whose order the points come; None: they come as they are.

    Returns:
        None if all stay.
    """
    rows = len(keys[0])
    # The cheap test first: a sixth of what it may save.
    if len(pc.unique(keys[-1])) == rows:
        return None
    rank = places(rows) if order is None else pc.sort_indices(order).cast(pa.int32())
    # Numbered names: the schema's own could be any.
    table = pa.table([*keys, rank], names=[*map(str, range(len(keys))), "rank"])
    groups = table.group_by([str(index) for index in range(len(keys))], use_threads=False)
    best = groups.aggregate([("rank", "max")]).column("rank_max").combine_chunks()
    if len(best) == rows:
        return None
    last = best if order is None else order.take(best)
    return last.take(pc.array_sort_indices(last))


def rows_without(columns: Sequence[pa.Array]) -> list[int]:
    """The rows in which all of these columns, one at least, are null."""
    if not all(column.null_count for column in columns):
        return []
    null = columns[0].is_null()
    for column in columns[1:]:
        null = pc.and_(null, column.is_null())
    return indices(null)


def rows_but(rows: int, refused: Sequence[Refused]) -> pa.Int32Array:
    """The indices of all rows but the refused ones."""
    every = places(rows)
    if not refused:
        return every
    return every.filter(pc.invert(pc.is_in(every, pa.array([one.row for one in refused], pa.int32()))))


def indices(mask: pa.BooleanArray) -> list[int]:
    """Where it is true."""
    return pc.indices_nonzero(mask).to_pylist()  # type: ignore[no-any-return]


def places(rows: int) -> pa.Int32Array:
    """0 up to, not including, `rows`."""
    return pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int32()), rows)), 1)


def rejects(refused: Iterable[Refused], origin: Origin | None) -> Rejects:
    """The refused rows as rejects, traced to their records; in a batch without an origin to their rows."""
    return Rejects(_reject(one, origin) for one in sorted(refused))


def _reject(one: Refused, origin: Origin | None) -> Reject:
    if origin is None:
        return Reject(one.row, 0, Reason.SINK, one.field, one.detail, b"")
    record = origin.record[one.row].as_py()
    payload = bytes(origin.raw.payloads[record])
    return Reject(record, origin.item[one.row].as_py(), Reason.SINK, one.field, one.detail, payload)
