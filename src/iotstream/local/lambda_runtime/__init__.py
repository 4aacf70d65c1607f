"""Lambda on one machine: a Runtime API server and the real runtime interface client beside it.

with LambdaFunction(handler="kinesis_lambda.handler", task_root=Path("handlers")) as function:
    result = function.invoke(event)
"""

from iotstream.local.lambda_runtime.environment import InvokeResult
from iotstream.local.lambda_runtime.function import MAX_PAYLOAD_BYTES, LambdaFunction

__all__ = ["MAX_PAYLOAD_BYTES", "InvokeResult", "LambdaFunction"]
