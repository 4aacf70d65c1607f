"""A Kinesis event source mapping: reads a stream's shards and invokes a function, as Lambda does.

`settings` holds the mapping's parameters, `batching` and `outcome` the pure rules, `shard` and `mapping`
the threads that follow them.
"""

from iotstream.local.event_source.mapping import EventSource
from iotstream.local.event_source.settings import EventSourceSettings

__all__ = ["EventSource", "EventSourceSettings"]
