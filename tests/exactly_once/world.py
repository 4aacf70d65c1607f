"""A stream, a lake and a journal in memory, and workers that die at any call to them."""

import gzip
import json
import random
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import MemoryStore

from iotstream.batch import BatchLimits
from iotstream.errors import ClaimLost, RangeExpired, SinkUnavailable
from iotstream.journal.memory import MemoryJournal
from iotstream.manifest import decode_gap, decode_manifest
from iotstream.ownership import keep_schema
from iotstream.position import Position
from iotstream.records import RawBatch
from iotstream.recovery import Opener
from iotstream.rejects import Rejects
from iotstream.retry import Backoff
from iotstream.row_hash import row_hash
from iotstream.schema import Schema
from iotstream.shard_lake import Places
from iotstream.sinks.objects import Store
from iotstream.sinks.parquet import ParquetSettings
from iotstream.stream_reader import StreamDescription
from iotstream.testing import kpl_aggregate
from iotstream.unpack import deaggregate

SCHEMA = Schema.parse(
    """
name = "numbered"
version = 1
[limits]
max_age = "off"
max_ahead = "off"
[[field]]
name = "at"
type = "timestamp"
role = "time"
[[field]]
name = "n"
type = "int64"
role = "measure"
[[field]]
name = "device"
type = "string"
role = "dimension"
"""
)
STREAM = StreamDescription(
    name="s", arn="arn:aws:kinesis:us-east-1:1:stream/s", created_ms=1, retention_ms=10**13
)
SHARD = "shardId-000000000000"
BASE = 49_000_000_000_000_000_000_000
ARRIVAL_MS = 1_734_604_200_000
HOUR_MS = 3_600_000


class Killed(BaseException):
    """The process is gone: nothing of it may run on."""


class Fate:
    """Decides at each call to a store or the journal whether the worker dies, before or after it."""

    def __init__(self, source, odds):
        self.source, self.odds, self.calls = source, odds, 0
        self.dead = False

    def call(self, function, *args, **keywords):
        self.calls += 1
        if self.dead:
            raise Killed
        chance = self.source.random()
        if chance < self.odds:
            self.dead = True
            raise Killed
        if self.odds <= chance < self.odds * 1.5:
            raise SinkUnavailable("down")
        result = function(*args, **keywords)
        if chance > 1 - self.odds:
            self.dead = True
            raise Killed
        return result


class Fateful:
    """Anything, each of whose calls may be the worker's last."""

    def __init__(self, inner, fate):
        self._inner, self._fate = inner, fate

    def __getattr__(self, name):
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute
        if name == "put_new":
            return self._put_new
        return lambda *args, **keywords: self._fate.call(attribute, *args, **keywords)

    def _put_new(self, objects, **keywords):
        # One at a time: it may die between two.
        return sum(self._fate.call(self._inner.put_new, [one], **keywords) for one in objects)


class Reader:
    """Reads the world's records again."""

    def __init__(self, world):
        self._world = world

    def read_range(self, stream, shard_id, first, last):
        if first.sequence_number < self._world.horizon:
            raise RangeExpired("gone")
        raw = deaggregate(self._world.raw(0, len(self._world.payloads)))
        inside = [i for i in range(len(raw)) if first <= raw.position(i) <= last]
        # Cut otherwise than it came.
        for start in range(inside[0], inside[-1] + 1, 7):
            yield raw.slice(start, min(start + 7, inside[-1] + 1))


class World:
    """Everything that outlives a worker."""

    def __init__(self, payloads):
        self.payloads = payloads
        self.journal = MemoryJournal()
        self.lake = Store(uri="memory:///lake", store=MemoryStore(), backoff=Backoff(deadline_s=0))
        self.quarantine = Store(
            uri="memory:///quarantine", store=MemoryStore(), backoff=Backoff(deadline_s=0)
        )
        self.points = {}
        self.checkpoint = None
        self.horizon = 0
        self.on_gap = "record"
        self.stream = STREAM
        keep_schema(self.lake, SCHEMA)

    def raw(self, start, stop):
        """The records of those indexes, as the stream has them."""
        count = max(min(stop, len(self.payloads)) - start, 0)
        return RawBatch(
            payloads=self.payloads[start : start + count],
            sequence_numbers=[str(BASE + 2 * (start + i)) for i in range(count)],
            arrival_ms=pa.array([ARRIVAL_MS + start + i for i in range(count)], pa.int64()),
            stream=STREAM.name,
            shard_id=SHARD,
        )

    def opener(self, fate=None, hot=(), *, schema=SCHEMA, defer=True):
        fateful = (lambda inner: inner) if fate is None else (lambda inner: Fateful(inner, fate))
        return Opener(
            places=Places(
                journal=fateful(self.journal),
                lake=fateful(self.lake),
                quarantine=fateful(self.quarantine),
                encoding=ParquetSettings(),
                on_gap=self.on_gap,
            ),
            reader=Reader(self),
            stream=self.stream,
            application="test",
            owner="worker",
            schema=schema,
            hot=hot,
            hot_of=lambda _: hot,
            defer=defer,
        )

    # What there is at the end

    def rows(self):
        found = []
        for key, _ in self.lake.list("data"):
            found += pq.read_table(pa.BufferReader(self.lake.get(key)))["n"].to_pylist()
        return Counter(found)

    def letters(self, *, sink=""):
        found = []
        for key, _ in self.quarantine.list(""):
            lines = gzip.decompress(self.quarantine.get(key)).splitlines()
            found += [one for one in map(json.loads, lines) if one["sink"] == sink]
        return found

    def manifests(self):
        keys = [key for key, _ in self.lake.list("spans") if "/gap-" not in key]
        return sorted((decode_manifest(self.lake.get(key)) for key in keys), key=lambda one: one.ends)

    def gaps(self):
        return [decode_gap(self.lake.get(key)) for key, _ in self.lake.list("spans") if "/gap-" in key]

    def check_manifests(self):
        """The chain has no break, and says what is in the objects."""
        previous, keys = None, set()
        for one in self.manifests():
            assert one.previous == previous, (one.previous, previous)
            previous = one.last
            assert one.items == one.rows + sum(one.rejects.values())
            assert one.rows == sum(written.rows for written in one.objects)
            for written in one.objects:
                body = self.lake.get(written.key)
                assert len(body) == written.size
                assert row_hash(pq.read_table(pa.BufferReader(body))) == written.row_hash
                keys.add(written.key)
        assert keys == {key for key, _ in self.lake.list("data")}


