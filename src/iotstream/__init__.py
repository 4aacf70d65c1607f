"""High-throughput decoding, validation and batching of telemetry from a stream.

schema = iotstream.Schema.load("schema.toml")
decoded = iotstream.decode(payloads, schema)
decoded.data      # pyarrow.RecordBatch of the valid rows
decoded.rejects   # the others, each with its reason
"""

from iotstream.batch import Batch, Batcher, BatchLimits, DeadLetter
from iotstream.decode import decode
from iotstream.decoded import Decoded
from iotstream.position import Position, Span
from iotstream.records import RawBatch
from iotstream.rejects import Reason, Reject, Rejects
from iotstream.schema import Field, Limits, Schema

__all__ = [
    "Batch",
    "BatchLimits",
    "Batcher",
    "DeadLetter",
    "Decoded",
    "Field",
    "Limits",
    "Position",
    "RawBatch",
    "Reason",
    "Reject",
    "Rejects",
    "Schema",
    "Span",
    "decode",
]
