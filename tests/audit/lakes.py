"""Lakes in a directory, written by the flow itself; to be damaged in tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import iotstream
from iotstream.audit import audit
from iotstream.journal.base import ShardKey
from iotstream.journal.memory import MemoryJournal
from iotstream.manifest import decode_gap, decode_manifest, encode, shard_prefix
from iotstream.ownership import claim_prefix, keep_schema
from iotstream.pipeline import Pipeline
from iotstream.position import Position
from iotstream.retry import Backoff
from iotstream.shard_lake import Places, ShardLake
from iotstream.sinks.objects import open_store
from iotstream.sinks.parquet import ParquetSettings
from iotstream.testing import MemorySink, raw_batch

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/kinesis-stream"
CREATED_MS = 1_760_000_000_000
START_MS = 1_769_862_600_000
"""2026-01-31T12:30:00Z: readings of the hour before lie in another partition."""
FIRST = 49_545_115_243_490_985_018_280_067_714_973_144_582_180_062_593_244_200_000
SHARDS = ("shardId-000000000000", "shardId-000000000001")
SCHEMA = iotstream.Schema.load()
QUICK = Backoff(base_s=0.001, cap_s=0.002, deadline_s=0.05)


def reading(number, at_ms):
    """One in four is of the hour before."""
    at_ms -= 3_600_000 if number % 4 == 0 else 0
    return json.dumps(
        {"timestamp": at_ms, "deviceId": f"d{number % 3}", "temperature": number / 8, "humidity": 40.5}
    ).encode()


def payloads(first, count, at_ms=START_MS):
    """Readings; one in five is broken, and one in seven holds two items."""
    made = []
    for number in range(first, first + count):
        one = reading(number, at_ms + number)
        if number % 5 == 0:
            one = b'{"deviceId": "x"}' if number % 2 else b"broken"
        elif number % 7 == 0:
            one += b"\n" + reading(number + 1000, at_ms + number)
        made.append(one)
    return made


@dataclass
class Lake:
    """A lake and its quarantine, with a journal."""

    directory: Path
    schema: iotstream.Schema = SCHEMA
    application: str = "iotstream"
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    hot: list = field(default_factory=list)

    def __post_init__(self):
        self.store = open_store(f"file://{self.directory}/lake", backoff=QUICK)
        self.quarantine = open_store(f"file://{self.directory}/quarantine", backoff=QUICK)
        claim_prefix(self.store, application=self.application, consumer="consumer")
        keep_schema(self.store, self.schema)

    @property
    def places(self):
        return Places(
            journal=self.journal, lake=self.store, quarantine=self.quarantine, encoding=ParquetSettings()
        )

    def key(self, shard, arn=ARN, created_ms=CREATED_MS):
        return ShardKey(self.application, arn, created_ms, shard)

    def writer(self, shard, read_after="TRIM_HORIZON", **whose):
        """A worker that has claimed the shard."""
        key = self.key(shard, **whose)
        state = self.journal.claim(key, "test")
        lake = ShardLake(self.places, key, state, self.schema, read_after=read_after)
        lake.resumed()
        return Pipeline(self.schema, lake=[lake], hot=self.hot, after=state.committed, defer=True, watch=lake)

    def write(self, shard=SHARDS[0], spans=3, records=20, read_after="TRIM_HORIZON", first=0):
        """So many spans, each of so many records."""
        writer = self.writer(shard, read_after)
        for number in range(first, first + spans * records, records):
            raw = raw_batch(
                payloads(number, records),
                arrival_ms=[START_MS + number + index for index in range(records)],
                first=FIRST + number,
                shard_id=shard,
            )
            writer.push(raw, 0.0)
            writer.drain()
        return self

    def audit(self, **how):
        """With its journal."""
        return audit(self.store, self.quarantine, **{"journal": self.journal, **how})

    # What is there

    def files(self, pattern):
        """Paths in the lake, sorted."""
        return sorted((self.directory / "lake").glob(pattern))

    def letters(self, pattern="dt=*/*"):
        return sorted((self.directory / "quarantine").glob(pattern))

    def manifest_paths(self, shard=SHARDS[0]):
        found = self.files(f"{shard_prefix('kinesis-stream', shard)}[0-9]*.json")
        return sorted(found, key=lambda path: decode_manifest(path.read_bytes()).ends)

    def manifests(self, shard=SHARDS[0]):
        return [decode_manifest(path.read_bytes()) for path in self.manifest_paths(shard)]

    def gaps(self):
        return [decode_gap(path.read_bytes()) for path in self.files("spans/*/*/gap-*.json")]

    def path(self, key):
        return self.directory / "lake" / key

    def letters_path(self, key):
        return self.directory / "quarantine" / key

    # Damage

    def alter(self, path, **changes):
        """Write a manifest with other values."""
        manifest = decode_manifest(path.read_bytes())
        path.write_bytes(encode(msgspec.structs.replace(manifest, **changes)))

    def replace(self, index, shard=SHARDS[0], **changes):
        """A manifest with other values, under the name that it then has."""
        path = self.manifest_paths(shard)[index]
        manifest = msgspec.structs.replace(decode_manifest(path.read_bytes()), **changes)
        path.unlink()
        self.path(manifest.key).write_bytes(encode(manifest))


def sink(**how):
    """A hot sink."""
    return MemorySink(name="timestream", **how)


def codes(report):
    """The findings' codes, each once."""
    return sorted(report.codes())


def position(number):
    """Of a record, as `write` numbers them."""
    return str(Position(FIRST + number))
