"""`--stream`: against the real local Kinesis, whose records the flow has written into the lake."""

import json
import time

import msgspec
import pytest

import kinesis_stand
from audit.lakes import QUICK, Lake, codes
from iotstream.audit.stream import compare
from iotstream.batch import BatchLimits
from iotstream.errors import StreamUnavailable
from iotstream.manifest import WrittenObject, decode_manifest, encode
from iotstream.recovery import Opener
from iotstream.stream_reader import StreamReader
from iotstream.testing import kpl_aggregate

SHARD = "shardId-000000000000"
CHILD = "shardId-000000000001"
LIMITS = BatchLimits()
DAY_S = 86_400


def reading(number):
    return json.dumps(
        {
            "timestamp": int(time.time() * 1000) - 3_600_000 * (number % 3),
            "deviceId": f"d{number % 4}",
            "temperature": number / 4,
            "humidity": 50.0,
        }
    ).encode()


def payloads(first, count):
    """Some broken, some of two items, some KPL aggregates."""
    made = []
    for number in range(first, first + count):
        one = reading(number)
        if number % 6 == 0:
            one = b'{"deviceId": 1}' if number % 4 else b"broken"
        elif number % 6 == 1:
            one = kpl_aggregate([one, b"broken", reading(number + 1000)])
        elif number % 6 == 2:
            one += b"\n" + reading(number + 2000)
        made.append(one)
    return made


class World:
    """A stream and the lake that is written from it."""

    def __init__(self, tmp_path, stand):
        self.stand = stand
        self.reader = StreamReader(stand.client, backoff=QUICK, sleep=lambda _: None)
        self.lake = Lake(tmp_path)
        self.opener = Opener(
            places=self.lake.places,
            reader=self.reader,
            stream=self.reader.describe("s"),
            application="iotstream",
            owner="test",
            schema=self.lake.schema,
            hot=[],
            hot_of=lambda schema: [],
            defer=True,
        )

    def consume(self, shard=SHARD, read_after="TRIM_HORIZON", skip=0):
        """One span of all that is there, after the first `skip` records."""
        pipeline = self.opener.open(shard, read_after=read_after, limits=LIMITS)
        batches = list(self.reader.read_retained("s", shard))
        for raw in batches:
            pipeline.push(raw.slice(skip, len(raw)), 0.0)
        pipeline.drain()

    def write(self, spans=3, records=12):
        for index in range(spans):
            self.stand.put(*payloads(index * records, records), hash_key=0)
            self.consume()
        return self

    def audit(self, **how):
        return self.lake.audit(**{"reader": self.reader, "stream": True, **how})

    def manifests(self, shard=SHARD):
        paths = self.lake.files(f"spans/s/{shard}/[0-9]*.json")
        return sorted((decode_manifest(path.read_bytes()) for path in paths), key=lambda one: one.ends)

    def alter(self, index, **changes):
        path = self.lake.path(self.manifests()[index].key)
        self.lake.alter(path, **changes)


@pytest.fixture
def stand():
    made = kinesis_stand.Stand()
    yield made
    made.close()


@pytest.fixture
def world(tmp_path, stand):
    return World(tmp_path, stand)


def notes(report):
    return sorted({str(one.code) for one in report.notes})


def test_a_lake_that_holds_what_the_stream_holds(world):
    report = world.write().audit(deep=True)
    assert report.findings == []
    assert report.notes == []
    assert report.proved
    assert report.totals.spans_compared == 3
    assert report.totals.records == 36 + 6 * 2


def test_a_span_that_begins_and_ends_within_an_aggregate(world):
    world.stand.put(kpl_aggregate([*map(reading, range(9))]), reading(9))
    pipeline = world.opener.open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits(max_rows=1))
    (raw,) = world.reader.read_retained("s", SHARD)
    for start, stop in ((0, 4), (4, 7), (7, 10)):
        pipeline.push(raw.slice(start, stop), 0.0)
    assert len(world.manifests()) == 3
    assert world.manifests()[1].first.endswith(".4")
    report = world.audit(deep=True)
    assert report.proved
    assert report.totals.spans_compared == 3


def test_without_read_after_the_stream_proves_it(world):
    for index in range(3):
        world.stand.put(*payloads(index * 12, 12))
        world.consume(read_after=None)
    assert not world.audit(stream=False).proved
    report = world.audit()
    assert report.proved
    assert report.notes == []


