"""The life of the whole system at the local AWS: made with Lambda, changed to ECS, taken down.

At each station everything is looked at by the SDK and kept, so that tests can ask afterwards in any order.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from terraform import Root

REGION = "us-east-1"
LIFE_S = 600
EVERYTHING = """\
tsdb                        = "both"
enable_nat_gateway          = true
enable_kms                  = true
enable_budgets              = true
enable_crawler              = true
alarm_emails                = ["ops@example.com"]
deletion_protection         = false
force_destroy               = true
secret_recovery_window_days = 0
"""
"""All parts at once, and nothing that outlives its test."""
OVERRIDE = """\
provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}
"""


def _write_package(path: Path, code: str) -> None:
    """A zip for Lambda, with no more in it than that it differs."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kinesis_lambda.py", code)


class Station:
    """What was there, once Terraform had done its work.

    Attributes:
        outputs: of the root, without those that are null.
        second_plan: what a plan says then.
        changes: whether it would change something.
        policies: role to its policies by name, each a list of statements.
        seen: what the SDK says of the created things, by what they are.
    """

    def __init__(self, root: Root, aws: Any) -> None:
        self.outputs = root.outputs()
        self.second_plan = root.run("plan", "-detailed-exitcode", "-parallelism=40", statuses=(0, 2))
        self.changes = "No changes." not in self.second_plan
        self.policies = _policies(aws("iam"))
        self.seen = _look(aws, self.outputs)


