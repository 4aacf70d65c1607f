"""Workers that die at any call leave a lake in which the audit finds nothing wrong, at any moment."""

import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "exactly_once"))

from world import SHARD, STREAM, Worker, World, limits_of, payloads, seeded

from iotstream.audit import audit
from iotstream.journal.base import ShardKey
from iotstream.ownership import claim_prefix

SEEDS = st.integers(0, 2**32)


def world_of(source):
    records, _ = payloads(source.randrange(1, 60), source)
    world = World(records)
    claim_prefix(world.lake, application="test", consumer="consumer")
    return world


def audited(world):
    now_ms = max([one.intended_ms for one in world.manifests()], default=0)
    return audit(
        world.lake,
        world.quarantine,
        journal=world.journal,
        deep=True,
        configured=lambda: ShardKey("test", STREAM.arn, STREAM.created_ms, SHARD),
        now_ms=lambda: now_ms,
    )


@settings(max_examples=50)
@given(SEEDS, st.sampled_from((0.02, 0.1, 0.3)))
def test_nothing_is_wrong_whenever_a_worker_dies(seed, odds):
    source = seeded(seed)
    world = world_of(source)
    for _ in range(source.randrange(10)):
        Worker(world, source, odds, limits=limits_of(source)).run()
        assert audited(world).findings == []
    assert Worker(world, source, 0, limits=limits_of(source)).run()
    report = audited(world)
    assert report.findings == []
    assert report.totals.spans == len(world.manifests())
    assert "in_progress" not in [one.code for one in report.notes]


@settings(max_examples=50)
@given(SEEDS, st.sampled_from((0.1, 0.3)))
def test_when_records_expire_each_gap_is_found_and_nothing_else(seed, odds):
    source = seeded(seed)
    world = world_of(source)
    for _ in range(source.randrange(2, 10)):
        Worker(world, source, odds, limits=limits_of(source)).run()
        if source.random() < 0.5:
            world.horizon = 2**80  # nothing can be read again
        report = audited(world)
        assert [str(one.code) for one in report.findings] == ["gap"] * len(world.gaps())
        world.horizon = 0