def test_records_that_were_skipped_are_a_hole(world):
    """A runtime that doesn't say where it read on: only the stream shows it."""
    world.stand.put(*payloads(0, 12))
    world.consume(read_after=None)
    world.stand.put(*payloads(12, 12))
    seen = sum(len(raw) for raw in world.reader.read_retained("s", SHARD))
    world.consume(read_after=None, skip=seen - 5)
    assert world.audit(stream=False).ok
    report = world.audit()
    assert codes(report) == ["hole"]
    assert "records of the stream" in report.findings[0].message
    assert report.shards[0].proved_spans == 1


def test_records_before_the_first_span_are_a_hole(world):
    world.stand.put(*payloads(0, 12))
    world.consume(read_after=None, skip=3)
    assert codes(world.audit()) == ["hole"]


@pytest.mark.parametrize("start", ["LATEST", "AT_TIMESTAMP"])
def test_records_before_the_configured_beginning_are_none(world, start):
    world.stand.put(*payloads(0, 12))
    world.consume(read_after=start, skip=3)
    report = world.audit()
    assert report.proved
    assert notes(report) == ["begins_late"]


def test_a_gap_whose_records_are_still_kept(world):
    world.stand.put(*payloads(0, 12))
    world.consume()
    numbers = world.stand.put(*map(reading, range(12, 20)))
    seen = sum(len(raw) for raw in world.reader.read_retained("s", SHARD))
    world.consume(read_after=str(numbers[2]), skip=seen - 5)
    report = world.audit()
    assert codes(report) == ["gap"]
    assert notes(report) == ["recoverable"]
    assert report.notes[0].message.startswith("3 records of the stream")


def test_records_after_the_last_span_are_in_progress(world):
    world.write(spans=1)
    world.stand.put(reading(1))
    report = world.audit()
    assert report.proved
    assert notes(report) == ["in_progress"]


def test_rows_that_are_not_those_of_the_stream(world):
    world.write()
    manifest = world.manifests()[1]
    first, *others = manifest.objects
    other = msgspec.structs.replace(first, row_hash="0" * 16)
    world.alter(1, objects=(other, *others))
    report = world.audit()
    assert codes(report) == ["stream_differs"]
    assert report.findings[0].key == manifest.key
    assert first.key in report.findings[0].message
    assert report.shards[0].proved_spans == 1


def test_rows_are_moved_between_objects(world):
    """The sums are the same; only decoding again tells."""
    world.write(spans=1)
    one, other, *rest = world.manifests()[0].objects
    changed = (
        WrittenObject(key=one.key, rows=one.rows + 1, row_hash=one.row_hash, size=one.size),
        WrittenObject(key=other.key, rows=other.rows - 1, row_hash=other.row_hash, size=other.size),
        *rest,
    )
    world.alter(0, objects=changed)
    assert world.audit(stream=False).ok
    assert codes(world.audit()) == ["stream_differs"]


def test_rejects_have_other_reasons(world):
    world.write(spans=1)
    rejects = dict(world.manifests()[0].rejects)
    name, count = rejects.popitem()
    world.alter(0, rejects={**rejects, "too_large": count})
    assert name != "too_large"
    report = world.audit()
    assert codes(report) == ["stream_differs"]
    assert "rejects" in report.findings[0].message


@pytest.mark.parametrize("records", [-1, 1])
def test_records_are_more_or_less(world, records):
    world.write(spans=1)
    world.alter(0, records=world.manifests()[0].records + records)
    assert codes(world.audit()) == ["stream_differs"]


def test_a_span_claims_records_that_the_stream_never_had(world):
    world.write(spans=1)
    path = world.lake.path(world.manifests()[0].key)
    manifest = world.manifests()[0]
    first, last = manifest.ends
    changed = msgspec.structs.replace(manifest, last=str(last._replace(sequence_number=last[0] + 5)))
    path.unlink()
    world.lake.path(changed.key).write_bytes(encode(changed))
    assert first < last
    assert "stream_differs" in codes(world.audit())


def test_what_the_stream_no_longer_keeps_is_said(world):
    world.write(spans=1)
    world.stand.clock.advance(23 * 3600)
    world.stand.put(*payloads(12, 12))
    world.consume()
    assert world.audit().notes == []
    world.stand.clock.advance(2 * 3600)
    report = world.audit()
    assert report.proved
    assert notes(report) == ["not_retained"]
    assert "1 of 2 spans" in report.notes[0].message
    assert report.totals.spans_compared == 1


