"""The Lambda that audits the lake by the clock: `audit_lambda.handler`.

Configured by the same `IOTSTREAM_…` variables as the consumer (docs/settings.md). Its metrics are what
alarms look at; a finding is no error of the function. It reads every manifest's name: where its time is too
short for a lake, run `iotstream audit` as a task instead.
"""

from __future__ import annotations

import os
from typing import Any

from iotstream.audit.scheduled import ScheduledAudit
from iotstream.emf import to_stdout
from iotstream.settings import Settings


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - the schedule says nothing
    """Audit once; the answer is the report."""
    return ScheduledAudit(Settings.load(os.environ), emit=to_stdout)()
