"""What the service allows: https://docs.aws.amazon.com/timestream/latest/developerguide/ts-limits.html."""

from __future__ import annotations

import re

MAX_RECORDS = 100
"""Records in one WriteRecords call."""
MAX_DIMENSIONS = 128
"""Dimensions of a table."""
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
MAX_RECORD_BYTES = 2048
FUTURE_MINUTES = 15
"""How far ahead of the service's clock a point may lie."""
MEMORY_HOURS = range(1, 8767)
MAGNETIC_DAYS = range(1, 73_001)
DEFAULT_MEMORY_HOURS = 6
DEFAULT_MAGNETIC_DAYS = 73_000
MAX_QUERY_ROWS = 1000
"""Rows of one page of a query's result."""

NAME = re.compile(r"[a-zA-Z0-9_.-]{3,256}")
"""Of databases and tables."""
RESERVED_PREFIX = "ts_"
RESERVED = frozenset({"time", "measure_name", "measure_value"})
"""Columns that every table has. No dimension or measure may be called so."""
SIGNED_64 = range(-(2**63), 2**63)
