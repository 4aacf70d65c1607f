"""Workers die at every call they make, and every item is in the lake, or among the dead letters, once."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import (
    ARRIVAL_MS,
    BASE,
    SCHEMA,
    SHARD,
    STREAM,
    Killed,
    Points,
    Worker,
    World,
    limits_of,
    numbers_of,
    payloads,
    seeded,
)

from iotstream.batch import BatchLimits
from iotstream.errors import ClaimLost, GapFound, SinkUnavailable
from iotstream.position import Position
from iotstream.schema import Schema


def check(world, count):
    found = world.rows() + numbers_of(world.letters())
    assert found == Counter(range(1, count + 1))
    world.check_manifests()
    assert world.gaps() == []
    # The points are the rows; what is missing is in spans that say so.
    points = Counter(n for _, n in world.points.values())
    deferred = {n for one in world.manifests() if one.deferred for n in rows_of(world, one)}
    assert points <= world.rows()
    assert set(world.rows() - points) <= deferred


@given(st.integers(0, 2**32), st.sampled_from((0.02, 0.1, 0.3)))
def test_one_worker_after_another(seed, odds):
    source = seeded(seed)
    records, count = payloads(source.randrange(1, 60), source)
    world = World(records)
    for _ in range(source.randrange(30)):
        Worker(world, source, odds, limits=limits_of(source)).run()
        if source.random() < 0.1:
            world.checkpoint = None  # the lease table was lost
    assert Worker(world, source, 0, limits=limits_of(source)).run()
    check(world, count)


@given(st.integers(0, 2**32))
def test_workers_that_think_they_have_the_shard(seed):
    source = seeded(seed)
    records, count = payloads(source.randrange(1, 60), source)
    world = World(records)
    workers = []
    for _ in range(source.randrange(80)):
        if not workers or source.random() < 0.2:
            workers.append(Worker(world, source, source.choice((0, 0.05)), limits=limits_of(source)))
        worker = source.choice(workers)
        before = world.checkpoint
        try:
            going = worker.open() or True if worker.pipeline is None else worker.step()
        except (Killed, SinkUnavailable, ClaimLost):
            going = False
        # A checkpoint of a lost lease is refused by KCL; here it may even go back.
        if before is not None and source.random() < 0.1:
            world.checkpoint = before
        if not going:
            workers.remove(worker)
    assert Worker(world, source, 0, limits=limits_of(source)).run()
    check(world, count)


def test_death_at_each_single_call():
    """One worker, dying at call 1, 2, 3 … before it and after it."""
    for after in (False, True):
        for death in range(1, 200):
            source = seeded(7)
            records, count = payloads(25, source)
            world = World(records)
            worker = Worker(world, source, 1e-12, limits=BatchLimits(max_rows=9))
            die_at(worker.fate, death, after=after)
            ended = worker.run()
            assert Worker(world, seeded(8), 0, limits=BatchLimits(max_rows=4)).run()
            check(world, count)
            if ended:
                break
        else:
            pytest.fail("it never got to the end")
        assert death > 20


def die_at(fate, death, *, after):
    def call(function, *args, **keywords):
        fate.calls += 1
        if fate.calls > death or (fate.calls == death and not after):
            raise Killed
        result = function(*args, **keywords)
        if fate.calls == death:
            raise Killed
        return result

    fate.call = call


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_a_hot_sink_that_is_down_is_deferred(seed):
    source = seeded(seed)
    records, count = payloads(40, source)
    world = World(records)
    sink = Points(world, down=lambda: source.random() < 0.5)
    pipeline = world.opener(hot=[sink]).open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits(max_rows=9))
    for start in range(0, 40, 4):
        pipeline.push(world.raw(start, start + 4), 0.0)
    pipeline.drain()
    assert world.rows() + numbers_of(world.letters()) == Counter(range(1, count + 1))
    sent = {n for _, n in world.points.values()}
    missing = {one.name for one in world.manifests() if not rows_of(world, one) <= sent}
    assert missing <= {one.name for one in world.manifests() if one.deferred == ("points",)}


def rows_of(world, manifest):
    import pyarrow as pa
    import pyarrow.parquet as pq

    bodies = [world.lake.get(one.key) for one in manifest.objects]
    return {n for body in bodies for n in pq.read_table(pa.BufferReader(body))["n"].to_pylist()}


def intended_and_dead(world, *, calls):
    """A worker that died so many calls after it opened; with a big span."""
    worker = Worker(world, seeded(1), 1e-12, limits=BatchLimits(max_rows=10_000))
    die_at(worker.fate, calls, after=True)
    assert not worker.run()
    (state,) = world.journal.shards("test/arn:aws:kinesis:us-east-1:1:stream/s/1").values()
    return state


def test_a_span_is_finished_with_the_schema_it_was_intended_with():
    records, count = payloads(20, seeded(3))
    world = World(records)
    for calls in range(1, 60):
        world = World(records)
        if intended_and_dead(world, calls=calls).intent is not None:
            break
    strict = Schema.parse(SCHEMA.text.replace('name = "n"\n', 'name = "n"\nmax = 0\n'))
    pipeline = world.opener(schema=strict).open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits())
    pipeline.push(world.raw(0, 100), 0.0)
    pipeline.drain()
    assert world.rows() + numbers_of(world.letters()) == Counter(range(1, count + 1))
    assert {one.schema for one in world.manifests()} == {SCHEMA.fingerprint}
    assert world.rows()


def all_intended(records):
    """For each call at which a worker can die with an intent: what it left."""
    for calls in range(1, 60):
        world = World(records)
        try:
            state = intended_and_dead(world, calls=calls)
        except AssertionError:
            return
        if state.intent is not None:
            yield world


def test_an_expired_span_is_adopted_or_a_gap():
    records, _ = payloads(20, seeded(3))
    outcomes = Counter()
    for world in all_intended(records):
        world.horizon = BASE + 10**6
        world.opener().open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits())
        state = world.journal.shards("test/arn:aws:kinesis:us-east-1:1:stream/s/1")[SHARD]
        assert state.intent is None
        assert state.committed == Position(BASE + 38)
        if world.gaps():
            (gap,) = world.gaps()
            assert (gap.cause, gap.after, gap.until) == ("intent_expired", None, str(state.committed))
            assert gap.intent.rows > 0
            assert world.manifests() == []
            outcomes["gap"] += 1
        else:
            world.check_manifests()
            assert len(world.manifests()) == 1
            outcomes["adopted"] += 1
    assert outcomes["gap"] >= 3
    assert outcomes["adopted"] >= 2


def test_a_gap_may_stop():
    records, _ = payloads(20, seeded(3))
    world = next(all_intended(records))
    world.horizon, world.on_gap = BASE + 10**6, "stop"
    with pytest.raises(GapFound, match=r"journal\.on_gap"):
        world.opener().open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits())
    assert world.journal.shards("test/arn:aws:kinesis:us-east-1:1:stream/s/1")[SHARD].intent is not None


def test_a_source_that_resumes_beyond_is_a_gap():
    records, _ = payloads(30, seeded(4))
    world = World(records)
    first = world.opener().open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits())
    first.push(world.raw(0, 10), 0.0)
    done = first.drain().done
    beyond = Position(BASE + 2 * 20)
    again = world.opener().open(SHARD, read_after=str(beyond), limits=BatchLimits())
    again.push(world.raw(21, 30), 0.0)
    again.drain()
    (gap,) = world.gaps()
    assert (gap.cause, gap.after, gap.until) == ("resumed_beyond", str(done), str(beyond))
    one, two = world.manifests()
    assert (one.read_after, two.previous, two.read_after) == ("TRIM_HORIZON", one.last, str(beyond))


@pytest.mark.parametrize(("late_ms", "gaps"), [(86_400_000 - 60_000, 0), (86_400_000 + 60_000, 1)])
def test_records_that_may_have_expired_are_a_gap(late_ms, gaps, monkeypatch):
    records, _ = payloads(30, seeded(4))
    world = World(records)
    world.stream = STREAM._replace(retention_ms=86_400_000)
    first = world.opener().open(SHARD, read_after="TRIM_HORIZON", limits=BatchLimits())
    first.push(world.raw(0, 10), 0.0)
    done = first.drain().done
    monkeypatch.setattr("time.time_ns", lambda: (ARRIVAL_MS + 9 + late_ms) * 1_000_000)
    again = world.opener().open(SHARD, read_after=str(done), limits=BatchLimits())
    again.push(world.raw(10, 20), 0.0, behind_ms=1000)
    again.push(world.raw(20, 30), 0.0, behind_ms=0)
    again.drain()
    assert [(one.cause, one.after) for one in world.gaps()][:1] == [("expired", str(done))] * gaps
