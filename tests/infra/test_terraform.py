"""The Terraform of the whole system: what it makes at the local AWS, and what its examples plan there."""

from __future__ import annotations

import json
import re

import pytest
from terraform import WHEEL, Root

ACCOUNT = "123456789012"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/kinesis-stream"
LAKE = f"arn:aws:s3:::iot-data-lake-bucket-{ACCOUNT}"

# Without a resource in AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCE = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ecr:GetAuthorizationToken",
    "glue:GetSecurityConfiguration",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "timestream:DescribeEndpoints",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
WRITES_A_LAKE = {
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "secretsmanager:GetSecretValue",
    "timestream:DescribeEndpoints",
    "timestream:WriteRecords",
}

pytestmark = [pytest.mark.timeout(660), pytest.mark.usefixtures("deploying")]


# What they are for: modules that are there, some that are not; resources in all, at least.
EXAMPLES = {
    "minimal": (
        {"lambda[0]", "athena[0]", "monitoring[0]"},
        {"vpc[0]", "ec2[0]", "ecs[0]", "budgets[0]"},
        100,
    ),
    "production": ({"vpc[0]", "ecs[0]", "monitoring[0]", "budgets[0]"}, {"lambda[0]", "ec2[0]"}, 150),
}
EXAMPLES_VARIABLES = {
    "minimal": [],
    "production": ['-var=alarm_emails=["ops@example.com"]', '-var=device_names=["meter-1"]'],
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_planned(root, deploying, tmp_path, example):
    package = tmp_path / "lambda.zip"
    package.write_bytes(b"no code is run by a plan")
    planning = Root(root.directory / "examples" / example, deploying.environment)
    variables = [f"-var=lambda_package_path={package}", *EXAMPLES_VARIABLES[example]]
    said = planning.run("plan", "-out=plan", "-parallelism=20", *variables)
    assert "Warning" not in said
    plan = json.loads(planning.run("show", "-json", "plan"))
    changes = [one for one in plan["resource_changes"] if one["mode"] == "managed"]
    assert {tuple(one["change"]["actions"]) for one in changes} == {("create",)}
    modules = {
        one["module_address"].removeprefix("module.iotstream.module.").split(".")[0]
        for one in changes
        if "module.iotstream.module." in one["module_address"]
    }
    there, not_there, least = EXAMPLES[example]
    assert there <= modules
    assert not not_there & modules
    assert len(changes) >= least


# --- at the local AWS --------------------------------------------------------------------------------------


def test_a_second_plan_is_empty(deployed):
    for station in (deployed.with_lambda, deployed.with_ecs):
        assert not station.changes, station.second_plan[-4000:]


def test_destroy_leaves_nothing(deployed):
    assert deployed.left == deployed.before
    there = deployed.with_lambda.seen
    assert there["tables"], "something was there"
    assert there["alarms"], "something was there"


def test_the_originals_names(deployed):
    outputs, seen = deployed.with_lambda.outputs, deployed.with_lambda.seen
    assert outputs["stream_name"] == "kinesis-stream"
    assert outputs["buckets"]["artefacts"] == f"transform-function-code-bucket-{ACCOUNT}"
    assert outputs["buckets"]["athena_results"] == f"athena-temp-results-bucket-{ACCOUNT}"
    assert outputs["timestream_database_name"] == "iot_timestream_db"
    assert outputs["timestream_table_name"] == "iot_table"
    assert seen["function"]["FunctionName"] == "transform-function"
    assert {"/aws/iot/logs", "/aws/lambda/transform-function"} <= seen["log_groups"].keys()
    assert "kinesis-high-iterator-age" in seen["alarms"]


def test_every_log_group_ends_sometime(deployed):
    groups = {**deployed.with_lambda.seen["log_groups"], **deployed.with_ecs.seen["log_groups"]}
    assert {name for name, days in groups.items() if days != 365} == set()


def test_the_stream(deployed):
    stream = deployed.with_lambda.seen["stream"]
    assert stream["RetentionPeriodHours"] == 168
    assert stream["EncryptionType"] == "KMS"
    assert stream["KeyId"] == deployed.with_lambda.outputs["kms_key_arn"]
    assert stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"


def test_the_event_source_mapping_is_what_the_journal_needs(deployed):
    [mapping] = deployed.with_lambda.seen["mappings"]
    assert mapping["UUID"] == deployed.with_lambda.outputs["event_source_mapping_uuid"]
    wanted = {
        "EventSourceArn": STREAM,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ParallelizationFactor": 1,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 30,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Enabled",
    }
    assert {key: mapping.get(key) for key in wanted} == wanted
    # The provider leaves false away, which is AWS's default; moto says nothing of it then.
    assert not mapping.get("BisectBatchOnFunctionError")
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination.endswith(":transform-function-on-failure")


def test_the_function(deployed):
    seen = deployed.with_lambda.seen
    function = seen["function"]
    assert function["Runtime"] == "python3.12"
    assert function["Handler"] == "kinesis_lambda.handler"
    assert function["TracingConfig"]["Mode"] == "Active"
    assert seen["concurrency"]["ReservedConcurrentExecutions"] == 100
    assert function["VpcConfig"]["SubnetIds"], "InfluxDB is in the VPC"
    assert function["Environment"]["Variables"] == deployed.with_lambda.outputs["consumer_environment"]
    assert seen["audit"]["Handler"] == "audit_lambda.handler"


def test_newer_code_is_a_newer_version_and_the_older_is_kept(deployed):
    before, after = deployed.with_lambda.seen, deployed.with_ecs.seen
    [first] = before["packages"]
    versions = {one["VersionId"]: one["IsLatest"] for one in after["packages"]}
    assert versions.pop(first["VersionId"]) is False
    assert list(versions.values()) == [True]
    assert {one["Key"] for one in after["packages"]} == {"transform-function/lambda.zip"}
    assert before["audit"]["CodeSha256"] != after["audit"]["CodeSha256"]


def test_the_devices_install_the_wheel_that_was_built(deployed):
    seen = deployed.with_lambda.seen
    [wheel] = seen["wheels"]
    assert re.fullmatch(rf"simulator/[0-9a-f]{{64}}/{re.escape(WHEEL)}", wheel)
    bucket = deployed.with_lambda.outputs["buckets"]["artefacts"]
    assert _allowed(deployed.with_lambda.policies["iotstream-device"])["s3:GetObject"] == {
        f"arn:aws:s3:::{bucket}/{wheel}"
    }


def test_the_settings_are_iotstreams(deployed):
    """What Terraform gives the consumers and the audit is taken by them."""
    from iotstream.settings import Settings

    for station in (deployed.with_lambda, deployed.with_ecs):
        settings = Settings.load(station.outputs["consumer_environment"])
        settings.require("lake.uri", "journal.uri", "quarantine.uri")
        assert settings.lake.uri == station.outputs["lake_uri"]
        assert settings.influxdb.enabled
        assert settings.timestream.enabled
        audit = Settings.load(station.seen["audit"]["Environment"]["Variables"])
        assert audit.journal == settings.journal
        assert audit.lake == settings.lake


def test_one_consumer_at_a_time(deployed):
    before, after = deployed.with_lambda, deployed.with_ecs
    assert before.seen["function"]
    assert before.seen["services"] == []
    assert after.seen["function"] is None
    assert after.seen["mappings"] == []
    assert len(after.seen["services"]) == 1
    # Both write on one lake, by one journal: what the other left is gone on from.
    keys = ("IOTSTREAM_LAKE_URI", "IOTSTREAM_JOURNAL_URI", "IOTSTREAM_JOURNAL_APPLICATION")
    assert [before.outputs["consumer_environment"][key] for key in keys] == [
        after.outputs["consumer_environment"][key] for key in keys
    ]


def test_the_tables(deployed):
    tables = deployed.with_ecs.seen["tables"]
    keys = {
        name: [(one["AttributeName"], one["KeyType"]) for one in table["KeySchema"]]
        for name, table in tables.items()
    }
    assert keys == {
        "iotstream-journal": [("group", "HASH"), ("shard", "RANGE")],
        "iotstream": [("leaseKey", "HASH")],
        "iotstream-WorkerMetricStats": [("wid", "HASH")],
        "iotstream-CoordinatorState": [("key", "HASH")],
    }
    [index] = tables["iotstream"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "LeaseOwnerToLeaseKeyIndex"
    assert {one["BillingModeSummary"]["BillingMode"] for one in tables.values()} == {"PAY_PER_REQUEST"}


def test_the_rules(deployed):
    rules = deployed.with_lambda.seen["rules"]
    assert rules["mqtt_devices"]["sql"] == "SELECT * FROM 'topic/mqtt/#'"
    assert rules["mqtt"]["sql"] == "SELECT * FROM 'topic/mqtt'"
    for name in ("mqtt", "mqtt_devices"):
        rule = rules[name]
        assert rule["awsIotSqlVersion"] == "2016-03-23"
        [action] = rule["actions"]
        assert action["kinesis"]["streamName"] == "kinesis-stream"
        assert action["kinesis"]["partitionKey"] == "${clientid()}"
        assert rule["errorAction"]["s3"]["bucketName"] == f"iot-errors-bucket-{ACCOUNT}"


def test_a_device_is_itself_only(deployed):
    seen = deployed.with_lambda.seen
    policy = json.loads(seen["device_policies"]["iot-device"])
    allowed = {one["Action"]: one["Resource"] for one in policy["Statement"]}
    arn = f"arn:aws:iot:us-east-1:{ACCOUNT}"
    assert allowed == {
        "iot:Connect": f"{arn}:client/${{iot:Connection.Thing.ThingName}}",
        "iot:Publish": f"{arn}:topic/topic/mqtt/${{iot:Connection.Thing.ThingName}}",
    }
    assert sorted(seen["things"]) == ["device-001", "device-002"]
    secrets = [json.loads(one) for one in seen["secrets"].values()]
    assert all("BEGIN CERTIFICATE" in one["certificate_pem"] for one in secrets)
    assert all("PRIVATE KEY" in one["private_key"] for one in secrets)
    assert len({one["private_key"] for one in secrets}) == 2


def test_buckets_are_closed_and_only_data_moves(deployed):
    seen = deployed.with_lambda.seen
    assert all(all(block.values()) for block in seen["public"].values())
    assert all("aws:SecureTransport" in policy for policy in seen["bucket_policies"].values())
    rules = {one["ID"]: one for one in seen["lifecycles"]["lake"]}
    assert rules.keys() == {"unfinished-uploads", "data"}
    assert rules["data"]["Filter"]["Prefix"] == "telemetry/data/"
    assert [one["StorageClass"] for one in rules["data"]["Transitions"]] == [
        "INTELLIGENT_TIERING",
        "GLACIER_IR",
    ]
    assert "Expiration" not in rules["data"]
    for what, days in (("quarantine", 365), ("athena_results", 30), ("iot_errors", 90)):
        assert [one["Expiration"]["Days"] for one in seen["lifecycles"][what] if "Expiration" in one] == [
            days
        ]


def test_the_catalogue_is_the_schemas(deployed):
    from iotstream.schema import Schema
    from iotstream.schema_exports import glue_table

    made, outputs = deployed.with_lambda.seen["glue"], deployed.with_lambda.outputs
    wanted = glue_table(Schema.load(), name="iot_table", location=f"{outputs['lake_uri']}/data/")
    columns = [
        {key: one[key] for key in ("Name", "Type", "Comment")} for one in made["StorageDescriptor"]["Columns"]
    ]
    assert columns == wanted["StorageDescriptor"]["Columns"]
    assert made["StorageDescriptor"]["Location"] == wanted["StorageDescriptor"]["Location"]
    assert [one["Name"] for one in made["PartitionKeys"]] == [one["Name"] for one in wanted["PartitionKeys"]]
    assert made["Parameters"] == wanted["Parameters"]


# --- who may do what ---------------------------------------------------------------------------------------


def _listed(value):
    return [value] if isinstance(value, str) else value


def _allowed(policies):
    """Action to the resources that it is allowed on."""
    found = {}
    for statements in policies.values():
        for one in statements:
            if one["Effect"] == "Allow":
                for action in _listed(one["Action"]):
                    found.setdefault(action, set()).update(_listed(one["Resource"]))
    return found


def test_no_action_on_everything(deployed):
    for station in (deployed.with_lambda, deployed.with_ecs):
        for role, policies in station.policies.items():
            for action, resources in _allowed(policies).items():
                assert "*" not in action, (role, action)
                assert "*" not in resources or action in WITHOUT_RESOURCE, (role, action)
                for one in resources - {"*"}:
                    # The account, the service and the kind of thing are always named, and mostly its name.
                    assert re.match(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:[^*]", one), (role, action, one)


def test_the_originals_statements_hold(deployed):
    policies = deployed.with_lambda.policies
    rule = _allowed(policies["iot-rule-role"])
    assert rule["kinesis:PutRecord"] == rule["kinesis:PutRecords"] == {STREAM}
    function = _allowed(policies["transform-function-role"])
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/transform-function"
    for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):
        assert function[f"logs:{action}"] == {group, f"{group}:*"}
    crawler = _allowed(policies["iot-crawler-role"])
    assert crawler["s3:GetObject"] == {f"{LAKE}/telemetry/data/*"}
    assert crawler["s3:ListBucket"] == {LAKE}


def test_what_the_function_may_do_and_nothing_more(deployed):
    allowed = _allowed(deployed.with_lambda.policies["transform-function-role"])
    for_lambda = {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:SendMessage",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    assert allowed.keys() == WRITES_A_LAKE - {"dynamodb:Query"} | for_lambda
    quarantine = f"arn:aws:s3:::iot-quarantine-bucket-{ACCOUNT}"
    reports = f"arn:aws:s3:::iot-errors-bucket-{ACCOUNT}/timestream/*"
    assert allowed["s3:GetObject"] == {f"{LAKE}/telemetry/*", f"{quarantine}/telemetry/*"}
    assert allowed["s3:PutObject"] == {f"{LAKE}/telemetry/*", f"{quarantine}/telemetry/*", reports}
    assert allowed["dynamodb:UpdateItem"] == {f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/iotstream-journal"}


def test_what_the_consumer_on_ecs_may_do_and_nothing_more(deployed):
    allowed = _allowed(deployed.with_ecs.policies["iotstream-consumer-task"])
    of_kcl = {
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:PutItem",
        "dynamodb:Scan",
    }
    assert allowed.keys() == WRITES_A_LAKE | of_kcl
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/iotstream"
    leases = {table, f"{table}-WorkerMetricStats", f"{table}-CoordinatorState"}
    assert allowed["dynamodb:PutItem"] == leases
    assert allowed["dynamodb:UpdateItem"] == {*leases, f"{table}-journal"}
    assert allowed["dynamodb:Query"] == {f"{table}-journal", f"{table}/index/LeaseOwnerToLeaseKeyIndex"}


def test_the_audit_only_reads(deployed):
    allowed = _allowed(deployed.with_lambda.policies["audit-function-role"])
    own = {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    reading = {
        "dynamodb:GetItem",
        "dynamodb:Query",
        "kms:Decrypt",
        "s3:GetObject",
        "s3:ListBucket",
    }
    assert allowed.keys() == own | reading
