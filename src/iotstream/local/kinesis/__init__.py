"""Kinesis Data Streams on one machine: a strict state machine, and a server for SDKs and the KCL."""

from iotstream.local.kinesis.account import Settings
from iotstream.local.kinesis.errors import KinesisError
from iotstream.local.kinesis.fanout import Subscription
from iotstream.local.kinesis.faults import Fault
from iotstream.local.kinesis.server import Server
from iotstream.local.kinesis.state import Kinesis

__all__ = ["Fault", "Kinesis", "KinesisError", "Server", "Settings", "Subscription"]
