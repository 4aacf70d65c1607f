"""InfluxDB, so Amazon Timestream for InfluxDB: rows become lines, thousands a call, some calls in flight.

Importing this imports neither botocore nor asyncio: `InfluxSink(…)` does.
"""

from iotstream.sinks.influxdb.settings import InfluxSettings
from iotstream.sinks.influxdb.sink import InfluxSink

__all__ = ["InfluxSettings", "InfluxSink"]