class Deployment:
    """Runs in a thread of its own; `wait` until it is through.

    Args:
        directory: a copy of the root.
        endpoint: of the local AWS.
        package: where a Lambda's zip is written.
        said: the end of the local AWS's log, for a failure's message.

    Attributes:
        environment: with which Terraform asks the local AWS.
        with_lambda, with_ecs: the two stations; at the second the functions' code is newer.
        before, left: what was there before it all, and after `destroy`: kind to names.
        give_up: set when nobody waits any more.
    """

    def __init__(self, directory: Path, endpoint: str, package: Path, said: Callable[[], str]) -> None:
        (directory / "emulator_override.tf").write_text(OVERRIDE)
        (directory / "test.auto.tfvars").write_text(f'{EVERYTHING}lambda_package_path = "{package}"\n')
        _write_package(package, "NEWER = False\n")
        self._directory = directory
        self._endpoint = endpoint
        self._package = package
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENABLE_ENDPOINT_DISCOVERY": "false",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._said = said
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self.give_up = threading.Event()
        self.with_lambda: Station
        self.with_ecs: Station
        self.before: dict[str, list[str]] = {}
        self.left: dict[str, list[str]] = {}

    def run(self) -> None:
        """Live."""
        try:
            self._run()
        except BaseException as error:
            self._failure = error
        finally:
            self._done.set()

    def wait(self) -> None:
        """Wait for the end, and fail as it failed."""
        assert self._done.wait(LIFE_S), f"the deployment was not through in {LIFE_S} s"
        if self._failure is not None:
            raise AssertionError(
                f"the deployment failed; the local AWS said:\n{self._said()}"
            ) from self._failure

    def _run(self) -> None:
        root = Root(self._directory, self.environment)
        self.before = inventory(self._client)
        # Most of the time the provider waits; ten things at once would wait in turn.
        apply = ("apply", "-auto-approve", "-parallelism=40")
        root.run(*apply)
        self.with_lambda = Station(root, self._client)
        if self.give_up.is_set():
            return
        (self._directory / "ecs.auto.tfvars").write_text('consumer = "ecs"\n')
        _write_package(self._package, "NEWER = True\n")
        root.run(*apply)
        self.with_ecs = Station(root, self._client)
        if self.give_up.is_set():
            return
        root.run("destroy", "-auto-approve", "-parallelism=40")
        self.left = inventory(self._client)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def _policies(iam: Any) -> dict[str, dict[str, list[dict[str, Any]]]]:
    roles = {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        roles[name] = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        assert not iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"], name
    return roles


def _look(aws: Any, outputs: dict[str, Any]) -> dict[str, Any]:
    """What the tests ask of the created things."""
    functions = aws("lambda")
    name = outputs.get("lambda_function_name")
    rules = aws("iot")
    s3, dynamodb = aws("s3"), aws("dynamodb")
    buckets = outputs["buckets"]
    return {
        "function": functions.get_function_configuration(FunctionName=name) if name else None,
        "mappings": functions.list_event_source_mappings()["EventSourceMappings"],
        "audit": functions.get_function_configuration(FunctionName=outputs["audit_function_name"]),
        "concurrency": functions.get_function_concurrency(FunctionName=name) if name else None,
        "rules": {
            one["ruleName"]: rules.get_topic_rule(ruleName=one["ruleName"])["rule"]
            for one in rules.list_topic_rules()["rules"]
        },
        "device_policies": {
            one["policyName"]: rules.get_policy(policyName=one["policyName"])["policyDocument"]
            for one in rules.list_policies()["policies"]
        },
        "things": [one["thingName"] for one in rules.list_things()["things"]],
        "secrets": {
            thing: aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
            for thing, arn in outputs["device_secret_arns"].items()
        },
        "stream": aws("kinesis").describe_stream_summary(StreamName=outputs["stream_name"])[
            "StreamDescriptionSummary"
        ],
        "lifecycles": {
            what: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            for what, bucket in buckets.items()
        },
        "public": {
            what: s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
            for what, bucket in buckets.items()
        },
        "bucket_policies": {
            what: s3.get_bucket_policy(Bucket=bucket)["Policy"] for what, bucket in buckets.items()
        },
        "tables": {
            table: dynamodb.describe_table(TableName=table)["Table"]
            for table in dynamodb.list_tables()["TableNames"]
        },
        "glue": aws("glue").get_table(
            DatabaseName=outputs["glue_database_name"], Name=outputs["glue_table_name"]
        )["Table"],
        "alarms": {one["AlarmName"] for one in aws("cloudwatch").describe_alarms()["MetricAlarms"]},
        "packages": s3.list_object_versions(Bucket=buckets["artefacts"], Prefix="transform-function/").get(
            "Versions", []
        ),
        "wheels": [
            one["Key"]
            for one in s3.list_objects_v2(Bucket=buckets["artefacts"], Prefix="simulator/").get(
                "Contents", []
            )
        ],
        "log_groups": {
            one["logGroupName"]: one.get("retentionInDays")
            for one in aws("logs").describe_log_groups()["logGroups"]
        },
        "services": aws("ecs").list_services(cluster=outputs["ecs_cluster_name"])["serviceArns"]
        if "ecs_cluster_name" in outputs
        else [],
    }


def inventory(aws: Any) -> dict[str, list[str]]:
    """What there is in the account, by kind; a new account has a default VPC and the like."""
    ec2, iot = aws("ec2"), aws("iot")
    live = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = ec2.describe_instances(Filters=live)["Reservations"]
    found = {
        "roles": [one["RoleName"] for one in aws("iam").list_roles()["Roles"]],
        "buckets": [one["Name"] for one in aws("s3").list_buckets()["Buckets"]],
        "tables": aws("dynamodb").list_tables()["TableNames"],
        "streams": aws("kinesis").list_streams()["StreamNames"],
        "functions": [one["FunctionName"] for one in aws("lambda").list_functions()["Functions"]],
        "mappings": [
            one["UUID"] for one in aws("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "queues": aws("sqs").list_queues().get("QueueUrls", []),
        "topics": [one["TopicArn"] for one in aws("sns").list_topics()["Topics"]],
        "alarms": [one["AlarmName"] for one in aws("cloudwatch").describe_alarms()["MetricAlarms"]],
        "log_groups": [one["logGroupName"] for one in aws("logs").describe_log_groups()["logGroups"]],
        "things": [one["thingName"] for one in iot.list_things()["things"]],
        "certificates": [one["certificateId"] for one in iot.list_certificates()["certificates"]],
        "rules": [one["ruleName"] for one in iot.list_topic_rules()["rules"]],
        "policies": [one["policyName"] for one in iot.list_policies()["policies"]],
        "secrets": [one["Name"] for one in aws("secretsmanager").list_secrets()["SecretList"]],
        "parameters": [
            one["Name"]
            for one in aws("ssm").describe_parameters()["Parameters"]
            if not one["Name"].startswith("/aws/service/")
        ],
        "databases": [one["Name"] for one in aws("glue").get_databases()["DatabaseList"]],
        "crawlers": aws("glue").list_crawlers()["CrawlerNames"],
        "workgroups": [one["Name"] for one in aws("athena").list_work_groups()["WorkGroups"]],
        "timestream": [one["DatabaseName"] for one in aws("timestream-write").list_databases()["Databases"]],
        "influxdb": [one["name"] for one in aws("timestream-influxdb").list_db_instances()["items"]],
        "repositories": [one["repositoryName"] for one in aws("ecr").describe_repositories()["repositories"]],
        "vpcs": [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]],
        "subnets": [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]],
        "instances": [one["InstanceId"] for reservation in reservations for one in reservation["Instances"]],
        "security_groups": [one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]],
        "nat": [
            one["NatGatewayId"]
            for one in ec2.describe_nat_gateways()["NatGateways"]
            if one["State"] != "deleted"
        ],
        "addresses": [one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]],
        "endpoints": [
            one["VpcEndpointId"]
            for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]
            if one["State"] != "deleted"
        ],
    }
    return {kind: sorted(names) for kind, names in found.items()}
