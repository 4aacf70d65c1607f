"""Settings to sinks: what the handlers and the command line put a pipeline together from."""

from __future__ import annotations

from typing import Any

from iotstream.batch import BatchLimits
from iotstream.pipeline import Pipeline
from iotstream.retry import Backoff
from iotstream.schema import Schema
from iotstream.settings import Settings
from iotstream.sinks.base import Sink


class Assembly:
    """The sinks of a process, made once; a pipeline of each shard's own is put together from them.

    Args:
        settings: `lake.uri` must be set.
        max_deadline_s: no sink keeps trying longer than this, whatever the settings say: a Lambda
            invocation must end before its time is up.

    Raises:
        ConfigurationError: a setting or the schema file is wrong.
    """

    def __init__(self, settings: Settings, *, max_deadline_s: float = float("inf")) -> None:
        settings.require("lake.uri")
        self._settings = settings
        self._deadline = max_deadline_s
        self.schema = Schema.load(settings.schema.path or None)
        self.lake = self._lake()
        self.hot = self._hot()

    def pipeline(self) -> Pipeline:
        """A new flow for one shard."""
        span = self._settings.span
        limits = BatchLimits(max_rows=span.max_rows, max_bytes=span.max_bytes, max_age_s=span.max_age_s)
        return Pipeline(self.schema, lake=self.lake, hot=self.hot, limits=limits)

    def close(self) -> None:
        """Close the sinks."""
        for sink in (*self.hot, *self.lake):
            sink.close()

    def _lake(self) -> list[Sink]:
        # Object storage is a Rust library: imported here so that a user of the core alone needs none.
        from iotstream.sinks.dead_letter import DeadLetterSink  # noqa: PLC0415
        from iotstream.sinks.objects import open_store  # noqa: PLC0415
        from iotstream.sinks.parquet import ParquetSettings, ParquetSink  # noqa: PLC0415

        settings, backoff = self._settings, self._backoff()
        encoding = ParquetSettings(
            compression_level=settings.lake.compression_level, row_group_rows=settings.lake.row_group_rows
        )
        return [
            DeadLetterSink(open_store(settings.quarantine.uri, backoff=backoff), self.schema.fingerprint),
            ParquetSink(open_store(settings.lake.uri, backoff=backoff), self.schema, encoding),
        ]

    def _hot(self) -> list[Sink]:
        timestream = self._settings.timestream
        if not timestream.enabled:
            return []
        from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink  # noqa: PLC0415

        settings: Any = TimestreamSettings(
            database=timestream.database,
            table=timestream.table,
            in_flight=timestream.in_flight,
            deadline_s=min(timestream.deadline_s, self._deadline),
        )
        return [TimestreamSink(self.schema, settings)]

    def _backoff(self) -> Backoff:
        retry = self._settings.retry
        deadline = min(retry.deadline_s, self._deadline)
        return Backoff(base_s=retry.base_s, cap_s=retry.cap_s, deadline_s=deadline)
