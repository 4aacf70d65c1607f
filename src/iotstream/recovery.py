"""A shard is opened: claimed, and what another worker left half-done is finished."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from iotstream.batch import BatchLimits
from iotstream.errors import RangeExpired
from iotstream.journal.base import ShardKey, ShardState
from iotstream.manifest import Manifest, decode_manifest
from iotstream.ownership import load_schema
from iotstream.pipeline import Pipeline, Stats
from iotstream.schema import Schema
from iotstream.shard_lake import Places, ShardLake
from iotstream.sinks.base import Sink
from iotstream.stream_reader import StreamDescription, StreamReader

# A span is written again exactly as it was cut.
_NO_LIMITS = BatchLimits(max_rows=2**62, max_bytes=2**62, max_age_s=float("inf"))

log = logging.getLogger("iotstream")


@dataclass(frozen=True, kw_only=True)
class Opener:
    """Opens shards of one stream.

    Attributes:
        places: where everything is.
        reader: reads the stream again.
        stream: which one.
        application: whose lake it is.
        owner: who claims; for people.
        schema: of new spans.
        hot: the hot sinks.
        hot_of: the hot sinks for rows of another schema.
        defer: hot sinks, all or by name, to which rows may be sent later from the lake when they are down.
    """

    places: Places
    reader: StreamReader
    stream: StreamDescription
    application: str
    owner: str
    schema: Schema
    hot: Sequence[Sink]
    hot_of: Callable[[Schema], Sequence[Sink]]
    defer: bool | Collection[str]

    def open(self, shard_id: str, *, read_after: str | None, limits: BatchLimits) -> Pipeline:
        """Claim the shard, finish what was intended, and go on from there.

        Args:
            shard_id: the shard.
            read_after: where the source reads on from: a position, TRIM_HORIZON, LATEST or AT_TIMESTAMP;
                None: it doesn't say.
            limits: when a span closes.

        Raises:
            ClaimLost: another worker has claimed it meanwhile.
            GapFound: records are gone, and the settings say to stop.
            SinkUnavailable: a store or the journal stayed down.
            StreamUnavailable: the stream can't be read.
        """
        key = ShardKey(self.application, self.stream.arn, self.stream.created_ms, shard_id)
        state = self.places.journal.claim(key, self.owner)
        stats = Stats()
        if state.intent is not None:
            state = self._recover(key, state, decode_manifest(state.intent), stats)
        lake = ShardLake(
            self.places,
            key,
            state,
            self.schema,
            read_after=read_after,
            retention_ms=self.stream.retention_ms,
        )
        lake.resumed()
        return Pipeline(
            self.schema,
            lake=[lake],
            hot=self.hot,
            limits=limits,
            after=state.committed,
            defer=self.defer,
            watch=lake,
            stats=stats,
        )

    def _recover(self, key: ShardKey, state: ShardState, intent: Manifest, stats: Stats) -> ShardState:
        schema = self._schema(intent.schema)
        lake = ShardLake(self.places, key, state, schema)
        first, last = intent.ends
        if self.places.lake.exists(intent.key):
            log.info("span %s was written; it is committed now", intent.name)
            lake.commit(intent)
            return lake.state
        hot = self.hot if schema == self.schema else self.hot_of(schema)
        pipeline = Pipeline(schema, lake=[lake], hot=hot, limits=_NO_LIMITS, defer=self.defer, stats=stats)
        try:
            for raw in self.reader.read_range(self.stream.name, key.shard_id, first, last):
                pipeline.push(raw, 0.0)
        except RangeExpired as error:
            log.warning("span %s can't be read again: %s", intent.name, error)
            if lake.adopt(intent):
                log.info("span %s was written in full; it is adopted", intent.name)
            else:
                lake.abandon(intent)
                stats.gaps += 1
            return lake.state
        pipeline.drain()
        log.info("span %s was intended and is written now", intent.name)
        return lake.state

    def _schema(self, fingerprint: str) -> Schema:
        if fingerprint == self.schema.fingerprint:
            return self.schema
        return load_schema(self.places.lake, fingerprint)
