"""From real brokers through the rules into a real (local) Kinesis: no message lost, none twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import boto3
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from iotstream.errors import LocalStackError
from iotstream.local.broker import RULE_ENGINE, TEST_CLIENT
from iotstream.local.process import ServiceProcess
from iotstream.simulate import Connection, Fleet, Message, device_names, publish, readings

DEVICES = device_names(5)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def kinesis() -> Iterator[ServiceProcess]:
    process = ServiceProcess("iotstream.local.kinesis", ["--limits", "off"])
    try:
        yield process
    finally:
        assert process.stop() == 0, process.last_log_lines()


class Stream:
    """A stream of its own for a test."""

    def __init__(self, kinesis: ServiceProcess, name: str) -> None:
        self.name, self.endpoint = name, f"http://127.0.0.1:{kinesis.port}"
        self.client = boto3.client(
            "kinesis",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.client.create_stream(StreamName=name, ShardCount=2)
        self.client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})

    def records(self) -> list[tuple[str, bytes]]:
        """(partition key, data) of every record, shard by shard in order."""
        found = []
        for shard in self.client.list_shards(StreamName=self.name)["Shards"]:
            iterator = self.client.get_shard_iterator(
                StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            behind = 1
            while behind:
                answer = self.client.get_records(ShardIterator=iterator)
                found += [(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
                iterator, behind = answer["NextShardIterator"], answer["MillisBehindLatest"]
        return found

    async def until(self, done) -> list[tuple[str, bytes]]:
        while True:  # pytest-timeout bounds it
            records = await asyncio.to_thread(self.records)
            if done(records):
                return records
            await asyncio.sleep(0.1)


@pytest.fixture
def stream(kinesis: ServiceProcess, request: pytest.FixtureRequest) -> Iterator[Stream]:
    made = Stream(kinesis, f"s{abs(hash(request.node.nodeid))}")
    yield made
    made.client.close()


def start_rules(broker, stream: Stream, errors: Path, *more: str, name: str = "") -> ServiceProcess:
    arguments = ["--broker-port", str(broker.port), "--directory", str(broker.pki.directory)]
    arguments += ["--stream", name or stream.name, "--error-directory", str(errors), *more]
    environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_KINESIS": stream.endpoint}
    return ServiceProcess("iotstream.local.rules", arguments, environment=environment)


def stats(rules: ServiceProcess) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{rules.port}/stats", timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(autouse=True)
def forgotten_session(broker) -> Iterator[None]:
    """The rule engine's session outlives it: end it, so that one test's messages stay out of the next."""
    yield
    client = mqtt.Client(CallbackAPIVersion.VERSION2, RULE_ENGINE, clean_session=True)
    client.tls_set_context(connection(broker).context(RULE_ENGINE))
    client.connect("127.0.0.1", broker.port)
    answered: list[int] = []
    client.on_connect = lambda *_: answered.append(1)
    while not answered:
        assert client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS
    client.disconnect()
    client.loop(0.1)


def connection(broker) -> Connection:
    credentials = broker.pki.clients([*DEVICES, TEST_CLIENT, RULE_ENGINE])
    topics = {TEST_CLIENT: "topic/mqtt"}
    return Connection(host="127.0.0.1", port=broker.port, credentials=credentials, topics=topics)


def messages(count: int, *, seed: int = 0) -> list[Message]:
    start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    fleet = Fleet(devices=DEVICES, start=start, messages=count, seed=seed, bad_share=0.2, packed_share=0.1)
    return list(readings(fleet))


def by_key(records: list[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    found = defaultdict(list)
    for key, data in records:
        found[key].append(data)
    return found


def test_every_payload_arrives_once_byte_for_byte_under_its_device(broker, stream: Stream, tmp_path) -> None:
    sent = messages(300)
    sent += [message._replace(device=TEST_CLIENT) for message in messages(40, seed=1)]
    rules = start_rules(broker, stream, tmp_path / "errors")
    try:
        assert asyncio.run(publish(sent, connection(broker), paced=False)).complete
        asyncio.run(stream.until(lambda records: len(records) >= len(sent)))
        figures = stats(rules)
    finally:
        assert rules.stop() == 0, rules.last_log_lines()
    found = by_key(stream.records())
    for device in (*DEVICES, TEST_CLIENT):
        assert found.pop(device) == [message.payload for message in sent if message.device == device]
    assert not found
    assert figures["by_rule"] == {"devices": 300, "test_client": 40}
    assert {name: figures[name] for name in ("received", "forwarded", "done", "failed", "unmatched")} == {
        "received": 340,
        "forwarded": 340,
        "done": 340,
        "failed": 0,
        "unmatched": 0,
    }
    assert not (tmp_path / "errors").exists()


def test_killed_in_the_middle_it_repeats_rather_than_loses(broker, stream: Stream, tmp_path) -> None:
    sent = messages(4_000)
    acknowledged: list[Message] = []
    running = [start_rules(broker, stream, tmp_path)]

    async def kill_and_start_again() -> None:
        await stream.until(lambda records: len(records) >= 300)
        running[0]._process.kill()
        running[0].stop()
        running.append(await asyncio.to_thread(start_rules, broker, stream, tmp_path))

    async def run():
        killing = asyncio.create_task(kill_and_start_again())
        result = await publish(sent, connection(broker), paced=False, on_acknowledged=acknowledged.append)
        await killing
        wanted = Counter((m.device, m.payload) for m in acknowledged)
        await stream.until(lambda records: not wanted - Counter(records))
        return result

    try:
        result = asyncio.run(run())
        # Once the last one is settled, a message that was lost would never come.
        assert stats(running[-1])["failed"] == 0
    finally:
        statuses = [process.stop() for process in running]
    assert result.complete
    assert statuses == [-9, 0], running[-1].last_log_lines()
    assert not Counter((m.device, m.payload) for m in acknowledged) - Counter(stream.records())


def test_what_was_published_while_it_was_away_is_not_missed(broker, stream: Stream, tmp_path) -> None:
    assert start_rules(broker, stream, tmp_path).stop() == 0
    sent = messages(200)
    assert asyncio.run(publish(sent, connection(broker), paced=False)).complete
    rules = start_rules(broker, stream, tmp_path)
    try:
        records = asyncio.run(stream.until(lambda records: len(records) >= len(sent)))
    finally:
        assert rules.stop() == 0
    assert Counter(records) == Counter((message.device, message.payload) for message in sent)


def test_rules_from_a_file_and_the_error_action(broker, stream: Stream, tmp_path) -> None:
    sql = "SELECT temperature AS t, topic(3) AS who FROM 'topic/mqtt/+' WHERE NOT topic(3) = 'device-0002'"
    kinesis_action = {"streamName": stream.name, "partitionKey": "${topic(3)}/${temperature}"}
    rule = {"ruleName": "one", "sql": sql, "actions": [{"kinesis": kinesis_action}]}
    rule["errorAction"] = {"s3": {"key": "../errors/${clientid()}/${newuuid()}"}}
    rules_file = tmp_path / "rules.json"
    rules_file.write_text(json.dumps([rule, {**rule, "ruleName": "off", "ruleDisabled": True}]))
    payloads = [b'{"temperature": 1.0}', b"not JSON", b"\xff", b'{"temperature": "x"}']
    sent = [Message("device-0001", 0.0, payload, ()) for payload in payloads]
    sent.append(Message("device-0002", 0.0, payloads[0], ()))
    errors = tmp_path / "kept"
    rules = start_rules(broker, stream, errors, "--rules", str(rules_file))
    try:
        assert asyncio.run(publish(sent, connection(broker), paced=False)).complete
        while stats(rules)["done"] < len(sent):
            time.sleep(0.05)
        figures = stats(rules)
    finally:
        assert rules.stop() == 0
    assert sorted(stream.records()) == [
        ("device-0001/1", b'{"t":1,"who":"device-0001"}'),
        ("device-0001/x", b'{"t":"x","who":"device-0001"}'),
    ]
    # The original bytes, and never outside the directory.
    kept = [path for path in errors.rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in kept) == [b"not JSON", b"\xff"]
    assert {path.parent.relative_to(errors) for path in kept} == {Path("errors/device-0001")}
    assert (figures["forwarded"], figures["failed"], figures["unmatched"]) == (2, 2, 1)


def test_a_start_that_cannot_work_says_why(broker, stream: Stream, tmp_path) -> None:
    with pytest.raises(LocalStackError, match="'no-such-stream' at http"):
        start_rules(broker, stream, tmp_path, name="no-such-stream")
    if broker.backend == "embedded":  # Mosquitto takes the subscription, and delivers nothing
        with pytest.raises(LocalStackError, match="does not take device-0001: its subscription was refused"):
            start_rules(broker, stream, tmp_path, "--rule-engine", "device-0001")
    wrong = tmp_path / "rules.json"
    wrong.write_text('[{"ruleName": "r", "sql": "SELECT x[0] AS x FROM \'a\'", "actions": []}]')
    with pytest.raises(LocalStackError, match=r"rule 'r': actions"):
        start_rules(broker, stream, tmp_path, "--rules", str(wrong))
