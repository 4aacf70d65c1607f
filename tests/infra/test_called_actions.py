"""Least privilege, by trial: what the programs call at AWS, and what their roles allow, are the same.

The handlers, as Lambda starts them, and `iotstream consume` run against local services, and a recorder in
front of these notes which actions arrive, on which resource. The roles' policies are those that Terraform
plans for the same resources.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from recorder import ACCOUNT, REGION, Recorder
from terraform import Root, copy, terraform

from iotstream.journal.dynamodb_table import create_table
from iotstream.local.lambda_runtime import LambdaFunction
from iotstream.local.process import ServiceProcess
from iotstream.local.stack import handlers_directory

sys.path.append(str(Path(__file__).parents[1] / "sinks" / "influxdb"))

from scripted_influxdb import Server

STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/kinesis-stream"
SHARD = "shardId-000000000000"
FUNCTION, CONSUMER, AUDIT = "transform-function", "consumer", "audit-function"
LEASES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/iotstream"
DATABASE, TABLE, JOURNAL = "iot_timestream_db", "iot_table", "iotstream-journal"
# A lake belongs to one consumer.
BUCKETS = {FUNCTION: ("lake-lambda", "quarantine-lambda"), CONSUMER: ("lake-ecs", "quarantine-ecs")}

CONFIGURATION = """\
provider "aws" {}

locals {
  common = {
    tsdb                         = "both"
    stream_arn                   = "%(stream)s"
    timestream_table_arn         = "%(table)s"
    timestream_error_reports_arn = "arn:aws:s3:::iot-errors/timestream"
    journal_table_arn            = "%(journal)s"
    kms_key_arn                  = "arn:aws:kms:us-east-1:123456789012:key/0"
  }
}

module "lambda" {
  source                       = "./modules/iam"
  consumer                     = "lambda"
  tsdb                         = local.common.tsdb
  stream_arn                   = local.common.stream_arn
  lake_bucket_arn              = "arn:aws:s3:::lake-lambda"
  lake_prefix                  = "telemetry"
  quarantine_bucket_arn        = "arn:aws:s3:::quarantine-lambda"
  quarantine_prefix            = "rejects"
  journal_table_arn            = local.common.journal_table_arn
  application                  = "iotstream"
  kms_key_arn                  = local.common.kms_key_arn
  influxdb_token_secret_arn    = "%(secret)s"
  timestream_table_arn         = local.common.timestream_table_arn
  timestream_error_reports_arn = local.common.timestream_error_reports_arn
  on_failure_queue_arn         = "arn:aws:sqs:us-east-1:123456789012:on-failure"
  lambda_in_vpc                = true
  lambda_subnet_ids            = ["subnet-1"]
  lambda_security_group_ids    = ["sg-1"]
  iot_errors_bucket_arn        = "arn:aws:s3:::iot-errors"
}

module "ecs" {
  source                       = "./modules/iam"
  consumer                     = "ecs"
  tsdb                         = local.common.tsdb
  stream_arn                   = local.common.stream_arn
  lake_bucket_arn              = "arn:aws:s3:::lake-ecs"
  lake_prefix                  = "telemetry"
  quarantine_bucket_arn        = "arn:aws:s3:::quarantine-ecs"
  quarantine_prefix            = "rejects"
  journal_table_arn            = local.common.journal_table_arn
  application                  = "iotstream"
  kcl_creates_tables           = true
  enable_fan_out               = true
  enable_put_metric_data       = true
  kms_key_arn                  = local.common.kms_key_arn
  influxdb_token_secret_arn    = "%(secret)s"
  timestream_table_arn         = local.common.timestream_table_arn
  timestream_error_reports_arn = local.common.timestream_error_reports_arn
  iot_errors_bucket_arn        = "arn:aws:s3:::iot-errors"
}

