"""Topic rules as in AWS IoT Core: from MQTT topics, through a statement, into Kinesis.

`python -m iotstream.local.rules --help` runs the engine; `iotstream.local.rules.parser` says what of the
SQL it does, `iotstream.local.rules.evaluate` what it means.
"""

from iotstream.local.rules.errors import EvaluationError, RuleError

__all__ = ["EvaluationError", "RuleError"]
