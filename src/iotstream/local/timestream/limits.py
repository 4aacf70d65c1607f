"""What the service allows.

https://docs.aws.amazon.com/timestream/latest/developerguide/ts-limits.html for the quotas and names,
https://docs.aws.amazon.com/timestream/latest/developerguide/writes.html for the values of each type.
"""

from __future__ import annotations

import re

MAX_RECORDS = 100
"""Records in one WriteRecords call."""
MAX_DIMENSIONS = 128
"""Dimensions of a record, and of a table."""
MAX_MEASURES = 256
"""Measures of one multi-measure record."""
MAX_TABLE_MEASURES = 1024
"""Different measures over all multi-measure records of a table."""
MAX_MEASURE_NAMES = 8192
"""Different measure names of a table."""
MAX_DIMENSION_NAME_BYTES = 60
MAX_MEASURE_NAME_BYTES = 256
MAX_SERIES_BYTES = 2048
"""Names and values of all dimensions of a record together."""
MAX_MEASURE_VALUE_BYTES = 2048
"""Values of all measures of a record together: 8 for a number or a time, 1 for a boolean, UTF-8 for text.

So 256 numbers just fit. The quota of 2 kB for a whole record is not counted besides: how the service
counts it is not said, and with names it would contradict the 256 measures.
"""
FUTURE_MINUTES = 15
"""How far ahead of the service's clock a point may lie."""
MEMORY_HOURS = range(1, 8767)
MAGNETIC_DAYS = range(1, 73_001)
DEFAULT_MEMORY_HOURS = 6
DEFAULT_MAGNETIC_DAYS = 73_000
MAX_LISTED = 20
"""Databases or tables of one page of a list."""
MAX_TAGS = 200
MAX_QUERY_ROWS = 1000
"""Rows of one page of a query's result."""
MAX_QUERY_BYTES = 256 * 1024
TOKEN_USES = 5
TOKEN_SECONDS = 3600.0
"""A NextToken of a query is good for so many calls and so long.

https://docs.aws.amazon.com/timestream/latest/developerguide/API_query_Query.html
"""
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of a request. The service states none; what 100 records within the other limits can need is less."""

NAME = re.compile(r"[a-zA-Z0-9_.-]{3,256}")
"""Of databases and tables."""
RESERVED_PREFIXES = ("ts_", "measure_name", "measure_value")
RESERVED = "time"
"""Columns that every table has, and the service's own. No dimension or measure may be called so.

https://docs.aws.amazon.com/iot/latest/apireference/API_TimestreamDimension.html adds to the quotas' page
that a dimension's name has no colon.
"""
SIGNED_64 = range(-(2**63), 2**63)
TIMES_NS = range(2**63)
"""From 1970-01-01 to 2262-04-11, for points and for measures of type TIMESTAMP."""
