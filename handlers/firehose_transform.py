"""The Lambda of a Firehose transformation: `firehose_transform.handler`.

Configured by `IOTSTREAM_SCHEMA_PATH`; without it the default schema holds, and each record becomes
`{"timestamp", "device_id", "temperature", "humidity"}`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from iotstream.schema import Schema
from iotstream.settings import Settings
from iotstream.sources.firehose import transform


@cache
def _schema() -> Schema:
    return Schema.load(Settings.load(os.environ).schema.path or None)


def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:  # noqa: ARG001
    """Answer a transformation event: `recordId`, `result` and `data` of each record."""
    return transform(event, _schema())
