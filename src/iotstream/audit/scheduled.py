"""An audit by the clock: what a scheduled Lambda does, and the metrics that alarms look at."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from iotstream.audit.report import Report
from iotstream.audit.run import audit
from iotstream.emf import Metric, document
from iotstream.journal import open_journal
from iotstream.settings import Settings
from iotstream.sinks.objects import open_store

log = logging.getLogger("iotstream.audit")


class ScheduledAudit:
    """Audits the lake that the settings name, by its manifests, objects and journal.

    Metrics, with the dimensions `Application` and `Stream`: `AuditFindings`, `AuditNotes`, `AuditSpans`,
    `AuditProvedSpans`, and `OldestIntentAge` in seconds, 0 where no span is being written.

    Args:
        settings: `lake.uri` must be set.
        emit: takes a line of metrics.
        now_ms: ms since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        emit: Callable[[bytes], object],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        settings.require("lake.uri")
        self._settings = settings
        self._emit = emit
        self._now_ms = now_ms
        log.setLevel(settings.log.level)

    def __call__(self) -> dict[str, Any]:
        """Audit once, log each finding with its remedy, and emit the metrics.

        Returns:
            The report, as `iotstream audit --json` prints it.

        Raises:
            SinkUnavailable: the lake or the journal can't be read; there are no metrics then.
        """
        settings = self._settings
        backoff = settings.retry.backoff()
        with contextlib.ExitStack() as stack:
            journal = None
            if settings.journal.uri:
                journal = open_journal(settings.journal.uri, backoff=backoff)
                stack.callback(journal.close)
            report = audit(
                open_store(settings.lake_uri, backoff=backoff),
                open_store(settings.quarantine_uri, backoff=backoff),
                journal=journal,
                now_ms=self._now_ms,
            )
        for finding in report.findings:
            log.error("%s", finding.to_dict())
        self._emit(self._metrics(report))
        return report.to_dict()

    def _metrics(self, report: Report) -> bytes:
        settings, now_ms = self._settings, self._now_ms()
        oldest = report.oldest_intent_ms
        metrics = [
            Metric("AuditFindings", "Count", len(report.findings)),
            Metric("AuditNotes", "Count", len(report.notes)),
            Metric("AuditSpans", "Count", report.totals.spans),
            Metric("AuditProvedSpans", "Count", sum(one.proved_spans for one in report.shards)),
            Metric("OldestIntentAge", "Seconds", 0 if oldest is None else max(now_ms - oldest, 0) / 1000),
        ]
        dimensions = {"Application": settings.application, "Stream": settings.stream.name}
        return document(settings.metrics.namespace, dimensions, metrics, now_ms)
