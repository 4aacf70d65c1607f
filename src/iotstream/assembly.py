"""Settings to sinks: what the handlers and the command line put a pipeline together from."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iotstream.batch import BatchLimits
from iotstream.decode import decoder
from iotstream.pipeline import Pipeline
from iotstream.schema import Schema
from iotstream.settings import Settings
from iotstream.sinks.base import Sink

if TYPE_CHECKING:
    from iotstream.journal.base import Journal
    from iotstream.recovery import Opener
    from iotstream.sinks.objects import Store

log = logging.getLogger("iotstream")


class Assembly:
    """The sinks of a process, made once; a pipeline of each shard's own is put together from them.

    Args:
        settings: `lake.uri` must be set. With `journal.uri` the lake is exactly-once, else at least once.
        consumer: what reads the stream: "lambda" or "consumer". A lake prefix belongs to one of them.
        max_deadline_s: no sink keeps trying longer than this, whatever the settings say: a Lambda
            invocation must end before its time is up.

    Attributes:
        schema: the telemetry.
        hot: the sinks for dashboards.

    Raises:
        ConfigurationError: a setting or the schema file is wrong, or the lake belongs to another.
        SinkUnavailable: the lake can't be reached.
    """

    def __init__(
        self, settings: Settings, *, consumer: str = "consumer", max_deadline_s: float = float("inf")
    ) -> None:
        # Object storage is a Rust library: imported here so that a user of the core alone needs none.
        from iotstream.ownership import claim_prefix, keep_schema  # noqa: PLC0415
        from iotstream.sinks.objects import open_store  # noqa: PLC0415

        settings.require("lake.uri")
        log.info("decoding by %s", decoder())
        self._settings = settings
        self._deadline = max_deadline_s
        self._backoff = settings.retry.backoff(max_deadline_s)
        self.schema = Schema.load(settings.schema.path or None)
        self._lake = open_store(settings.lake_uri, backoff=self._backoff)
        self._quarantine = open_store(settings.quarantine_uri, backoff=self._backoff)
        self._openers: dict[str, Opener] = {}
        self._opening = threading.Lock()
        self._journaled = bool(settings.journal.uri)
        claim_prefix(self._lake, application=settings.application, consumer=consumer)
        if self._journaled:
            keep_schema(self._lake, self.schema)
            self._shared = self._shared_parts()
        else:
            self._plain = self._plain_sinks()
        self.hot = self._hot(self.schema)

    @property
    def limits(self) -> BatchLimits:
        """When a span closes, by the settings."""
        span = self._settings.span
        return BatchLimits(max_rows=span.max_rows, max_bytes=span.max_bytes, max_age_s=span.max_age_s)

    @property
    def lake(self) -> Store:
        """The lake's store, under its prefix."""
        return self._lake

    @property
    def quarantine(self) -> Store:
        """The dead letters' store, under its prefix."""
        return self._quarantine

    @property
    def journal(self) -> Journal:
        """The span journal; only where one is configured."""
        journal: Journal = self._shared.journal
        return journal

    def pipeline(self, *, stream: str = "", shard_id: str = "", read_after: str | None = None) -> Pipeline:
        """A new flow for one shard; with a journal the shard is claimed, and recovered, by it.

        Args:
            stream: its name; the configured one by default.
            shard_id: the shard.
            read_after: where the source reads on from: a position, TRIM_HORIZON, LATEST or AT_TIMESTAMP;
                None: it doesn't say.

        Raises:
            ClaimLost: another worker has claimed the shard meanwhile.
            GapFound: records are gone, and the settings say to stop.
            SinkUnavailable: a sink stayed down.
            StreamUnavailable: the stream can't be read.
        """
        if not self._journaled:
            return Pipeline(self.schema, lake=self._plain, hot=self.hot, limits=self.limits)
        # Shards may be opened by several threads at once.
        with self._opening:
            opener = self._opener(stream or self._settings.stream.name)
        return opener.open(shard_id, read_after=read_after, limits=self.limits)

    def close(self) -> None:
        """Close the sinks."""
        for sink in self.hot:
            sink.close()
        if self._journaled:
            self._shared.journal.close()

    def _plain_sinks(self) -> list[Sink]:
        """Without a journal."""
        from iotstream.sinks.dead_letter import DeadLetterSink  # noqa: PLC0415
        from iotstream.sinks.parquet import ParquetSink  # noqa: PLC0415

        letters = DeadLetterSink(self._quarantine, self.schema.fingerprint)
        return [letters, ParquetSink(self._lake, self.schema, self._encoding())]

    def _shared_parts(self) -> Any:
        from iotstream.journal import open_journal  # noqa: PLC0415
        from iotstream.shard_lake import Places  # noqa: PLC0415

        settings = self._settings
        return Places(
            journal=open_journal(settings.journal.uri, backoff=self._backoff),
            lake=self._lake,
            quarantine=self._quarantine,
            encoding=self._encoding(),
            on_gap=settings.journal.on_gap,
        )

    def _opener(self, stream: str) -> Opener:
        if stream not in self._openers:
            from iotstream.recovery import Opener  # noqa: PLC0415
            from iotstream.stream_reader import StreamReader  # noqa: PLC0415

            reader = StreamReader.open(backoff=self._backoff)
            self._openers[stream] = Opener(
                places=self._shared,
                reader=reader,
                stream=reader.describe(stream),
                application=self._settings.application,
                owner=f"{socket.gethostname()}:{os.getpid()}",
                schema=self.schema,
                hot=self.hot,
                hot_of=self._hot,
                defer=deferrable(self._settings),
            )
        return self._openers[stream]

    def _encoding(self) -> Any:
        from iotstream.sinks.parquet import ParquetSettings  # noqa: PLC0415

        lake = self._settings.lake
        return ParquetSettings(compression_level=lake.compression_level, row_group_rows=lake.row_group_rows)

    def _hot(self, schema: Schema) -> Sequence[Sink]:
        return hot_sinks(self._settings, schema, max_deadline_s=self._deadline)


