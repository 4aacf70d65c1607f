"""Whatever is put, split, merged and read: each accepted record is read exactly once, in order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from iotstream.local.kinesis import Kinesis, KinesisError, limits
from iotstream.local.kinesis.log import Log, Record

HASH_KEYS = st.integers(0, 2**128 - 1)
EXCEEDED = "ProvisionedThroughputExceededException"


class Streaming(RuleBasedStateMachine):
    """A producer that retries nothing, a consumer that follows the shards as the KCL does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000.0
        self.kinesis = Kinesis(lambda: self.now)
        self.sent = 0
        self.accepted: dict[str, list[tuple[int, bytes]]] = {}
        self.read: dict[str, list[tuple[int, bytes]]] = {}
        self.iterators: dict[str, str] = {}
        self.ended: set[str] = set()

    @initialize(count=st.integers(1, 4))
    def create(self, count: int) -> None:
        self.kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": count})
        for shard in self.kinesis.call("ListShards", {"StreamName": "s"})["Shards"]:
            self.follow(shard["ShardId"])

    @rule(keys=st.lists(HASH_KEYS, min_size=1, max_size=8), size=st.sampled_from([0, 10, 200_000, 900_000]))
    def put(self, keys: list[int], size: int) -> None:
        entries = [self.entry(key, size) for key in keys]
        answer = self.kinesis.call("PutRecords", {"StreamName": "s", "Records": entries})
        self.note(entries, answer)

    @rule(key=HASH_KEYS, count=st.integers(1, 500))
    def flood(self, key: int, count: int) -> None:
        entries = [self.entry(key, 0) for _ in range(count)]
        self.note(entries, self.kinesis.call("PutRecords", {"StreamName": "s", "Records": entries}))

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        shard = data.draw(st.sampled_from(self.open_shards()))
        first, last = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
        if last - first < 4:
            return
        at = data.draw(st.integers(first + 2, last - 1))
        self.now += 0.21
        request = {"StreamName": "s", "ShardToSplit": shard["ShardId"], "NewStartingHashKey": str(at)}
        self.kinesis.call("SplitShard", request)

    @precondition(lambda self: len(self.open_shards()) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        by_key = sorted(self.open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        at = data.draw(st.integers(0, len(by_key) - 2))
        pair = [by_key[at]["ShardId"], by_key[at + 1]["ShardId"]]
        if data.draw(st.booleans()):
            pair.reverse()
        self.now += 0.21
        request = {"StreamName": "s", "ShardToMerge": pair[0], "AdjacentShardToMerge": pair[1]}
        self.kinesis.call("MergeShards", request)

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data(), limit=st.sampled_from([1, 3, 10_000]))
    def read_some(self, data: st.DataObject, limit: int) -> None:
        if self.iterators:
            self.read_shard(data.draw(st.sampled_from(sorted(self.iterators))), limit)

    @invariant()
    def nothing_is_read_that_was_not_accepted(self) -> None:
        for shard_id, records in self.read.items():
            assert records == self.accepted.get(shard_id, [])[: len(records)]

    @invariant()
    def numbers_rise_in_each_shard(self) -> None:
        for records in self.accepted.values():
            numbers = [number for number, _ in records]
            assert numbers == sorted(set(numbers))

    def teardown(self) -> None:
        """Read everything to its end, and look whether all of it is there."""
        while any(len(self.read.get(shard_id, [])) < len(sent) for shard_id, sent in self.accepted.items()):
            self.now += 6
            before = sum(map(len, self.read.values())), len(self.ended)
            for shard_id in sorted(self.iterators):
                self.read_shard(shard_id, 10_000)
            # A closed parent that was read to its end lets its children start: that is progress as well.
            assert (sum(map(len, self.read.values())), len(self.ended)) > before
        for shard_id, sent in self.accepted.items():
            assert self.read[shard_id] == sent

    def entry(self, key: int, size: int) -> dict[str, Any]:
        self.sent += 1
        data = b"%d " % self.sent
        return {"Data": data + b"x" * size, "PartitionKey": "k", "ExplicitHashKey": str(key)}

    def note(self, entries: list[dict[str, Any]], answer: dict[str, Any]) -> None:
        failed = 0
        ranges = {shard["ShardId"]: shard["HashKeyRange"] for shard in self.open_shards()}
        for entry, outcome in zip(entries, answer["Records"], strict=True):
            if "ErrorCode" in outcome:
                assert outcome["ErrorCode"] == EXCEEDED
                failed += 1
                continue
            span = ranges[outcome["ShardId"]]
            assert int(span["StartingHashKey"]) <= int(entry["ExplicitHashKey"]) <= int(span["EndingHashKey"])
            record = int(outcome["SequenceNumber"]), entry["Data"]
            self.accepted.setdefault(outcome["ShardId"], []).append(record)
        assert answer["FailedRecordCount"] == failed

    def open_shards(self) -> list[dict[str, Any]]:
        self.now += 0.01
        request = {"StreamName": "s", "ShardFilter": {"Type": "AT_LATEST"}}
        return list(self.kinesis.call("ListShards", request)["Shards"])

    def follow(self, shard_id: str) -> None:
        request = {"StreamName": "s", "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        if shard_id not in self.iterators and shard_id not in self.ended:
            self.iterators[shard_id] = self.kinesis.call("GetShardIterator", request)["ShardIterator"]

    def read_shard(self, shard_id: str, limit: int) -> None:
        try:
            request = {"ShardIterator": self.iterators[shard_id], "Limit": limit}
            answer = self.kinesis.call("GetRecords", request)
        except KinesisError as error:
            if error.code not in (EXCEEDED, "ExpiredIteratorException"):
                raise
            if error.code != EXCEEDED:
                self.resume(shard_id)
                self.read_shard(shard_id, limit)
            return
        got = [(int(record["SequenceNumber"]), record["Data"]) for record in answer["Records"]]
        assert sum(len(data) + 1 for _, data in got) <= limits.GET_RECORDS_MAX_BYTES
        self.read.setdefault(shard_id, []).extend(got)
        if "NextShardIterator" in answer:
            self.iterators[shard_id] = answer["NextShardIterator"]
            return
        del self.iterators[shard_id]
        self.ended.add(shard_id)
        for child in answer["ChildShards"]:
            if self.ended >= set(child["ParentShards"]):
                self.follow(child["ShardId"])

    def resume(self, shard_id: str) -> None:
        request = {"StreamName": "s", "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        if self.read.get(shard_id):
            request["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
            request["StartingSequenceNumber"] = str(self.read[shard_id][-1][0])
        self.iterators[shard_id] = self.kinesis.call("GetShardIterator", request)["ShardIterator"]


TestStreaming = Streaming.TestCase
TestStreaming.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=80),
    st.data(),
)
@settings(deadline=None)
def test_a_log_answers_like_a_plain_list(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Else only long logs would be compacted.
        patch.setattr("iotstream.local.kinesis.log._COMPACT_FROM", data.draw(st.sampled_from([1, 1024])))
        compare_log_with_list(steps, data)


def compare_log_with_list(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    log, plain, now, number = Log(), [], 0, 0
    for wait, size in steps:
        now, number = now + wait, number + 1 + size
        record = Record(str(number), float(now), b"", "k")
        log.append(number, record, size)
        plain.append((number, record, size))
        if data.draw(st.integers(0, 9)) == 0:
            horizon = float(data.draw(st.integers(0, now)))
            log.trim(horizon)
            plain = [kept for kept in plain if kept[1].ApproximateArrivalTimestamp >= horizon]
    assert len(log) == len(plain)
    wanted = data.draw(st.integers(0, number + 1))
    index = log.index_of(wanted)
    assert index == sum(one[0] < wanted for one in plain)
    most, room = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 60))
    expected: list[Record] = []
    total = 0
    for _, record, size in plain[index : index + most]:
        if expected and total + size > room:
            break
        expected.append(record)
        total += size
    assert log.read(index, most, room) == (expected, total)
    at = float(data.draw(st.integers(0, now + 1)))
    later = [one[0] for one in plain if one[1].ApproximateArrivalTimestamp >= at]
    assert log.number_from(at) == (later[0] if later else None)
