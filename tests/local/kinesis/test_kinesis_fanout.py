from __future__ import annotations

import pytest
from kinesis_helpers import put, refused, shards, split

from iotstream.local.kinesis import Kinesis, KinesisError, Settings, limits

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
FIRST = "shardId-000000000000"


@pytest.fixture
def one_shard(clock):
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    return kinesis


@pytest.fixture
def consumer(one_shard):
    answer = one_shard.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})
    return answer["Consumer"]["ConsumerARN"]


def subscribe(kinesis, consumer, kind="TRIM_HORIZON", **start):
    position = {"Type": kind, **start}
    return kinesis.subscribe({"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": position})


def payloads(event):
    return [record.Data for record in event.Records]


def test_records_are_pushed_once_in_order(one_shard, consumer):
    subscription = subscribe(one_shard, consumer)
    put(one_shard, (b"1", "k"), (b"2", "k"))
    assert payloads(one_shard.poll(subscription)) == [b"1", b"2"]
    assert one_shard.poll(subscription) is None
    put(one_shard, (b"3", "k"))
    assert payloads(one_shard.poll(subscription)) == [b"3"]


def test_an_idle_shard_sends_an_empty_event_now_and_then(one_shard, consumer, clock):
    subscription = subscribe(one_shard, consumer, "LATEST")
    events = []
    for _ in range(20):
        events.append(one_shard.poll(subscription))
        clock.advance(1)
    sent = [event for event in events if event is not None]
    assert len(sent) == 4
    assert all(event.Records == [] and event.MillisBehindLatest == 0 for event in sent)


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
@pytest.mark.parametrize("start", ["TRIM_HORIZON", "LATEST"])
@pytest.mark.parametrize("begin", [0.0, 1_700_000_000.0])
def test_a_continuation_neither_skips_nor_repeats(clock, kind, start, begin):
    clock.now = begin
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    answer = kinesis.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})
    consumer = answer["Consumer"]["ConsumerARN"]
    event = kinesis.poll(subscribe(kinesis, consumer, start))
    got = []
    for n in range(6):
        if n % 3:
            put(kinesis, (b"%d" % n, "k"))
        clock.advance(6)
        event = kinesis.poll(
            subscribe(kinesis, consumer, kind, SequenceNumber=event.ContinuationSequenceNumber)
        )
        got += payloads(event)
    assert got == [b"1", b"2", b"4", b"5"]


def test_a_continuation_in_the_first_second_of_time(clock):
    clock.now = 0.0
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    arn = kinesis.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})["Consumer"]
    consumer = arn["ConsumerARN"]
    subscription = subscribe(kinesis, consumer, "LATEST")
    continuation = kinesis.poll(subscription).ContinuationSequenceNumber
    subscription.end()
    put(kinesis, (b"1", "k"))
    resumed = subscribe(kinesis, consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=continuation)
    assert payloads(kinesis.poll(resumed)) == [b"1"]


def test_a_shards_end_names_its_children_and_ends_the_subscription(one_shard, consumer):
    put(one_shard, (b"1", "k"))
    subscription = subscribe(one_shard, consumer)
    split(one_shard, shards(one_shard)[0])
    event = one_shard.poll(subscription)
    assert payloads(event) == [b"1"]
    assert event.ContinuationSequenceNumber is None
    assert [child["ShardId"] for child in event.ChildShards] == [
        "shardId-000000000001",
        "shardId-000000000002",
    ]
    assert subscription.ended
    assert subscription.error is None
    assert one_shard.poll(subscription) is None


def test_a_subscription_lasts_5_minutes(one_shard, consumer, clock):
    subscription = subscribe(one_shard, consumer)
    clock.advance(299)
    assert one_shard.poll(subscription) is not None
    clock.advance(1)
    assert one_shard.poll(subscription) is None
    assert subscription.ended
    assert subscription.error is None