output "consumer" {
  value = module.ecs.consumer_policy_json
}
"""

KEY = "S3, DynamoDB, Kinesis and Secrets Manager use the key in the name of who calls them"
LOGS = "Lambda's service writes what the function prints"
TRACES = "X-Ray's daemon in Lambda's sandbox"
INTERFACES = "Lambda's service makes the function's network interfaces"
MAPPING = "the event source mapping polls with the function's role"
KCL = "KCL's Java: https://docs.aws.amazon.com/streams/latest/dev/kcl-iam-permissions.html"
REPORTS = "Timestream puts its reports on refused rows in the name of who wrote them"
EXPIRED = "recovery looks for the dead letters of a span whose records the stream doesn't keep any more"
NOT_FOUND = "without it S3 answers 403 of a key that isn't there, not 404"

# What the code doesn't call: (role, action) => why it is allowed nevertheless.
EXPLAINED = {
    **{(FUNCTION, f"kms:{one}"): KEY for one in ("Decrypt", "GenerateDataKey")},
    **{(CONSUMER, f"kms:{one}"): KEY for one in ("Decrypt", "GenerateDataKey")},
    (AUDIT, "kms:Decrypt"): KEY,
    **{
        (role, f"logs:{one}"): LOGS
        for role in (FUNCTION, AUDIT)
        for one in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    },
    **{
        (role, f"xray:{one}"): TRACES
        for role in (FUNCTION, AUDIT)
        for one in ("PutTelemetryRecords", "PutTraceSegments")
    },
    **{
        (FUNCTION, f"ec2:{one}"): INTERFACES
        for one in (
            "AssignPrivateIpAddresses",
            "CreateNetworkInterface",
            "DeleteNetworkInterface",
            "DescribeNetworkInterfaces",
            "DescribeSubnets",
            "UnassignPrivateIpAddresses",
        )
    },
    (FUNCTION, "kinesis:DescribeStream"): MAPPING,
    (FUNCTION, "kinesis:ListShards"): MAPPING,
    (FUNCTION, "sqs:SendMessage"): "the mapping's on-failure destination",
    (FUNCTION, "s3:ListBucket"): NOT_FOUND,
    (CONSUMER, "s3:ListBucket"): NOT_FOUND,
    **{
        (CONSUMER, f"kinesis:{one}"): KCL
        for one in ("DescribeStream", "DescribeStreamConsumer", "RegisterStreamConsumer", "SubscribeToShard")
    },
    **{
        (CONSUMER, f"dynamodb:{one}"): KCL
        for one in ("CreateTable", "DeleteItem", "DescribeTable", "PutItem", "Scan", "UpdateTable")
    },
    (CONSUMER, "cloudwatch:PutMetricData"): KCL,
}
# The same for another resource of an action that the code does call.
EXPLAINED_RESOURCES = {
    (FUNCTION, "s3:PutObject", "arn:aws:s3:::iot-errors/timestream/*"): REPORTS,
    (FUNCTION, "s3:GetObject", "arn:aws:s3:::quarantine-lambda/rejects/*"): EXPIRED,
    (CONSUMER, "s3:PutObject", "arn:aws:s3:::iot-errors/timestream/*"): REPORTS,
    (CONSUMER, "s3:GetObject", "arn:aws:s3:::quarantine-ecs/rejects/*"): EXPIRED,
    (CONSUMER, "dynamodb:Query", f"{LEASES}/index/LeaseOwnerToLeaseKeyIndex"): KCL,
    **{
        (CONSUMER, f"dynamodb:{one}", f"{LEASES}{suffix}"): KCL
        for one in ("GetItem", "UpdateItem")
        for suffix in ("", "-WorkerMetricStats", "-CoordinatorState")
    },
}

pytestmark = pytest.mark.timeout(240)


# --- the programs ------------------------------------------------------------------------------------------


class World:
    """Local services with a recorder before them, and the programs that use it.

    Args:
        directory: for the programs' logs.

    Attributes:
        secret: ARN of InfluxDB's token.
        recorder: what has been called.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._services = [
            ServiceProcess("iotstream.local.kinesis", ["--create", "kinesis-stream=1"]),
            ServiceProcess("iotstream.local.timestream", ["--database", DATABASE, "--table", TABLE]),
            ServiceProcess("iotstream.local.aws"),
        ]
        self._kinesis, timestream, self.aws = (f"http://127.0.0.1:{one.port}" for one in self._services)
        self._influxdb = Server("v2")
        upstreams = {"kinesis": self._kinesis, "timestream": timestream, "": self.aws}
        self.recorder = Recorder(upstreams)
        for buckets in BUCKETS.values():
            for bucket in buckets:
                self._client("s3").create_bucket(Bucket=bucket)
        made = self._client("secretsmanager").create_secret(Name="influxdb/token", SecretString="token")
        self.secret = made["ARN"]
        create_table({**self._environment("test"), "AWS_ENDPOINT_URL": self.aws}, JOURNAL)
        self._records: list[dict[str, Any]] = []
        self._consumers: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        for consumer in self._consumers:
            if consumer.poll() is None:
                consumer.kill()
            consumer.wait()
        self.recorder.close()
        self._influxdb.close()
        for service in self._services:
            service.stop()

    def run_function(self) -> None:
        """The handler: a span that is left half written, recovered by the next invocation, and one more."""
        self._put(40)
        with self._function("kinesis_lambda.handler", FUNCTION, FUNCTION) as function:
            with self._refused_parquet():
                answer = function.invoke(self._event(0, 20))
            assert json.loads(answer.payload).get("batchItemFailures"), answer
            for part in (slice(0, 7), slice(7, 41)):
                answer = function.invoke(self._event(part.start, part.stop))
                assert json.loads(answer.payload) == {"batchItemFailures": []}, answer.log
        assert [one["records"] for one in self._manifests(FUNCTION)] == [20, 21]

    def run_consumer(self) -> None:
        """`iotstream consume`: the same, by a second process."""
        before = self.recorder.refused
        with self._refused_parquet():
            first = self._consume("first")
            self._until(lambda: self.recorder.refused > before, first)
            first.kill()
            first.wait()
        second = self._consume("second")
        self._until(lambda: sum(one["records"] for one in self._manifests(CONSUMER)) == 41, second)
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0

    def run_audit(self) -> None:
        """The audit of the handler's lake."""
        with self._function("audit_lambda.handler", AUDIT, FUNCTION) as function:
            answer = function.invoke(b"{}")
        report = json.loads(answer.payload)
        assert (report["ok"], report["totals"]["spans"]) == (True, 2), answer.log

    def _function(self, handler: str, caller: str, lake: str) -> LambdaFunction:
        environment = self._environment(caller, lake)
        return LambdaFunction(handler=handler, task_root=handlers_directory(), environment=environment)

    def _consume(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "iotstream", "consume", "--source", "direct"]
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "IOTSTREAM_"))
        }
        environment = {
            **ours,
            **self._environment(CONSUMER, CONSUMER),
            "IOTSTREAM_CONSUMER_PORT": "0",
            "IOTSTREAM_SPAN_MAX_AGE_S": "1",
        }
        with (self._directory / f"{name}.log").open("wb") as log:
            self._consumers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return self._consumers[-1]

    def _environment(self, caller: str, lake: str = FUNCTION) -> dict[str, str]:
        bucket, quarantine = BUCKETS[lake]
        return {
            "AWS_ENDPOINT_URL": self.recorder.endpoint,
            "AWS_ACCESS_KEY_ID": caller,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOTSTREAM_LAKE_URI": f"s3://{bucket}/telemetry",
            "IOTSTREAM_QUARANTINE_URI": f"s3://{quarantine}/rejects",
            "IOTSTREAM_JOURNAL_APPLICATION": lake,
            "IOTSTREAM_JOURNAL_URI": f"dynamodb://{JOURNAL}",
            "IOTSTREAM_TIMESTREAM_DATABASE": DATABASE,
            "IOTSTREAM_TIMESTREAM_TABLE": TABLE,
            "IOTSTREAM_INFLUXDB_URL": self._influxdb.url,
            "IOTSTREAM_INFLUXDB_DATABASE": "iot",
            "IOTSTREAM_INFLUXDB_ORG": "my org",
            "IOTSTREAM_INFLUXDB_TOKEN_SECRET": self.secret,
        }

    def _refused_parquet(self) -> Any:
        """While it lasts no Parquet object is taken: what was intended stays half written."""
        return self.recorder.refusing(
            lambda call: call.action == "s3:PutObject" and call.resource.endswith(".parquet")
        )

    def _client(self, service: str, endpoint: str = "") -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint or self.aws,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _put(self, count: int) -> None:
        """Put so many readings, and one that is refused, into the stream."""
        now = time.time()
        items = [
            {"timestamp": now, "deviceId": f"device-{n}", "temperature": n, "humidity": 40}
            for n in range(count)
        ]
        payloads = [*(json.dumps(one).encode() for one in items), b"not json"]
        kinesis = self._client("kinesis", self._kinesis)
        kinesis.put_records(
            StreamARN=STREAM, Records=[{"Data": one, "PartitionKey": "device"} for one in payloads]
        )
        start = kinesis.get_shard_iterator(StreamARN=STREAM, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
        self._records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
        assert len(self._records) == count + 1

    def _event(self, start: int, stop: int) -> bytes:
        """What Lambda makes of these records."""
        records = [
            {
                "eventID": f"{SHARD}:{one['SequenceNumber']}",
                "eventSourceARN": STREAM,
                "kinesis": {
                    "sequenceNumber": one["SequenceNumber"],
                    "data": base64.b64encode(one["Data"]).decode(),
                    "approximateArrivalTimestamp": one["ApproximateArrivalTimestamp"].timestamp(),
                },
            }
            for one in self._records[start:stop]
        ]
        return json.dumps({"Records": records}).encode()

    def _manifests(self, lake: str) -> list[dict[str, Any]]:
        s3, bucket = self._client("s3"), BUCKETS[lake][0]
        found = s3.list_objects_v2(Bucket=bucket, Prefix="telemetry/spans/").get("Contents", [])
        return [
            json.loads(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read())
            for one in found
            if one["Key"].endswith(".json")
        ]

    def _until(self, condition: Any, process: subprocess.Popen[bytes], timeout_s: float = 45) -> None:
        ends = time.monotonic() + timeout_s
        while not condition():
            logs = [one.read_text()[-2000:] for one in self._directory.glob("*.log")]
            assert time.monotonic() < ends, logs
            assert process.poll() is None or condition(), logs
            time.sleep(0.1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All of it, run once."""
    one = World(tmp_path_factory.mktemp("called"))
    try:
        one.run_function()
        one.run_consumer()
        one.run_audit()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def described():
    """Callers of DescribeEndpoints: only a real host is asked, so botocore answers it here."""
    import botocore.session

    from iotstream.sinks.timestream.access import open_access

    session, calls = botocore.session.Session(), []
    session.set_credentials("x", "x")
    answer = {"Endpoints": [{"Address": "cell.timestream", "CachePeriodInMinutes": 1}]}

    def before_call(model, **_):
        calls.append(f"timestream:{model.name}")
        return SimpleNamespace(status_code=200, headers={}), answer

    session.register("before-call.timestream-write", before_call)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_REGION", REGION)
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_TIMESTREAM_WRITE"):
            patched.delenv(name, raising=False)
        describe = open_access(session).describe
    assert describe is not None
    assert describe() == ("cell.timestream", 60.0)
    return {(one, "*") for one in calls}


@pytest.fixture(scope="module")
def called(world, described):
    """Who calls what on what. The consumers' sink for Timestream is the same one."""
    assert world.recorder.failures == []
    return {
        FUNCTION: world.recorder.of(FUNCTION) | described,
        CONSUMER: world.recorder.of(CONSUMER) | described,
        AUDIT: world.recorder.of(AUDIT),
    }


# --- the roles ---------------------------------------------------------------------------------------------


def _listed(value):
    return [value] if isinstance(value, str) else value


def _rights(documents):
    """(action, resource) that these policies allow."""
    statements = [one for document in documents for one in json.loads(document)["Statement"]]
    return {
        (action, resource)
        for one in statements
        if one["Effect"] == "Allow"
        for action in _listed(one["Action"])
        for resource in _listed(one["Resource"])
    }


@pytest.fixture(scope="module")
def allowed(world, tmp_path_factory):
    """What Terraform plans for the three roles, with this world's resources."""
    terraform()
    modules = copy(tmp_path_factory.mktemp("roles"))
    directory = modules.parent / "roles"
    (directory / "modules").mkdir(parents=True)
    (modules / "modules" / "iam").rename(directory / "modules" / "iam")
    (directory / "main.tf").write_text(
        CONFIGURATION
        % {
            "stream": STREAM,
            "secret": world.secret,
            "table": f"arn:aws:timestream:{REGION}:{ACCOUNT}:database/{DATABASE}/table/{TABLE}",
            "journal": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{JOURNAL}",
        }
    )
    environment = {
        "AWS_ENDPOINT_URL": world.aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    root = Root(directory, environment)
    root.run("plan", "-out=plan")
    planned = json.loads(root.run("show", "-json", "plan"))["planned_values"]
    modules = {one["address"]: one["resources"] for one in planned["root_module"]["child_modules"]}

    def of(resource):
        return _rights(
            one["values"]["policy"]
            for one in modules["module.lambda"]
            if (one["type"], one["name"]) == ("aws_iam_role_policy", resource)
        )

    return {
        FUNCTION: of("lambda"),
        AUDIT: of("audit"),
        CONSUMER: _rights(planned["outputs"]["consumer"]["value"].values()),
    }


# --- both --------------------------------------------------------------------------------------------------

ROLES = pytest.mark.parametrize("role", [FUNCTION, CONSUMER, AUDIT])


@ROLES
def test_what_is_called_is_allowed(called, allowed, role):
    refused = {
        (action, resource)
        for action, resource in called[role]
        if not any(action == may and fnmatchcase(resource, pattern) for may, pattern in allowed[role])
    }
    assert refused == set()


@ROLES
def test_nothing_more_is_allowed(called, allowed, role):
    unused = {
        (action, pattern)
        for action, pattern in allowed[role]
        if not any(action == did and fnmatchcase(resource, pattern) for did, resource in called[role])
        and (role, action) not in EXPLAINED
        and (role, action, pattern) not in EXPLAINED_RESOURCES
    }
    assert unused == set()


def test_no_explanation_is_out_of_date(called, allowed):
    """What is explained is allowed, and not called after all."""
    for role, action in EXPLAINED:
        assert action in {one for one, _ in allowed[role]}, (role, action)
        assert action not in {one for one, _ in called[role]}, (role, action)
    for role, action, pattern in EXPLAINED_RESOURCES:
        assert (action, pattern) in allowed[role]
        assert not any(did == action and fnmatchcase(on, pattern) for did, on in called[role]), (role, action)


def test_the_programs_did_what_they_can(called):
    """Else it would say little that nothing else was called."""
    both = {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "s3:GetObject",
        "s3:PutObject",
        "secretsmanager:GetSecretValue",
        "timestream:DescribeEndpoints",
        "timestream:WriteRecords",
    }
    actions = {role: {action for action, _ in calls} for role, calls in called.items()}
    assert actions == {
        FUNCTION: both,
        CONSUMER: {*both, "dynamodb:Query", "kinesis:ListShards"},
        AUDIT: {"dynamodb:GetItem", "dynamodb:Query", "s3:GetObject", "s3:ListBucket"},
    }
