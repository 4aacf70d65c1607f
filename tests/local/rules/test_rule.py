"""Rules as files, the writer's retries, and when a message may be acknowledged."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.broker import Policy
from iotstream.local.broker.topics import matches
from iotstream.local.rules.engine import Engine
from iotstream.local.rules.errors import RuleError
from iotstream.local.rules.rule import Rule, default_rules, load_rules
from iotstream.local.rules.stream import MAX_BYTES, Entry, StreamWriter
from iotstream.retry import Backoff

GOOD: dict[str, Any] = {
    "ruleName": "telemetry",
    "sql": "SELECT * FROM 'topic/mqtt/#'",
    "awsIotSqlVersion": "2016-03-23",
    "description": "all of them",
    "actions": [{"kinesis": {"streamName": "s", "partitionKey": "${topic()}", "roleArn": "arn:x"}}],
    "errorAction": {"s3": {"bucketName": "b", "key": "${topic()}", "roleArn": "arn:x"}},
}


def test_a_rule_with_aws_own_names_is_read(tmp_path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps([GOOD, {**GOOD, "ruleName": "off", "ruleDisabled": True}]))
    (rule,) = load_rules(path)
    assert (rule.name, rule.stream, rule.partition_key.source, rule.error_key.source) == (
        "telemetry",
        "s",
        "${topic()}",
        "${topic()}",
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("{", "rules.json"),
        ([], "list of rules"),
        ({}, "list of rules"),
        (["x"], "rule 0: an object"),
        ([{}], "rule 0: ruleName"),
        ([{**GOOD, "sql": 3}], "sql = 3"),
        ([{**GOOD, "sql": "SELECT a.b FROM 'x'"}], "rule 'telemetry': SQL: this needs a name"),
        ([{**GOOD, "awsIotSqlVersion": "2015-10-08"}], "2015-10-08"),
        ([{**GOOD, "actions": []}], "one kinesis action"),
        ([{**GOOD, "actions": ["kinesis"]}], r"actions\[0\]: an object"),
        ([{**GOOD, "actions": [{"lambda": {}}]}], "lambda: only kinesis"),
        ([{**GOOD, "actions": [{"kinesis": {}}]}], "streamName = ''"),
        ([{**GOOD, "actions": [{"kinesis": {"streamName": "s", "partitionKey": "${"}}]}], "has no }"),
        ([{**GOOD, "errorAction": []}], "errorAction: an object"),
        ([{**GOOD, "errorAction": {"sqs": {}}}], "sqs: only s3"),
        ([{**GOOD, "enabled": True}], "enabled: only"),
        ([GOOD, GOOD], "telemetry is used twice"),
        ([{**GOOD, "ruleDisabled": True}], "every rule is disabled"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, rows, words: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    with pytest.raises(RuleError, match=words):
        load_rules(path)


@given(
    st.lists(st.sampled_from(["topic", "mqtt", "device-1", "", "x"]), min_size=1, max_size=5).map("/".join)
)
def test_no_topic_is_in_both_default_rules_and_every_topic_of_the_pipeline_is_in_one(topic: str) -> None:
    rules = default_rules("s", "topic/mqtt")
    taking = [rule for rule in rules if matches(rule.statement.topic_filter, topic, parent=False)]
    inside = topic == "topic/mqtt" or topic.startswith("topic/mqtt/")
    assert len(taking) == inside


class Scripted:
    """A Kinesis client that refuses according to a script: for each call, which records."""

    def __init__(self, *script: Any) -> None:
        self.script, self.calls = list(script), []

    def put_records(self, StreamName: str, Records: list[dict]) -> dict:  # noqa: N803 - boto3's
        self.calls.append((StreamName, [record["Data"] for record in Records]))
        step = self.script.pop(0) if self.script else ()
        if isinstance(step, Exception):
            raise step
        code = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
        return {"Records": [code if index in step else {"ShardId": "0"} for index in range(len(Records))]}


def writer(client: Scripted, *, deadline_s: float = 1e9) -> tuple[StreamWriter, list[float]]:
    slept: list[float] = []
    return StreamWriter(client, backoff=Backoff(deadline_s=deadline_s), sleep=slept.append), slept


def entries(count: int, *, stream: str = "s", size: int = 1) -> list[Entry]:
    return [Entry(stream, "k", bytes([number % 256]) * size) for number in range(count)]


def test_only_what_was_refused_goes_again_and_before_what_follows() -> None:
    client = Scripted({1, 3}, {1}, {})
    one, slept = writer(client)
    assert one.put(entries(502)) == {}
    assert [len(data) for _, data in client.calls] == [500, 2, 1, 2]
    assert client.calls[1][1] == [b"\x01", b"\x03"]
    assert client.calls[2][1] == [b"\x03"]
    assert len(slept) == 2


def test_a_call_that_fails_is_made_again_and_given_up_at_the_deadline() -> None:
    down = EndpointConnectionError(endpoint_url="http://x")
    client = Scripted(down, {})
    assert writer(client)[0].put(entries(3)) == {}
    assert [len(data) for _, data in client.calls] == [3, 3]
    failed = writer(Scripted(*[{1}] * 1000), deadline_s=0)[0].put(entries(3))
    assert failed == {1: "ProvisionedThroughputExceededException: slow down"}
    failed = writer(Scripted(*[down] * 1000), deadline_s=0)[0].put(entries(2))
    assert set(failed) == {0, 1}


@given(st.lists(st.integers(0, MAX_BYTES // 3), max_size=12))
def test_calls_stay_within_the_limits_and_lose_nothing(sizes: list[int]) -> None:
    client = Scripted()
    given_entries = [Entry("s", "k", b"x" * size) for size in sizes]
    assert writer(client)[0].put(given_entries) == {}
    assert [data for _, call in client.calls for data in call] == [entry.data for entry in given_entries]
    assert all(sum(len(data) + 1 for data in call) <= MAX_BYTES for _, call in client.calls)


class Acks:
    """Stands for the MQTT client: notes what is acknowledged."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def ack(self, message_id: int, _qos: int) -> None:
        self.ids.append(message_id)


