"""Amazon Timestream for LiveAnalytics: rows become multi-measure records, 100 a call, many calls in flight.

Importing this imports neither botocore nor asyncio: `TimestreamSink(…)` does.
"""

from iotstream.sinks.timestream.settings import TimestreamSettings
from iotstream.sinks.timestream.sink import TimestreamSink

__all__ = ["TimestreamSettings", "TimestreamSink"]