def test_a_newer_subscription_takes_over_after_5_seconds(one_shard, consumer, clock):
    older = subscribe(one_shard, consumer)
    with pytest.raises(KinesisError) as too_often:
        subscribe(one_shard, consumer)
    assert too_often.value.code == "LimitExceededException"
    clock.advance(4)
    with pytest.raises(KinesisError) as too_early:
        subscribe(one_shard, consumer)
    assert too_early.value.code == "ResourceInUseException"
    assert not older.ended
    clock.advance(1)
    newer = subscribe(one_shard, consumer)
    assert older.ended
    assert older.error.code == "ResourceInUseException"
    put(one_shard, (b"1", "k"))
    assert one_shard.poll(older) is None
    assert payloads(one_shard.poll(newer)) == [b"1"]


def test_a_lost_subscription_may_be_renewed_at_once(one_shard, consumer):
    subscribe(one_shard, consumer).end()
    assert not subscribe(one_shard, consumer).ended


def test_2_mebibytes_a_second_for_each_consumer(one_shard, consumer, clock):
    for _ in range(6):
        put(one_shard, (b"x" * (limits.MIB - 1), "k"))
        clock.advance(1)
    subscription = subscribe(one_shard, consumer)
    pushed = [0.0]
    for _ in range(30):
        while (event := one_shard.poll(subscription)) is not None:
            pushed[-1] += sum(len(record.Data) for record in event.Records)
        pushed.append(pushed[-1])
        clock.advance(0.1)
    assert pushed[0] <= 3 * limits.MIB
    assert pushed[-1] == 6 * (limits.MIB - 1)
    assert pushed[10] < pushed[-1]


def test_deregistering_ends_the_subscription(one_shard, consumer):
    subscription = subscribe(one_shard, consumer)
    one_shard.call("DeregisterStreamConsumer", {"ConsumerARN": consumer})
    assert one_shard.poll(subscription) is None
    assert subscription.error.code == "ResourceNotFoundException"
    with pytest.raises(KinesisError) as gone:
        subscribe(one_shard, consumer)
    assert gone.value.code == "ResourceNotFoundException"


def test_consumers_are_described_listed_and_unique(one_shard, consumer, clock):
    by_arn = one_shard.call("DescribeStreamConsumer", {"ConsumerARN": consumer})["ConsumerDescription"]
    by_name = one_shard.call("DescribeStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})
    assert by_name["ConsumerDescription"] == by_arn
    assert (by_arn["ConsumerStatus"], by_arn["StreamARN"]) == ("ACTIVE", ARN)
    again = {"StreamARN": ARN, "ConsumerName": "c"}
    assert refused(one_shard, "RegisterStreamConsumer", again).code == "ResourceInUseException"
    for n in range(19):
        clock.advance(1)
        one_shard.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": f"d{n:02d}"})
    clock.advance(1)
    error = refused(one_shard, "RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "e"})
    assert error.code == "LimitExceededException"
    first = one_shard.call("ListStreamConsumers", {"StreamARN": ARN, "MaxResults": 15})
    rest = one_shard.call("ListStreamConsumers", {"StreamARN": ARN, "NextToken": first["NextToken"]})
    names = [one["ConsumerName"] for one in first["Consumers"] + rest["Consumers"]]
    assert names == ["c", *(f"d{n:02d}" for n in range(19))]
    assert "NextToken" not in rest


def test_a_stream_with_consumers_is_deleted_only_on_demand(one_shard, consumer):
    assert refused(one_shard, "DeleteStream", {"StreamName": "s"}).code == "ResourceInUseException"
    subscription = subscribe(one_shard, consumer)
    one_shard.call("DeleteStream", {"StreamName": "s", "EnforceConsumerDeletion": True})
    assert one_shard.poll(subscription) is None
    assert subscription.error.code == "ResourceNotFoundException"


def test_a_consumer_in_creation_cannot_subscribe(clock):
    kinesis = Kinesis(clock, Settings(status_delay=5))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    clock.advance(5)
    answer = kinesis.call("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"})
    assert answer["Consumer"]["ConsumerStatus"] == "CREATING"
    with pytest.raises(KinesisError) as creating:
        subscribe(kinesis, answer["Consumer"]["ConsumerARN"])
    assert creating.value.code == "ResourceInUseException"
    clock.advance(5)
    subscribe(kinesis, answer["Consumer"]["ConsumerARN"])


def test_call_says_how_to_subscribe(one_shard, consumer):
    request = {"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    with pytest.raises(TypeError, match="subscribe"):
        one_shard.call("SubscribeToShard", request)