def engine(
    tmp_path, client: Scripted, *, sql: str = "SELECT * FROM '#'", key: str = "k"
) -> tuple[Engine, Acks]:
    rule = Rule.of("r", sql, stream="s", partition_key=key, error_key="e/${newuuid()}")
    made = Engine([rule], writer(client, deadline_s=0)[0], tmp_path, policy=Policy())
    acks = Acks()
    made._client = acks  # type: ignore[assignment]
    return made, acks


def arrive(made: Engine, message_id: int, payload: bytes = b"{}", *, retain: bool = False) -> None:
    message = SimpleNamespace(topic="topic/mqtt/d", payload=payload, mid=message_id, qos=1, retain=retain)
    made._on_message(made._client, None, message)  # type: ignore[arg-type]


def test_a_message_is_acknowledged_after_its_record_was_taken(tmp_path) -> None:
    order: list[str] = []
    client = Scripted()
    made, acks = engine(tmp_path, client)
    real_put, real_ack = client.put_records, acks.ack
    client.put_records = lambda **call: order.append("put") or real_put(**call)  # type: ignore[method-assign]
    acks.ack = lambda *ids: order.append("ack") or real_ack(*ids)  # type: ignore[method-assign]
    arrive(made, 1)
    arrive(made, 2)
    made._process(made._collect())
    assert order == ["put", "ack", "ack"]
    assert acks.ids == [1, 2]


def test_nothing_of_a_lost_connection_is_acknowledged_on_the_next(tmp_path) -> None:
    made, acks = engine(tmp_path, Scripted())
    arrive(made, 1)
    made._on_disconnect()
    arrive(made, 1, b"another message under the same id")
    batch = made._collect()
    made._process(batch[:1])
    assert acks.ids == []
    made._process(batch[1:])
    assert acks.ids == [1]
    assert made.stats.forwarded == made.stats.done == 2


def test_what_the_stream_never_takes_is_kept_and_then_acknowledged(tmp_path) -> None:
    made, acks = engine(tmp_path, Scripted(*[{0}] * 1000))
    arrive(made, 1, b"\xff original")
    made._process(made._collect())
    assert [path.read_bytes() for path in tmp_path.rglob("e/*")] == [b"\xff original"]
    assert acks.ids == [1]
    assert (made.stats.failed, made.stats.forwarded) == (1, 0)


def test_an_error_that_cannot_be_kept_is_not_acknowledged(tmp_path) -> None:
    (tmp_path / "e").write_text("a file where a directory is needed")
    made, acks = engine(tmp_path, Scripted(*[{0}] * 1000))
    arrive(made, 1)
    with pytest.raises(OSError):
        made._process(made._collect())
    assert acks.ids == []


@pytest.mark.parametrize("key", ["${missing}", "x" * 257])
def test_a_partition_key_outside_its_bounds_goes_to_the_error_action(tmp_path, key: str) -> None:
    client = Scripted()
    made, acks = engine(tmp_path, client, key=key)
    arrive(made, 1)
    made._process(made._collect())
    assert (client.calls, acks.ids, made.stats.failed) == ([], [1], 1)


def test_a_retained_message_that_comes_with_the_subscription_is_not_taken_again(tmp_path) -> None:
    made, acks = engine(tmp_path, Scripted())
    arrive(made, 7, retain=True)
    assert acks.ids == [7]
    assert made.stats.received == 0
