"""Queries to Timestream for LiveAnalytics: all pages of an answer as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from iotstream.errors import QueryError

_CONVERT: dict[str, tuple[pa.DataType, Callable[[str], Any]]] = {
    "DOUBLE": (pa.float64(), float),
    "BIGINT": (pa.int64(), int),
    "INTEGER": (pa.int32(), int),
    "BOOLEAN": (pa.bool_(), lambda text: text == "true"),
}


def ask(client: Any, sql: str) -> pa.Table:
    """The answer to a query; times and dates as the service's texts.

    Args:
        client: a boto3 client of `timestream-query`.
        sql: Timestream's SQL.

    Raises:
        QueryError: it can't be answered.
    """
    try:
        pages = list(client.get_paginator("query").paginate(QueryString=sql))
    except client.exceptions.ClientError as error:
        raise QueryError(f"Timestream: {error.response['Error'].get('Message', error)}") from error
    columns = pages[0]["ColumnInfo"]
    rows = [row["Data"] for page in pages for row in page["Rows"]]
    arrays = []
    for index, column in enumerate(columns):
        kind, convert = _CONVERT.get(column["Type"].get("ScalarType", ""), (pa.string(), str))
        texts = (row[index].get("ScalarValue") for row in rows)
        arrays.append(pa.array([None if text is None else convert(text) for text in texts], kind))
    return pa.Table.from_arrays(arrays, names=[column["Name"] for column in columns])
