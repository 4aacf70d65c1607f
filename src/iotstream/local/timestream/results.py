"""Answers of queries as the service gives them: text for every value, and pages.

https://docs.aws.amazon.com/timestream/latest/developerguide/API_query_Datum.html
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError, invalid

MAX_OPEN = 100
"""Queries of which further pages can be had; the oldest are forgotten."""
_MONTHS_PER_YEAR = 12
_Json = dict[str, Any]


@dataclass
class _Open:
    query: str
    data: pa.Table
    expires: float
    offered: set[int] = field(default_factory=set)
    last: int = 0
    uses: int = 0
    cancelled: bool = False


class Pages:
    """The answers of which there is more to be fetched. Not for several threads at once."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def first(self, query: str, data: pa.Table, size: int, now: float) -> _Json:
        """The first page of an answer."""
        query_id = uuid.uuid4().hex.upper()
        self._open = {key: one for key, one in self._open.items() if one.expires > now}
        while len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[query_id] = _Open(query, data, now + limits.TOKEN_SECONDS)
        return self._page(query_id, 0, size)

    def next(self, query: str, token: str, size: int, now: float) -> _Json:
        """The page of a token; asked again, the same one.

        Raises:
            ServiceError: the token is not known, is used up, belongs to another query or to one that was
                cancelled, or a later one has been used already.
        """
        query_id, _, place = token.partition("-")
        found = self._open.get(query_id)
        offset = int(place) if place.isascii() and place.isdigit() else -1
        if found is None or found.query != query or offset not in found.offered or now >= found.expires:
            raise invalid("Invalid pagination token.")
        if found.cancelled:
            raise ServiceError("ConflictException", f"The query {query_id} was cancelled.", status=409)
        if offset < found.last:
            raise invalid("Invalid pagination token: a later one has been used already.")
        found.uses = found.uses + 1 if offset == found.last else 1
        if found.uses > limits.TOKEN_USES:
            raise invalid(f"Invalid pagination token: it has been used {limits.TOKEN_USES} times.")
        found.last = offset
        return self._page(query_id, offset, size)

    def cancel(self, query_id: str) -> str:
        """Give no more pages of a query; what to say.

        Raises:
            ServiceError: there is no such query.
        """
        found = self._open.get(query_id)
        if found is None:
            raise invalid(f"There is no query {query_id}.")
        before, found.cancelled = found.cancelled, True
        return f"The query {query_id} {'had been' if before else 'is'} cancelled."

    def _page(self, query_id: str, offset: int, size: int) -> _Json:
        found = self._open[query_id]
        status = {"ProgressPercentage": 100.0, "CumulativeBytesScanned": 0, "CumulativeBytesMetered": 0}
        answer: _Json = {
            "QueryId": query_id,
            "Rows": rows(found.data.slice(offset, size)),
            "ColumnInfo": [{"Name": one.name, "Type": kind(one.type)} for one in found.data.schema],
            "QueryStatus": status | {"CumulativeBytesScanned": found.data.nbytes},
        }
        if offset + size < found.data.num_rows:
            found.offered.add(offset + size)
            answer["NextToken"] = f"{query_id}-{offset + size}"
        return answer


def rows(data: pa.Table) -> list[_Json]:
    """The rows, each with a datum for each column."""
    columns = [_data(column.combine_chunks()) for column in data.columns]
    return [{"Data": list(row)} for row in zip(*columns, strict=True)]


_SCALARS: list[tuple[Any, str]] = [
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint64, "BIGINT"),
    (pa.types.is_uint32, "BIGINT"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_timestamp, "TIMESTAMP"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_interval, "INTERVAL_DAY_TO_SECOND"),
    (pa.types.is_null, "UNKNOWN"),
]


def kind(given: pa.DataType) -> _Json:
    """The service's type for a column's."""
    if pa.types.is_list(given):
        return {"ArrayColumnInfo": {"Type": kind(given.value_type)}}
    if pa.types.is_struct(given):
        return {"RowColumnInfo": [{"Name": one.name, "Type": kind(one.type)} for one in given]}
    if pa.types.is_decimal(given):
        # DuckDB sums whole numbers in 128 bits, and takes 1.5 for a decimal.
        return {"ScalarType": "DOUBLE" if given.scale else "BIGINT"}
    return {"ScalarType": next((name for check, name in _SCALARS if check(given)), "VARCHAR")}


def _data(values: pa.Array) -> list[_Json]:
    given = values.type
    if pa.types.is_list(given):
        return [_datum("ArrayValue", _data(one.values) if one.is_valid else None) for one in values]
    if pa.types.is_struct(given):
        members = [_data(values.field(index)) for index in range(given.num_fields)]
        found = [{"Data": [member[row] for member in members]} for row in range(len(values))]
        return [
            _datum("RowValue", one if ok else None) for one, ok in zip(found, values.is_valid(), strict=True)
        ]
    return [_datum("ScalarValue", text) for text in _texts(values)]


def _datum(member: str, value: Any) -> _Json:
    return {"NullValue": True} if value is None else {member: value}


def _texts(values: pa.Array) -> list[str | None]:
    given = values.type
    if pa.types.is_timestamp(given):
        texts: list[str | None] = pc.strftime(
            values.cast(pa.timestamp("ns")), "%Y-%m-%d %H:%M:%S"
        ).to_pylist()
        return texts
    if pa.types.is_time(given):
        return [None if one is None else one.strftime("%H:%M:%S.%f000") for one in values.to_pylist()]
    if pa.types.is_floating(given) or (pa.types.is_decimal(given) and given.scale):
        return [None if one is None else _double(one) for one in values.cast(pa.float64()).to_pylist()]
    if pa.types.is_boolean(given):
        return [None if one is None else str(one).lower() for one in values.to_pylist()]
    if pa.types.is_interval(given):
        return [None if one is None else _interval(one) for one in values.to_pylist()]
    return [None if one is None else str(one) for one in values.to_pylist()]


def _double(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _interval(value: pa.MonthDayNano) -> str:
    """`D HH:MM:SS.nnnnnnnnn`; months, which days are not made of, before it as `Y-M`."""
    if value.months:
        years, months = divmod(abs(value.months), _MONTHS_PER_YEAR)
        return f"{'-' * (value.months < 0)}{years}-{months}"
    total = value.days * 86_400 * 10**9 + value.nanoseconds
    seconds, nanoseconds = divmod(abs(total), 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{'-' * (total < 0)}{days} {hours:02}:{minutes:02}:{seconds:02}.{nanoseconds:09}"
