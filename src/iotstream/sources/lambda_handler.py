"""What runs in Lambda behind a Kinesis event source mapping."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyarrow.compute as pc

from iotstream.assembly import Assembly
from iotstream.emf import Metric, document, metrics_of
from iotstream.errors import SinkUnavailable
from iotstream.pipeline import Pipeline, Progress
from iotstream.records import RawBatch
from iotstream.settings import Settings
from iotstream.sources.lambda_event import failures, raw_batches

RESERVE_S = 3.0
"""Left of an invocation's time for the answer when a sink gives up."""

log = logging.getLogger("iotstream")


class Context(Protocol):
    """What is used of Lambda's context object."""

    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        ...


class KinesisHandler:
    """Event in, rows in the sinks, `batchItemFailures` out.

    Without the span journal the guarantee is at least once: a batch that comes again writes the same
    objects, which are there already, and the same points; if the runtime cuts it anew, rows of the
    lake may double.

    Args:
        settings: see `docs/settings.md`.
        emit: takes a line of metrics; stdout by default, where CloudWatch reads it.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        emit: Callable[[bytes], object] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._emit = emit or _to_stdout
        self._now = now
        self._assembly: Assembly | None = None
        log.setLevel(settings.log.level)

    def __call__(self, event: Mapping[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
        """Write the event's records.

        Raises:
            ValueError: it is not a Kinesis event.
            ConfigurationError: a setting is wrong.
        """
        assembly = self._assemble(context)
        return failures([self._write(assembly.pipeline(), raw, context) for raw in raw_batches(event)])

    def _assemble(self, context: Context) -> Assembly:
        """The sinks, made at the first invocation, which tells how long one may take."""
        if self._assembly is None:
            deadline = max(context.get_remaining_time_in_millis() / 1000 - RESERVE_S, 1.0)
            self._assembly = Assembly(self._settings, max_deadline_s=deadline)
        return self._assembly

    def _write(self, pipeline: Pipeline, raw: RawBatch, context: Context) -> Progress:
        unavailable = 0
        try:
            pipeline.push(raw, 0.0)
            progress = pipeline.drain()
        except SinkUnavailable as error:
            unavailable = 1
            progress = pipeline.progress
            log.error("sink unavailable, from %s on again: %s", progress.pending, error)  # noqa: TRY400
        if pipeline.stats.extra_fields:
            log.info("fields outside the schema, on a sample: %s", dict(pipeline.stats.extra_fields))
        now_ms = round(self._now() * 1000)
        metrics = [*metrics_of(pipeline.stats), Metric("SinkUnavailable", "Count", unavailable)]
        metrics.append(Metric("IteratorAge", "Milliseconds", now_ms - pc.min(raw.arrival_ms).as_py()))
        dimensions = {"FunctionName": context.function_name, "Stream": raw.stream}
        self._emit(document(self._settings.metrics.namespace, dimensions, metrics, now_ms))
        return progress


def _to_stdout(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
