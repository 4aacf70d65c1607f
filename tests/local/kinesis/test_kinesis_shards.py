from __future__ import annotations

import pytest
from kinesis_helpers import get, iterator, open_shards, put, read_shard, refused, shards, split

from iotstream.local.kinesis import Kinesis, Settings

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"shardId-{n:012d}" for n in range(5))


def ids(listed):
    return [shard["ShardId"] for shard in listed]


def merge(kinesis, one, other):
    kinesis.call("MergeShards", {"StreamName": "s", "ShardToMerge": one, "AdjacentShardToMerge": other})


def test_a_split_parent_stays_readable_and_names_its_children(kinesis):
    entry = {"Data": b"before", "PartitionKey": "k", "ExplicitHashKey": "5"}
    kinesis.call("PutRecords", {"StreamName": "s", "Records": [entry] * 3})
    split(kinesis, shards(kinesis)[0], at=100)
    after = kinesis.call("PutRecords", {"StreamName": "s", "Records": [entry | {"Data": b"after"}]})
    assert after["Records"][0]["ShardId"] == THIRD
    part = get(kinesis, iterator(kinesis, FIRST), Limit=2)
    assert "ChildShards" not in part
    end = get(kinesis, part["NextShardIterator"])
    assert [record["Data"] for record in end["Records"]] == [b"before"]
    assert "NextShardIterator" not in end
    assert end["MillisBehindLatest"] == 0
    assert end["ChildShards"] == [
        {
            "ShardId": THIRD,
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "99"},
        },
        {
            "ShardId": FOURTH,
            "ParentShards": [FIRST],
            "HashKeyRange": {"StartingHashKey": "100", "EndingHashKey": str(2**127 - 1)},
        },
    ]


def test_latest_of_a_closed_shard_is_its_end(kinesis):
    put(kinesis, *[(b"x", f"k{n}") for n in range(20)])
    split(kinesis, shards(kinesis)[0])
    answer = get(kinesis, iterator(kinesis, FIRST, "LATEST"))
    assert answer["Records"] == []
    assert len(answer["ChildShards"]) == 2


def test_a_merge_has_two_parents(kinesis):
    put(kinesis, *[(b"x", f"k{n}") for n in range(20)])
    merge(kinesis, SECOND, FIRST)
    child = shards(kinesis)[2]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (SECOND, FIRST)
    assert child["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}
    assert len(read_shard(kinesis, FIRST)) + len(read_shard(kinesis, SECOND)) == 20
    for parent in (FIRST, SECOND):
        [described] = get(kinesis, iterator(kinesis, parent, "LATEST"))["ChildShards"]
        assert described["ParentShards"] == [SECOND, FIRST]


def test_a_childs_numbers_lie_above_its_parents_end(kinesis):
    split(kinesis, shards(kinesis)[0])
    split(kinesis, shards(kinesis)[2])
    merge(kinesis, FIFTH, "shardId-000000000005")
    by_id = {shard["ShardId"]: shard["SequenceNumberRange"] for shard in shards(kinesis)}
    for shard in shards(kinesis):
        for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId")):
            if parent:
                start = int(by_id[shard["ShardId"]]["StartingSequenceNumber"])
                assert start > int(by_id[parent]["EndingSequenceNumber"])


@pytest.mark.parametrize("index", [0, 14, 15])
def test_that_holds_for_any_shard_split_in_its_first_second(clock, index):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 16})
    split(kinesis, shards(kinesis)[index])
    listed = shards(kinesis)
    end = int(listed[index]["SequenceNumberRange"]["EndingSequenceNumber"])
    assert all(int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > end for child in listed[16:])


def test_records_lie_between_their_shards_numbers(kinesis):
    put(kinesis, *[(b"x", f"k{n}") for n in range(50)])
    merge(kinesis, FIRST, SECOND)
    for shard in shards(kinesis)[:2]:
        span = shard["SequenceNumberRange"]
        for record in read_shard(kinesis, shard["ShardId"]):
            number = int(record["SequenceNumber"])
            assert int(span["StartingSequenceNumber"]) < number < int(span["EndingSequenceNumber"])


@pytest.mark.parametrize("key", ["0", "1", str(2**127 - 1), str(2**127), str(2**128 - 1)])
def test_a_split_must_leave_room_on_both_sides(kinesis, key):
    request = {"StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": key}
    assert refused(kinesis, "SplitShard", request).code == "InvalidArgumentException"
    assert len(shards(kinesis)) == 2


def test_what_cannot_be_resharded(kinesis):
    split(kinesis, shards(kinesis)[0])
    again = {"StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": "100"}
    assert refused(kinesis, "SplitShard", again).code == "InvalidArgumentException"
    missing = again | {"ShardToSplit": "shardId-000000000099"}
    assert refused(kinesis, "SplitShard", missing).code == "ResourceNotFoundException"
    apart = {"StreamName": "s", "ShardToMerge": THIRD, "AdjacentShardToMerge": SECOND}
    assert refused(kinesis, "MergeShards", apart).code == "InvalidArgumentException"
    itself = {"StreamName": "s", "ShardToMerge": THIRD, "AdjacentShardToMerge": THIRD}
    assert refused(kinesis, "MergeShards", itself).code == "InvalidArgumentException"


def test_an_on_demand_stream_is_not_resharded_by_hand(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}})
    assert len(shards(kinesis)) == 4
    requests = {
        "SplitShard": {"ShardToSplit": FIRST, "NewStartingHashKey": "100"},
        "MergeShards": {"ShardToMerge": FIRST, "AdjacentShardToMerge": SECOND},
        "UpdateShardCount": {"TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"},
    }
    for operation, request in requests.items():
        assert refused(kinesis, operation, {"StreamName": "s", **request}).code == "ValidationException"


