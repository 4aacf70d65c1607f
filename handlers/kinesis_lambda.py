"""The Lambda behind the Kinesis event source mapping: `kinesis_lambda.handler`.

Configured by `IOTSTREAM_…` variables (docs/settings.md); the mapping needs `ReportBatchItemFailures`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from iotstream.settings import Settings
from iotstream.sources.lambda_handler import Context, KinesisHandler


@cache
def _application() -> KinesisHandler:
    return KinesisHandler(Settings.load(os.environ))


def handler(event: dict[str, Any] | bytes, context: Context) -> dict[str, list[dict[str, str]]]:
    """Write the event's records to the sinks; report the first one that is not written.

    The event comes parsed from the managed runtime, and as bytes from `raw-runtime`.
    """
    return _application()(event, context)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _application()  # in the init phase, so that a wrong setting shows at once