def hot_sinks(settings: Settings, schema: Schema, *, max_deadline_s: float = float("inf")) -> list[Sink]:
    """The sinks for dashboards that are configured; none in a run that isn't to write to them.

    Args:
        settings: all of them.
        schema: of the rows.
        max_deadline_s: none keeps trying longer than this.

    Raises:
        ConfigurationError: the schema doesn't fit a sink, or a setting is wrong.
    """
    if settings.journal.run and not settings.journal.run_hot_sinks:
        return []
    made: list[Sink] = []
    try:
        if settings.timestream.enabled:
            made.append(_timestream(settings, schema, max_deadline_s))
        if settings.influxdb.enabled:
            made.append(_influxdb(settings, schema, max_deadline_s))
    except BaseException:
        for sink in made:
            sink.close()
        raise
    return made


def deferrable(settings: Settings) -> frozenset[str]:
    """The hot sinks that may be down without stopping the flow."""
    sections = (settings.timestream, settings.influxdb)
    return frozenset(one.section for one in sections if one.on_unavailable == "defer")


def _timestream(settings: Settings, schema: Schema, max_deadline_s: float) -> Sink:
    from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink  # noqa: PLC0415

    timestream = settings.timestream
    target = TimestreamSettings(
        database=timestream.database,
        table=timestream.table,
        in_flight=timestream.in_flight,
        deadline_s=min(timestream.deadline_s, max_deadline_s),
    )
    return TimestreamSink(schema, target)


def _influxdb(settings: Settings, schema: Schema, max_deadline_s: float) -> Sink:
    from iotstream.sinks.influxdb import InfluxSettings, InfluxSink  # noqa: PLC0415

    influxdb = settings.influxdb
    target = InfluxSettings(
        url=influxdb.url,
        version=influxdb.version,
        database=influxdb.database,
        org=influxdb.org,
        token=influxdb.token,
        token_secret=influxdb.token_secret,
        username=influxdb.username,
        password=influxdb.password,
        in_flight=influxdb.in_flight,
        lines_per_call=influxdb.lines_per_call,
        gzip=influxdb.gzip,
        deadline_s=min(influxdb.deadline_s, max_deadline_s),
    )
    return InfluxSink(schema, target)
