"""Parents before children, for any history of splits and merges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iotstream.journal.base import ShardState
from iotstream.sources.direct.lineage import (
    Lineage,
    Shard,
    children_of,
    expired_before_read,
    finished_before,
    listed,
)
from iotstream.stream_calls import ChildShard
from iotstream.stream_reader import ShardDescription


@st.composite
def histories(draw):
    """Shards as ListShards gives them, after some splits and merges."""
    count = draw(st.integers(1, 3))
    parents = {str(index): () for index in range(count)}
    open_shards = list(parents)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(open_shards) - 1))
        if draw(st.booleans()) and at + 1 < len(open_shards):
            made = [str(len(parents))]
            parents[made[0]] = (open_shards[at], open_shards[at + 1])
            open_shards[at : at + 2] = made
        else:
            made = [str(len(parents)), str(len(parents) + 1)]
            parents.update(dict.fromkeys(made, (open_shards[at],)))
            open_shards[at : at + 1] = made
    return [
        ShardDescription(shard_id, of, 0, None if shard_id in open_shards else 1)
        for shard_id, of in parents.items()
    ]


@given(histories(), st.data())
def test_every_shard_begins_once_after_its_parents(shards, data):
    lineage, begun, finished = Lineage(), [], set()
    # Parents are told before their children: a listing may miss only the newest.
    told = data.draw(st.integers(0, len(shards)))
    while len(finished) < len(shards):
        lineage.learn(listed(shards)[:told])
        told += 1
        for shard in lineage.begin():
            assert set(shard.parents) <= finished
            begun.append(shard.shard_id)
        running = sorted(set(begun) - finished)
        if running:
            done = data.draw(st.sampled_from(running))
            finished.add(done)
            lineage.finish(done)

    assert sorted(begun) == sorted(shard.shard_id for shard in shards)


def test_a_parent_that_is_gone_is_not_waited_for():
    lineage = Lineage()
    lineage.learn([Shard("2", ("1", "0"))])

    assert [shard.shard_id for shard in lineage.begin()] == ["2"]
    assert lineage.begin() == []


def test_a_merge_waits_for_both():
    lineage = Lineage()
    lineage.learn([Shard("0", ()), Shard("1", ())])
    lineage.begin()
    child = children_of([ChildShard("2", ["0", "1"])])

    lineage.learn(child)
    lineage.finish("0")
    assert lineage.begin() == []

    lineage.learn(child)
    lineage.finish("1")
    assert lineage.begin() == child


@given(histories(), st.data())
def test_what_is_finished_is_never_before_what_was_claimed(shards, data):
    """A run that was ended at any moment: exactly the ancestors of claimed shards are not read again."""
    lineage, claimed, finished = Lineage(), set(), set()
    lineage.learn(listed(shards))
    for _ in range(data.draw(st.integers(0, len(shards)))):
        claimed |= {shard.shard_id for shard in lineage.begin()}
        running = sorted(claimed - finished)
        if running:
            done = data.draw(st.sampled_from(running))
            finished.add(done)
            lineage.finish(done)
    states = {shard_id: ShardState(1) for shard_id in claimed}

    found = finished_before(shards, states, from_latest=False)

    assert found <= finished
    parents = {parent for shard in shards if shard.shard_id in claimed for parent in shard.parents}
    assert parents <= found


def test_from_latest_a_closed_shard_that_was_never_read_is_not_begun():
    shards = [ShardDescription("0", (), 0, 1), ShardDescription("1", (), 0, 1)]
    shards += [ShardDescription("2", ("0", "1"), 2, None)]

    assert finished_before(shards, {}, from_latest=True) == {"0", "1"}
    assert finished_before(shards, {}, from_latest=False) == set()
    assert finished_before(shards, {"1": ShardState(1)}, from_latest=True) == {"0"}


def test_a_shard_that_expired_is_told_by_its_unclaimed_children():
    shards = [ShardDescription("2", ("0", "1"), 2, None), ShardDescription("4", ("3",), 2, None)]

    assert expired_before_read(shards, {}) == set()
    assert expired_before_read(shards, {"0": ShardState(1), "3": ShardState(1)}) == {"0", "3"}
    assert expired_before_read(shards, {"0": ShardState(1), "2": ShardState(1)}) == set()
    known = [*shards, ShardDescription("0", (), 0, 1)]
    assert expired_before_read(known, {"0": ShardState(1)}) == set()
