"""What runs in Lambda behind a Kinesis event source mapping."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyarrow.compute as pc

from iotstream.assembly import Assembly
from iotstream.emf import Metric, document, metrics_of, to_stdout
from iotstream.errors import ClaimLost, GapFound, SinkUnavailable, StreamUnavailable
from iotstream.pipeline import Pipeline, Progress, Stats
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.settings import Settings
from iotstream.sources.lambda_event import failures, raw_batches

RESERVE_S = 3.0
"""Left of an invocation's time for the answer when a sink gives up."""
STEP_BYTES = 1024 * 1024
"""Payload bytes taken at once; between two steps the handler looks whether time is left."""

log = logging.getLogger("iotstream")


class Context(Protocol):
    """What is used of Lambda's context object."""

    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        ...


class KinesisHandler:
    """Event in, rows in the sinks, `batchItemFailures` out.

    With the span journal (`journal.uri`) every item is in the lake exactly once, whatever the runtime
    does; an invocation whose time runs out commits what is done, and reports the first record that is
    not. Without it the guarantee is at least once: a batch that comes again writes the same objects,
    which are there already, and the same points; if the runtime cuts it anew, rows of the lake may
    double.

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
        self._emit = emit or to_stdout
        self._now = now
        self._assembly: Assembly | None = None
        log.setLevel(settings.log.level)

    def __call__(self, event: Mapping[str, Any] | bytes, context: Context) -> dict[str, list[dict[str, str]]]:
        """Write the event's records.

        Args:
            event: as the managed runtime has parsed it; or its JSON.
            context: of the invocation.

        Raises:
            ValueError: it is not a Kinesis event.
            ConfigurationError: a setting is wrong.
        """
        batches = raw_batches(event)
        try:
            assembly = self._assemble(context)
        except SinkUnavailable as error:
            log.error("nothing was written: %s", error)  # noqa: TRY400
            return failures([Progress(None, raw.position(0)) for raw in batches])
        return failures([self._write(assembly, raw, context) for raw in batches])

    def _assemble(self, context: Context) -> Assembly:
        """The sinks, made at the first invocation, which tells how long one may take."""
        if self._assembly is None:
            deadline = max(context.get_remaining_time_in_millis() / 1000 - RESERVE_S, 1.0)
            self._assembly = Assembly(self._settings, consumer="lambda", max_deadline_s=deadline)
        return self._assembly

    def _write(self, assembly: Assembly, raw: RawBatch, context: Context) -> Progress:
        progress, stats, unavailable = Progress(None, raw.position(0)), Stats(), 0
        try:
            pipeline = assembly.pipeline(stream=raw.stream, shard_id=raw.shard_id)
            stats = pipeline.stats
            try:
                rest = _take(pipeline, raw, context)
            finally:
                progress = pipeline.progress
            if rest is not None:
                log.warning("time is running out: from %s on again", rest)
                progress = progress._replace(pending=rest)
        except (SinkUnavailable, StreamUnavailable, ClaimLost, GapFound) as error:
            unavailable = 1
            progress = progress._replace(pending=progress.pending or raw.position(0))
            log.error("from %s on again: %s", progress.pending, error)  # noqa: TRY400
        if stats.extra_fields:
            log.info("fields outside the schema, on a sample: %s", dict(stats.extra_fields))
        now_ms = round(self._now() * 1000)
        metrics = [*metrics_of(stats), Metric("SinkUnavailable", "Count", unavailable)]
        metrics.append(Metric("IteratorAge", "Milliseconds", now_ms - pc.min(raw.arrival_ms).as_py()))
        dimensions = {"FunctionName": context.function_name, "Stream": raw.stream}
        self._emit(document(self._settings.metrics.namespace, dimensions, metrics, now_ms))
        return progress


def _take(pipeline: Pipeline, raw: RawBatch, context: Context) -> Position | None:
    """Write the records step by step; the first one for which no time was left, None if there was for all."""
    steps = -(-raw.payload_bytes // STEP_BYTES)
    size = -(-len(raw) // max(steps, 1))
    rest = None
    for start in range(0, len(raw), size):
        if start and context.get_remaining_time_in_millis() < RESERVE_S * 1000:
            rest = raw.position(start)
            break
        pipeline.push(raw.slice(start, start + size) if steps > 1 else raw, 0.0)
    pipeline.drain()
    return rest
