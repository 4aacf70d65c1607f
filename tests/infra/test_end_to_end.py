"""What Terraform creates is what the local stack runs on: from devices by MQTT to SQL over the lake.

Terraform applies the root, without the parts that carry no data, to the local services. Names, the rules,
the event source mapping, the function with its environment and the table of the catalogue are then read
from its outputs and from the services, and the local stack's programs are started with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from terraform import Root, copy, terraform

from iotstream.catalog import describe_table
from iotstream.lake import Lake
from iotstream.local import programs
from iotstream.local.broker.policy import TEST_CLIENT, Policy
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess
from iotstream.local.stack import handlers_directory
from iotstream.simulate.connection import Connection
from iotstream.simulate.message import Message
from iotstream.simulate.publisher import publish
from iotstream.timestream_query import ask

REGION = "us-east-1"
READINGS = 25
"""Of each device; one more of each is refused."""
GIVE_UP_AFTER_S = 3
"""Of the rule engine, until its error action has its turn."""
LOST = Message(TEST_CLIENT, 0.0, b'{"deviceId": "lost", "temperature": "\xff', ())
"""Is published while the stream takes nothing; its bytes are no JSON, and no UTF-8."""
VARIABLES = """\
tsdb                               = "liveanalytics"
stream_mode                        = "PROVISIONED"
shard_count                        = 2
retention_period                   = 24
maximum_batching_window_in_seconds = 1
enable_vpc                         = false
enable_devices                     = false
enable_audit                       = false
enable_athena                      = false
enable_monitoring                  = false
deletion_protection                = false
secret_recovery_window_days        = 0
"""
"""What carries the data, and nothing else; shorter waits."""
PROVIDER = """\
provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}
"""
SLOW = {
    "modules/s3/bucket": 'resource "aws_s3_bucket_lifecycle_configuration" "this" { count = 0 }\n',
    "modules/lambda": 'resource "aws_sqs_queue_policy" "on_failure" { count = 0 }\n',
}
"""Left out, since the provider waits up to a minute until they are steady; test_terraform has them."""

pytestmark = pytest.mark.timeout(300)


# --- what is there, by Terraform ---------------------------------------------------------------------------


class World:
    """Local services without anything in them, Terraform's work on them, the programs started with that.

    Args:
        directory: for Terraform, certificates and what the rules refuse.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.rule_errors = directory / "rule-errors"
        self._services: list[ServiceProcess] = []
        # moto_plus is beside this file.
        here = {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))}
        modules = ("moto_plus", "iotstream.local.kinesis", "iotstream.local.timestream")
        with ThreadPoolExecutor(len(modules)) as pool:
            aws, self._kinesis, timestream = pool.map(lambda one: self._start(one, environment=here), modules)
        self.variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.port}",
            "AWS_ENDPOINT_URL_KINESIS": f"http://127.0.0.1:{self._kinesis.port}",
            "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": f"http://127.0.0.1:{timestream.port}",
            "AWS_ENDPOINT_URL_TIMESTREAM_QUERY": f"http://127.0.0.1:{timestream.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENABLE_ENDPOINT_DISCOVERY": "false",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def apply(self) -> dict[str, Any]:
        """Create everything; the root's outputs."""
        package = self._directory / "lambda.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("kinesis_lambda.py", "def handler(event, context): ...\n")
        directory = copy(self._directory)
        (directory / "emulator_override.tf").write_text(PROVIDER)
        for module, left_out in SLOW.items():
            (directory / module / "quick_override.tf").write_text(left_out)
        (directory / "test.auto.tfvars").write_text(f'{VARIABLES}lambda_package_path = "{package}"\n')
        root = Root(directory, self.variables)
        root.run("apply", "-auto-approve", "-parallelism=40")
        return root.outputs()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.variables.get(
                f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}", self.variables["AWS_ENDPOINT_URL"]
            ),
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def start_broker(self, topic: str) -> ServiceProcess:
        """The broker; devices publish below that topic."""
        directory = self._directory / "certificates"
        return self._start("iotstream.local.broker", "--directory", str(directory), "--topic", topic)

    def start_rules(self, broker: ServiceProcess, topic: str, rules: list[dict[str, Any]]) -> ServiceProcess:
        """The rule engine with IoT Core's rules; a directory is the bucket of their error action."""
        keys = ("ruleName", "sql", "awsIotSqlVersion", "actions", "errorAction", "ruleDisabled")
        file = self._directory / "rules.json"
        file.write_text(json.dumps([{key: one[key] for key in keys if key in one} for one in rules]))
        return self._start(
            "iotstream.local.rules",
            *("--broker-port", str(broker.port)),
            *("--directory", broker.facts["directory"]),
            *("--topic", topic),
            *("--rules", str(file)),
            *("--error-directory", str(self.rule_errors)),
            *("--give-up-after", str(GIVE_UP_AFTER_S)),
            environment=self.variables,
        )

    def start_mapping(self, mapping: dict[str, Any], function: dict[str, Any]) -> ServiceProcess:
        """The event source mapping and the handler, as Lambda has them."""
        return self._start(
            "iotstream.local.event_source",
            *("--stream", mapping["EventSourceArn"].rpartition("/")[2]),
            *("--batch-size", str(mapping["BatchSize"])),
            *("--batch-window", str(mapping["MaximumBatchingWindowInSeconds"])),
            *("--max-retries", str(mapping["MaximumRetryAttempts"])),
            *("--max-record-age", str(mapping["MaximumRecordAgeInSeconds"])),
            *("--parallelization", str(mapping["ParallelizationFactor"])),
            *("--starting-position", mapping["StartingPosition"]),
            *(["--bisect"] if mapping.get("BisectBatchOnFunctionError") else []),
            *("--handler", function["Handler"]),
            *("--function-name", function["FunctionName"]),
            *("--timeout", str(function["Timeout"])),
            *("--task-root", str(handlers_directory())),
            environment={**self.variables, **function["Environment"]["Variables"]},
        )

    @contextlib.contextmanager
    def refusing_records(self) -> Iterator[None]:
        """While it lasts the stream takes nothing."""
        url = f"http://127.0.0.1:{self._kinesis.port}/_iotstream/faults"
        fault = {"operation": "PutRecords", "error": "InternalFailureException"}
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(fault).encode())).close()
        yield
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()

    def close(self) -> None:
        """End the programs; what feeds comes first."""
        for service in reversed(self._services):
            service.stop()

    def _start(
        self, module: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> ServiceProcess:
        self._services.append(ServiceProcess(module, arguments, environment=environment))
        return self._services[-1]


def _messages(devices: list[str], now: float) -> list[Message]:
    """A reading every second until now of each device, a faulty one, and one of the test client."""
    readings = [
        {"deviceId": device, "temperature": 20 + n / 10, "humidity": 40, "timestamp": now - n}
        for device in devices
        for n in range(READINGS)
    ]
    faulty = [{"deviceId": one, "temperature": "warm", "humidity": 40, "timestamp": now} for one in devices]
    tried = {"deviceId": TEST_CLIENT, "temperature": 99.5, "humidity": 40, "timestamp": now}
    sent = [(one["deviceId"], one) for one in (*readings, *faulty, tried)]
    return [Message(device, 0.0, json.dumps(item).encode(), ()) for device, item in sent]


@pytest.fixture(scope="module")
def flowed(tmp_path_factory):
    """Everything created, started, published and come through: what Terraform made, and what arrived."""
    terraform()
    directory = tmp_path_factory.mktemp("end-to-end")
    world = World(directory)
    try:
        outputs = world.apply()
        functions, iot = world.client("lambda"), world.client("iot")
        function = functions.get_function_configuration(FunctionName=outputs["lambda_function_name"])
        mapping = functions.get_event_source_mapping(UUID=outputs["event_source_mapping_uuid"])
        rules = [iot.get_topic_rule(ruleName=name)["rule"] for name in outputs["iot_rule_names"]]
        things = [one["thingName"] for one in iot.list_things()["things"]]
        [policy] = [iot.get_policy(policyName=one["policyName"]) for one in iot.list_policies()["policies"]]

        broker = world.start_broker(outputs["topic"])
        engine = world.start_rules(broker, outputs["topic"], rules)
        source = world.start_mapping(mapping, function)
        connection = Connection(
            host="127.0.0.1",
            port=broker.port,
            credentials=Pki(Path(broker.facts["directory"])).clients([*things, TEST_CLIENT]),
            topic=outputs["topic"],
            topics={TEST_CLIENT: outputs["topic"]},
        )
        messages = _messages(things, time.time())
        published = asyncio.run(publish(messages, connection, paced=False))
        _wait(lambda: programs.stats(source)["processed"] == len(messages), source)
        flowing = programs.stats(engine)
        with world.refusing_records():
            asyncio.run(publish([LOST], connection, paced=False))
            _wait(lambda: programs.stats(engine)["failed"] == 1, engine)
        yield SimpleNamespace(
            world=world,
            outputs=outputs,
            mapping=mapping,
            rules=rules,
            things=things,
            policy=json.loads(policy["policyDocument"]),
            messages=len(messages),
            published=published,
            engine=flowing,
            lost=[
                (str(one.relative_to(world.rule_errors)), one.read_bytes())
                for one in _files(world.rule_errors)
            ],
            source=programs.stats(source),
            glue=world.client("glue").get_table(
                DatabaseName=outputs["glue_database_name"], Name=outputs["glue_table_name"]
            )["Table"],
        )
    finally:
        world.close()


def _wait(until: Callable[[], bool], service: ServiceProcess) -> None:
    ends = time.monotonic() + 60
    while not until():
        assert time.monotonic() < ends, (programs.stats(service), service.last_log_lines())
        time.sleep(0.1)


def _files(directory: Path) -> list[Path]:
    return [one for one in directory.rglob("*") if one.is_file()]


# --- what came of it ---------------------------------------------------------------------------------------


def test_every_message_goes_by_the_rules_that_terraform_made(flowed):
    assert flowed.published.complete
    assert flowed.published.acknowledged == flowed.messages == 2 * (READINGS + 1) + 1
    assert {one["ruleName"] for one in flowed.rules} == {"mqtt", "mqtt_devices"}
    assert flowed.engine["by_rule"] == {"mqtt": 1, "mqtt_devices": flowed.messages - 1}
    assert flowed.engine["forwarded"] == flowed.messages
    assert flowed.engine["failed"] == 0


def test_what_the_stream_does_not_take_goes_where_terraforms_error_action_says(flowed):
    [(place, payload)] = flowed.lost
    assert payload == LOST.payload
    today = datetime.now(UTC).date()
    days = "|".join(f"{one:%Y/%m/%d}" for one in (today - timedelta(days=1), today))
    assert re.fullmatch(rf"errors/({days})/[0-9a-f-]{{36}}\.json", place)


def test_the_stream_that_terraform_made_carries_them(flowed):
    stream = flowed.world.client("kinesis").describe_stream_summary(StreamName=flowed.outputs["stream_name"])
    assert stream["StreamDescriptionSummary"]["StreamARN"] == flowed.outputs["stream_arn"]
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert stream["StreamDescriptionSummary"]["EncryptionType"] == "KMS"
    assert flowed.mapping["EventSourceArn"] == flowed.outputs["stream_arn"]
    assert flowed.mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert flowed.source["processed"] == flowed.messages
    assert (flowed.source["failures"], flowed.source["discarded"]) == (0, 0)


def test_the_policy_that_terraform_made_is_what_the_broker_keeps(flowed):
    """Each device connects as itself, and publishes on its own topic only."""
    kept = Policy(topic=flowed.outputs["topic"])
    topics = [kept.topic, *(kept.device_topic(one) for one in flowed.things), "topic/other"]
    for thing in flowed.things:
        text = json.dumps(flowed.policy).replace("${iot:Connection.Thing.ThingName}", thing)
        allowed = {
            (one["Action"], one["Resource"].rpartition(":")[2]) for one in json.loads(text)["Statement"]
        }
        for topic in topics:
            assert (("iot:Publish", f"topic/{topic}") in allowed) == kept.may_publish(thing, topic)
        for client in flowed.things:
            assert (("iot:Connect", f"client/{client}") in allowed) == kept.may_connect(thing, client)


def test_the_lake_is_queried_by_the_table_that_terraform_made(flowed):
    outputs = flowed.outputs
    database, table = outputs["glue_database_name"], outputs["glue_table_name"]
    known = describe_table(flowed.world.client("glue"), database=database, table=table)
    assert known.lake == outputs["lake_uri"]
    with Lake.open(
        known.lake, schema=known.columns, database=database, table=table, environ=flowed.world.variables
    ) as lake:
        rows = lake.query(
            f"SELECT device_id, count(*) AS n, max(temperature) AS warmest FROM {database}.{table} "
            "GROUP BY device_id ORDER BY device_id"
        ).to_pylist()
    warmest = 20 + (READINGS - 1) / 10
    assert rows == [
        *({"device_id": one, "n": READINGS, "warmest": warmest} for one in sorted(flowed.things)),
        {"device_id": TEST_CLIENT, "n": 1, "warmest": 99.5},
    ]


def test_athena_finds_every_object_by_partition_projection(flowed):
    """The places that the table's parameters project hold all rows, with the columns that it names."""
    parameters, s3 = flowed.glue["Parameters"], flowed.world.client("s3")
    assert parameters["projection.enabled"] == "true"
    assert (parameters["projection.dt.type"], parameters["projection.dt.format"]) == ("date", "yyyy-MM-dd")
    first, last = parameters["projection.hour.range"].split(",")
    digits = int(parameters["projection.hour.digits"])
    today = datetime.now(UTC).date()
    days = [str(today + timedelta(days=n)) for n in (-1, 0, 1)]
    assert parameters["projection.dt.range"].endswith(",NOW+1DAY")
    assert parameters["projection.dt.range"].split(",")[0] < days[0]

    tables = []
    for day, hour in itertools.product(days, range(int(first), int(last) + 1)):
        place = parameters["storage.location.template"]
        place = place.replace("${dt}", day).replace("${hour}", f"{hour:0{digits}}")
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        for one in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            tables.append(pq.ParquetFile(pa.BufferReader(body)).read())
    rows = pa.concat_tables(tables)
    assert rows.num_rows == 2 * READINGS + 1
    assert rows.column_names == [one["Name"] for one in flowed.glue["StorageDescriptor"]["Columns"]]


def test_refused_readings_are_in_the_quarantine_that_terraform_made(flowed):
    bucket, _, prefix = flowed.outputs["quarantine_uri"].removeprefix("s3://").partition("/")
    assert bucket == flowed.outputs["buckets"]["quarantine"]
    found = flowed.world.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
    manifests = _manifests(flowed).values()
    assert sum(sum(one["rejects"].values()) for one in manifests) == 2
    assert {reason for one in manifests for reason in one["rejects"]} == {"wrong_type"}
    assert found


def test_the_journal_that_terraform_made_is_committed(flowed):
    items = flowed.world.client("dynamodb").scan(TableName=flowed.outputs["journal_table_name"])["Items"]
    manifests = _manifests(flowed)
    assert sum(one["records"] for one in manifests.values()) == flowed.messages
    # spans/<stream>/<shard>/<range>.json
    assert {one["shard"]["S"] for one in items} == {key.split("/")[-2] for key in manifests}
    assert not any("intent" in one for one in items)


def test_dashboards_find_them_in_the_table_that_terraform_made(flowed):
    outputs = flowed.outputs
    table = f'"{outputs["timestream_database_name"]}"."{outputs["timestream_table_name"]}"'
    answer = ask(flowed.world.client("timestream-query"), f"SELECT count(*) AS n FROM {table}")
    assert answer.to_pylist() == [{"n": 2 * READINGS + 1}]


def _manifests(flowed) -> dict[str, dict[str, Any]]:
    """Key to manifest."""
    s3 = flowed.world.client("s3")
    bucket, _, prefix = flowed.outputs["lake_uri"].removeprefix("s3://").partition("/")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/spans/")["Contents"]]
    return {key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}
