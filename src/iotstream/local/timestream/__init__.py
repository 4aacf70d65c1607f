"""Amazon Timestream for LiveAnalytics on this machine: strict about what is written, DuckDB for queries.

    timestream = Timestream()
    timestream.call("CreateDatabase", {"DatabaseName": "iot_timestream_db"}, now)

As a program: `python -m iotstream.local.timestream --port 0 --database DB --table T`.
"""

from iotstream.local.timestream.errors import ServiceError
from iotstream.local.timestream.service import Timestream

__all__ = ["ServiceError", "Timestream"]