@pytest.mark.parametrize("target", [2, 3, 4, 5, 6, 8])
def test_update_shard_count_leaves_even_ranges_and_every_record(clock, target):
    kinesis = Kinesis(clock, Settings(limits=False))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 4})
    sent = {b"%d" % n for n in range(300)}
    put(kinesis, *[(data, data.decode()) for data in sent])
    answer = kinesis.call(
        "UpdateShardCount",
        {"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"},
    )
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (4, target)
    spans = sorted(
        (int(span["StartingHashKey"]), int(span["EndingHashKey"]))
        for span in (shard["HashKeyRange"] for shard in open_shards(kinesis))
    )
    assert [first for first, _ in spans] == [2**128 // target * n for n in range(target)]
    assert [last for _, last in spans] == [first - 1 for first, _ in spans[1:]] + [2**128 - 1]
    got = [record["Data"] for shard in shards(kinesis) for record in read_shard(kinesis, shard["ShardId"])]
    assert sorted(got) == sorted(sent)


@pytest.mark.parametrize("target", [1, 9])
def test_update_shard_count_at_most_halves_or_doubles(clock, target):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 4})
    request = {"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
    refused(kinesis, "UpdateShardCount", request)
    assert len(shards(kinesis)) == 4


def test_update_shard_count_10_times_a_day(kinesis, clock):
    request = {"StreamName": "s", "ScalingType": "UNIFORM_SCALING"}
    for n in range(10):
        kinesis.call("UpdateShardCount", {**request, "TargetShardCount": 2 + (n + 1) % 2})
        clock.advance(60)
    error = refused(kinesis, "UpdateShardCount", {**request, "TargetShardCount": 3})
    assert error.code == "LimitExceededException"
    clock.advance(86_400)
    kinesis.call("UpdateShardCount", {**request, "TargetShardCount": 3})


def test_shard_filters(kinesis, clock):
    created = clock.now
    clock.advance(100)
    split(kinesis, shards(kinesis)[0])
    clock.advance(100)

    def listed(kind, **more):
        return ids(shards(kinesis, ShardFilter={"Type": kind, **more}))

    everything = [FIRST, SECOND, THIRD, FOURTH]
    assert listed("FROM_TRIM_HORIZON") == everything
    assert listed("AT_TRIM_HORIZON") == [FIRST, SECOND]
    assert listed("AT_LATEST") == [SECOND, THIRD, FOURTH]
    assert listed("AFTER_SHARD_ID", ShardId=SECOND) == [THIRD, FOURTH]
    assert listed("AT_TIMESTAMP", Timestamp=created + 50) == [FIRST, SECOND]
    assert listed("AT_TIMESTAMP", Timestamp=created + 150) == [SECOND, THIRD, FOURTH]
    # The second of the split belongs to both.
    assert listed("AT_TIMESTAMP", Timestamp=created + 100) == everything
    assert listed("AT_TIMESTAMP", Timestamp=created - 50) == [FIRST, SECOND]
    assert listed("FROM_TIMESTAMP", Timestamp=created + 50) == everything
    assert listed("FROM_TIMESTAMP", Timestamp=created + 150) == [SECOND, THIRD, FOURTH]
    for kind in ("AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"):
        request = {"StreamName": "s", "ShardFilter": {"Type": kind}}
        assert refused(kinesis, "ListShards", request).code == "InvalidArgumentException"


def test_a_closed_shard_is_forgotten_with_its_last_record(kinesis, clock):
    put(kinesis, *[(b"x", f"k{n}") for n in range(20)])
    split(kinesis, shards(kinesis)[0])
    token = iterator(kinesis, FIRST)
    clock.advance(24 * 3600)
    assert ids(shards(kinesis)) == [FIRST, SECOND, THIRD, FOURTH]
    clock.advance(1)
    assert ids(shards(kinesis)) == [SECOND, THIRD, FOURTH]
    assert refused(kinesis, "GetRecords", {"ShardIterator": token}).code == "ExpiredIteratorException"
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "LATEST"}
    assert refused(kinesis, "GetShardIterator", request).code == "ResourceNotFoundException"


def test_list_shards_pages(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 7})
    request, found = {"StreamName": "s", "MaxResults": 3}, []
    while True:
        answer = kinesis.call("ListShards", request)
        found += ids(answer["Shards"])
        if "NextToken" not in answer:
            break
        request = {"NextToken": answer["NextToken"], "MaxResults": 3}
    assert found == [f"shardId-{n:012d}" for n in range(7)]


def test_next_tokens_expire_and_stand_alone(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 7})
    token = kinesis.call("ListShards", {"StreamName": "s", "MaxResults": 3})["NextToken"]
    both = {"StreamName": "s", "NextToken": token}
    assert refused(kinesis, "ListShards", both).code == "InvalidArgumentException"
    assert refused(kinesis, "ListStreams", {"NextToken": token}).code == "InvalidArgumentException"
    assert refused(kinesis, "ListShards", {"NextToken": "nonsense"}).code == "InvalidArgumentException"
    clock.advance(301)
    assert refused(kinesis, "ListShards", {"NextToken": token}).code == "ExpiredNextTokenException"


def test_describe_stream_pages_by_100(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 150})
    first = kinesis.call("DescribeStream", {"StreamName": "s", "Limit": 1000})["StreamDescription"]
    assert (len(first["Shards"]), first["HasMoreShards"]) == (100, True)
    last = first["Shards"][-1]["ShardId"]
    request = {"StreamName": "s", "ExclusiveStartShardId": last}
    rest = kinesis.call("DescribeStream", request)["StreamDescription"]
    assert (len(rest["Shards"]), rest["HasMoreShards"]) == (50, False)