def test_what_is_gone_can_not_be_proved_by_the_stream(world):
    for index in range(2):
        world.stand.put(*payloads(index * 12, 12))
        world.consume(read_after=None)
        world.stand.clock.advance(23 * 3600)
    assert world.audit(stream=False).ok
    report = world.audit()
    assert report.ok
    assert not report.proved
    assert {"not_retained", "unproved"} <= set(notes(report))


def test_a_stream_that_was_made_anew_is_not_compared(world):
    world.write(spans=1)
    world.stand.call("DeleteStream")
    world.stand.clock.advance(60)
    world.stand.call("CreateStream", ShardCount=1)
    report = world.audit()
    assert report.ok
    assert notes(report) == ["not_compared"]


def test_a_stream_that_is_gone_is_an_error(world):
    world.write(spans=1)
    world.stand.call("DeleteStream")
    world.stand.clock.advance(60)
    with pytest.raises(StreamUnavailable):
        world.audit()


def test_a_schema_that_is_gone_leaves_spans_uncompared(world):
    world.write(spans=2)
    world.lake.files("schemas/*")[0].unlink()
    report = world.audit()
    assert codes(report) == ["schema_missing"]
    assert notes(report) == ["not_compared"]


# Resharding


def split(world):
    world.stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    world.stand.clock.advance(60)


def test_children_after_a_parent_that_was_read_to_its_end(world):
    world.write(spans=2)
    split(world)
    world.stand.put(*payloads(24, 12), hash_key=0)
    world.consume(CHILD)
    report = world.audit()
    assert report.proved
    assert [one.shard for one in report.shards] == [SHARD, CHILD]
    # Without the stream it is not known.
    assert notes(world.audit(stream=False)) == ["parent_unknown"]


def test_children_before_the_parent_was_read_to_its_end(world):
    world.write(spans=1)
    world.stand.put(*payloads(12, 5))
    split(world)
    world.stand.put(*payloads(24, 12), hash_key=0)
    world.consume(CHILD)
    report = world.audit()
    assert codes(report) == ["parent_unfinished"]
    assert report.findings[0].shard == SHARD
    world.consume()
    assert world.audit().proved


def test_children_of_a_parent_that_is_not_in_the_lake(world):
    world.stand.put(*payloads(0, 5))
    split(world)
    world.stand.put(*payloads(24, 12), hash_key=0)
    world.consume(CHILD)
    assert codes(world.audit()) == ["parent_unfinished"]


@pytest.mark.parametrize(("start", "note"), [("LATEST", "begins_late"), (None, "parent_unknown")])
def test_children_that_were_not_to_wait(world, start, note):
    world.stand.put(*payloads(0, 5))
    split(world)
    world.stand.put(*payloads(24, 12), hash_key=0)
    world.consume(CHILD, read_after=start)
    report = world.audit()
    assert report.ok
    assert note in notes(report)


def test_a_shard_that_nobody_has_begun(world):
    world.write(spans=1)
    split(world)
    world.stand.put(*payloads(24, 3), hash_key=0)
    report = world.audit()
    assert report.ok
    assert notes(report) == ["not_begun"]


# Bounded


def test_no_more_is_read_than_needed(world):
    """One page that holds later records ends it, and each page is let go of."""
    world.write(spans=2)
    (chain,) = chains_of(world)
    pages = []

    def batches():
        for raw in world.reader.read_retained("s", SHARD):
            for start in range(0, len(raw), 3):
                pages.append(start)
                yield raw.slice(start, min(start + 3, len(raw)))

    result = compare(chain, batches(), lambda fingerprint: world.lake.schema)
    assert result.same == {0, 1}
    expected = len(pages)
    world.stand.put(*payloads(24, 60))
    pages.clear()
    result = compare(chain, batches(), lambda fingerprint: world.lake.schema)
    assert result.same == {0, 1}
    assert len(pages) <= expected + 1


def chains_of(world):
    from iotstream.audit.chains import Chain, SpanFacts

    key = world.lake.key(SHARD, arn=world.stand.arn)
    return [Chain(key, [SpanFacts.of(one) for one in world.manifests()], [])]