class Points:
    """A hot sink that upserts: (device, time) → the reading that arrived last."""

    name = "points"

    def __init__(self, world, fate=None, *, down=lambda: False):
        self.world, self.fate, self.down = world, fate, down

    def write(self, batch):
        if self.down():
            raise SinkUnavailable("points are down")
        if self.fate is not None:
            self.fate.call(lambda: None)
        versions = batch.origin.raw.arrival_ms.take(batch.origin.record).to_pylist()
        for row, version in zip(batch.data.to_pylist(), versions, strict=True):
            place = (row["device"], row["at"])
            before = self.world.points.get(place)
            if before is None or before[0] <= version:
                self.world.points[place] = (version, row["n"])
        return Rejects()


def payloads(count, source):
    """Records with numbered items: plain, packed, aggregated, bad; hours of event time mixed."""
    out, n = [], 0

    def item():
        nonlocal n
        n += 1
        at = ARRIVAL_MS + source.choice((0, HOUR_MS, -HOUR_MS)) + n
        return {"at": at, "n": n, "device": f"d{n % 3}"}

    for _ in range(count):
        kind = source.random()
        if kind < 0.6:
            out.append(json.dumps(item()).encode())
        elif kind < 0.75:
            out.append(json.dumps([item() for _ in range(source.randrange(1, 4))]).encode())
        elif kind < 0.9:
            n += 1
            out.append(json.dumps({"n": n, "device": 7}).encode())
        else:
            out.append(kpl_aggregate([json.dumps(item()).encode() for _ in range(source.randrange(1, 5))]))
    return out, n


class Worker:
    """Reads from the checkpoint on, in batches of any size, until it dies, or is done."""

    def __init__(self, world, source, odds, *, limits, checkpoints=0.7):
        self.world, self.source = world, source
        self.fate = Fate(source, odds) if odds else None
        self.limits, self.checkpoints = limits, checkpoints
        self.pipeline = None

    def open(self):
        world = self.world
        points = Points(world, self.fate)
        read_after = "TRIM_HORIZON" if world.checkpoint is None else str(world.checkpoint)
        start = 0
        if world.checkpoint is not None:
            # KCL delivers the rest of an aggregate only; the direct source all of it.
            start = (world.checkpoint.sequence_number - BASE) // 2
        self.at = start
        self.pipeline = world.opener(self.fate, [points]).open(
            SHARD, read_after=read_after, limits=self.limits
        )
        # What is durable already may be checkpointed.
        self._checkpoint(self.pipeline.progress.done)

    def step(self):
        """One delivery; False at the end."""
        size = self.source.randrange(1, 12)
        raw = self.world.raw(self.at, self.at + size)
        if not len(raw):
            self._checkpoint(self.pipeline.drain().done)
            return False
        self.at += len(raw)
        progress = self.pipeline.push(raw, 0.0)
        if self.source.random() < self.checkpoints:
            self._checkpoint(progress.done)
        return True

    def run(self):
        """Whether it got to the end."""
        try:
            self.open()
            while self.step():
                pass
        except (Killed, SinkUnavailable, ClaimLost):
            return False
        return True

    def _checkpoint(self, done):
        if done is not None:
            assert self.world.checkpoint is None or isinstance(done, Position)
            self.world.checkpoint = done


def numbers_of(letters):
    """The numbers of dead letters' items."""
    import base64

    return Counter(json.loads(base64.b64decode(one["payload"]))["n"] for one in letters)


def limits_of(source):
    return BatchLimits(max_rows=source.choice((1, 5, 20, 1000)))


def seeded(seed):
    return random.Random(seed)
