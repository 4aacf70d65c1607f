"""The local AWS with what Terraform's provider asks of it and moto 5.2 lacks, or answers otherwise than AWS.

    PYTHONPATH=tests/infra python -m moto_plus --port 0

Each patch says what is missing; when moto has it, the patch can go. Some operations are not there; others
are, but a second plan would not be empty, since they don't say again what they were told. And the server
takes one request at a time.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

# moto reads it when it is imported: a bucket's name in the host part is for real names, not for an address.
os.environ.setdefault("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")

import moto.awslambda.models as awslambda
import moto.ecs.models as ecs
import moto.timestreaminfluxdb.models as influxdb
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.athena.responses import AthenaResponse
from moto.budgets.responses import BudgetsResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.monitoring import Monitoring
from moto.iam.access_control import PermissionResult
from moto.iot.models import IoTBackend
from moto.iot.responses import IoTResponse
from moto.kinesis.models import kinesis_backends
from moto.kinesis.responses import KinesisResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeBucket

from iotstream.local import aws

Tags = dict[str, str]
ANSWERS_KEPT = 500
_tags: dict[str, Tags] = {}
"""Of resources whose service in moto keeps none: ARN to tags."""


def _by_key(pairs: list[dict[str, str]] | None) -> Tags:
    return {one["Key"]: one["Value"] for one in pairs or []}


def _pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# --- IoT Core: tags, the account's log, an endpoint that stays the same ----------------------------------


def _iot_keeps_tags(operation: str, kind: str, name_parameter: str) -> None:
    """Let an operation that makes something keep its tags, which come in the body or in a header."""
    original = getattr(IoTResponse, operation)

    def create(self: IoTResponse) -> Any:
        header = self.headers.get("x-amz-tagging")
        tags = dict(parse_qsl(header)) if header else _by_key(self._get_param("tags"))
        answer = original(self)
        name = self._get_param(name_parameter) or self.path.rstrip("/").rsplit("/", 1)[-1]
        _tags[f"arn:aws:iot:{self.region}:{self.current_account}:{kind}/{name}"] = tags
        return answer

    setattr(IoTResponse, operation, create)


def _iot_tags(self: IoTResponse) -> ActionResult:
    return ActionResult({"tags": _pairs(_tags.get(self._get_param("resourceArn"), {}))})


def _iot_tag(self: IoTResponse) -> EmptyResult:
    _tags.setdefault(self._get_param("resourceArn"), {}).update(_by_key(self._get_param("tags")))
    return EmptyResult()


def _iot_untag(self: IoTResponse) -> EmptyResult:
    for key in self._get_param("tagKeys"):
        _tags.get(self._get_param("resourceArn"), {}).pop(key, None)
    return EmptyResult()


_iot_logging: dict[str, Any] = {}


def _set_iot_logging(self: IoTResponse) -> EmptyResult:
    _iot_logging.update(
        roleArn=self._get_param("roleArn"),
        defaultLogLevel=self._get_param("defaultLogLevel"),
        disableAllLogs=bool(self._get_param("disableAllLogs")),
    )
    return EmptyResult()


def _patch_iot() -> None:
    _iot_keeps_tags("create_thing_type", "thingtype", "thingTypeName")
    _iot_keeps_tags("create_policy", "policy", "policyName")
    _iot_keeps_tags("create_topic_rule", "rule", "ruleName")
    IoTResponse.list_tags_for_resource = _iot_tags
    IoTResponse.tag_resource = _iot_tag
    IoTResponse.untag_resource = _iot_untag
    IoTResponse.set_v2_logging_options = _set_iot_logging
    IoTResponse.get_v2_logging_options = lambda self: ActionResult(dict(_iot_logging))

    # moto makes up another endpoint at each question.
    describe, known = IoTBackend.describe_endpoint, {}

    def describe_endpoint(self: IoTBackend, endpoint_type: str) -> Any:
        key = (self.account_id, self.region_name, endpoint_type)
        if key not in known:
            known[key] = describe(self, endpoint_type)
        return known[key]

    IoTBackend.describe_endpoint = describe_endpoint


# --- tags that are given when something is made ------------------------------------------------------------


def _patch_tags() -> None:
    create_stream = KinesisResponse.create_stream

    def create_tagged_stream(self: KinesisResponse) -> Any:
        answer = create_stream(self)
        if self._get_param("Tags"):
            stream = self._get_param("StreamName")
            self.kinesis_backend.add_tags_to_stream(None, stream, self._get_param("Tags"))
        return answer

    KinesisResponse.create_stream = create_tagged_stream

    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_tagged(self: ApplicationAutoScalingResponse) -> str:
        answer: str = register(self)
        if self._get_param("Tags"):
            _tags[json.loads(answer)["ScalableTargetARN"]] = self._get_param("Tags")
        return answer

    ApplicationAutoScalingResponse.register_scalable_target = register_tagged
    ApplicationAutoScalingResponse.list_tags_for_resource = lambda self: json.dumps(
        {"Tags": _tags.get(self._get_param("ResourceARN"), {})}
    )

    create_budget = BudgetsResponse.create_budget

    def create_tagged_budget(self: BudgetsResponse) -> Any:
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self.current_account}:budget/{name}"
        _tags[arn] = _by_key(self._get_param("ResourceTags"))
        return create_budget(self)

    BudgetsResponse.create_budget = create_tagged_budget
    BudgetsResponse.list_tags_for_resource = lambda self: json.dumps(
        {"ResourceTags": _pairs(_tags.get(self._get_param("ResourceARN"), {}))}
    )


# --- operations that are not there -------------------------------------------------------------------------


def _budget_subscribers(self: BudgetsResponse) -> str:
    account, name = self._get_param("AccountId"), self._get_param("BudgetName")
    asked = self._get_param("Notification")
    keys = {"NotificationType", "ComparisonOperator", "Threshold"} & asked.keys()
    for one in self.backend.budgets[account][name].notifications:
        if all(one.details.get(key) == asked[key] for key in keys):
            return json.dumps({"Subscribers": one.subscribers})
    return json.dumps({"Subscribers": []})


def _delete_named_query(self: AthenaResponse) -> str:
    self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
    return json.dumps({})


def _monitor_instances(verb: str, state: str) -> Callable[[Monitoring], str]:
    def answer(self: Monitoring) -> str:
        items = "".join(
            f"<item><instanceId>{one}</instanceId><monitoring><state>{state}</state></monitoring></item>"
            for one in self._get_param("InstanceIds", [])
        )
        name = f"{verb}InstancesResponse"
        space = "http://ec2.amazonaws.com/doc/2016-11-15/"
        return f'<{name} xmlns="{space}"><instancesSet>{items}</instancesSet></{name}>'

    return answer


def _patch_missing_operations() -> None:
    BudgetsResponse.describe_subscribers_for_notification = _budget_subscribers
    AthenaResponse.delete_named_query = _delete_named_query
    Monitoring.monitor_instances = _monitor_instances("Monitor", "enabled")
    Monitoring.unmonitor_instances = _monitor_instances("Unmonitor", "disabled")


# --- Timestream for InfluxDB: an instance would be CREATING, and DELETING, for ever ------------------------


def _patch_influxdb() -> None:
    backend = influxdb.TimestreamInfluxDBBackend
    get, delete = backend.get_db_instance, backend.delete_db_instance

    def get_available(self: Any, *arguments: Any, **more: Any) -> Any:
        instance = get(self, *arguments, **more)
        instance.status = influxdb.InstanceStatus.AVAILABLE
        instance.log_delivery_configuration = instance.log_delivery_configuration or None
        return instance

    def delete_at_once(self: Any, *arguments: Any, **more: Any) -> Any:
        instance = delete(self, *arguments, **more)
        self.db_instances.pop(instance.id, None)
        return instance

    backend.get_db_instance, backend.delete_db_instance = get_available, delete_at_once


# --- S3: a Deny holds without a look at its condition, so "TLS only" would shut a bucket --------------------


def _patch_s3() -> None:
    get = FakeBucket.get_permission

    def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
        answer = get(self, action, resource)
        is_ours = b"aws:SecureTransport" in (self.policy or b"")
        return PermissionResult.NEUTRAL if is_ours and answer is PermissionResult.DENIED else answer

    FakeBucket.get_permission = get_permission


# --- Lambda: what was set is said again --------------------------------------------------------------------


def _patch_lambda() -> None:
    function, mapping = awslambda.LambdaFunction, awslambda.EventSourceMapping
    init, configuration, update = function.__init__, function.get_configuration, function.update_configuration
    kept = ("DeadLetterConfig", "LoggingConfig")

    def function_init(
        self: Any, account_id: str, spec: dict[str, Any], region: str, version: Any = 1
    ) -> None:
        init(self, account_id, spec, region, version)
        self.said = {key: spec[key] for key in kept if spec.get(key)}

    def function_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        return {**configuration(self, on_create), **self.said}

    def function_update(self: Any, updates: dict[str, Any]) -> Any:
        self.said.update({key: updates[key] for key in kept if updates.get(key)})
        return update(self, updates)

    function.__init__ = function_init
    function.get_configuration = function_configuration
    function.update_configuration = function_update

    mapping_init, mapping_configuration = mapping.__init__, mapping.get_configuration

    def mapping_init_keeping_name(self: Any, spec: dict[str, Any]) -> None:
        mapping_init(self, spec)
        self.asked_for = spec["FunctionName"]

    def mapping_configuration_as_asked(self: Any) -> dict[str, Any]:
        answer = mapping_configuration(self)
        asked = getattr(self, "asked_for", "")
        return {**answer, "FunctionArn": asked} if asked.startswith("arn:") else answer

    mapping.__init__ = mapping_init_keeping_name
    mapping.get_configuration = mapping_configuration_as_asked

    # The stream of a mapping may be the local Kinesis's, which moto doesn't know.
    create = awslambda.LambdaBackend.create_event_source_mapping

    def create_mapping(self: Any, spec: dict[str, Any]) -> Any:
        source = spec["EventSourceArn"]
        streams = kinesis_backends[self.account_id][self.region_name].streams.values()
        if ":kinesis:" not in source or source in {one.arn for one in streams}:
            return create(self, spec)
        function = self._lambdas.get_function_by_name_or_arn_with_qualifier(spec["FunctionName"])
        of = {"RegionName": self.region_name, "AccountId": self.account_id}
        made = mapping({**spec, **of, "FunctionArn": function.function_arn})
        self._event_source_mappings[made.uuid] = made
        return made

    awslambda.LambdaBackend.create_event_source_mapping = create_mapping

    # Each record that is put would start the function, by docker.
    awslambda.LambdaBackend.send_kinesis_message = lambda *_, **__: None


# --- EC2, ECS: what was set is said again -----------------------------------------------------------------


def _patch_others() -> None:
    SecurityGroupRule.description = property(
        lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description")
    )
    # Groups that were given with a network interface, as for a public address, are the instance's.
    start = Instance.__init__

    def instance_init(self: Instance, *arguments: Any, **more: Any) -> None:
        start(self, *arguments, **more)
        self.security_groups = self.security_groups or self.nics[0].group_set

    Instance.__init__ = instance_init

    init = ecs.Service.__init__

    def service_init(self: Any, *arguments: Any, **more: Any) -> None:
        init(self, *arguments, **more)
        self.availability_zone_rebalancing = "DISABLED"

    ecs.Service.__init__ = service_init


# --- the server: one request at a time, and each one's work once -------------------------------------------


def _patch_server() -> None:
    """Take requests in turn, and give the answer again where a client asks for it again.

    moto's state is not made for threads, and Terraform sends dozens of requests at once. Now and then a
    client also loses an answer, though it was given: the SDK then sends the same invocation once more, and
    CreateTable would find its own table there, RevokeSecurityGroupEgress its own rule gone.
    """
    call = DomainDispatcherApplication.__call__
    turn = threading.Lock()
    answers: OrderedDict[str, tuple[str, list[tuple[str, str]], bytes]] = OrderedDict()

    def answer(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Read before its turn, so that a client that stops in the middle holds up nobody.
        whole = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(whole))
        invocation = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        with turn:
            found = answers.get(invocation)
            if found is None:
                said: list[Any] = []
                chunks = call(self, environ, lambda *status_and_headers: said.append(status_and_headers))
                found = (*said[0][:2], b"".join(chunks))
                # A server's error is to be tried again.
                if invocation and not found[0].startswith("5"):
                    answers[invocation] = found
                    if len(answers) > ANSWERS_KEPT:
                        answers.popitem(last=False)
        status, headers, body = found
        start_response(status, headers)
        return [body]

    DomainDispatcherApplication.__call__ = answer


def patch() -> None:
    """Patch moto in this process."""
    _patch_server()
    _patch_iot()
    _patch_tags()
    _patch_missing_operations()
    _patch_influxdb()
    _patch_s3()
    _patch_lambda()
    _patch_others()


if __name__ == "__main__":
    patch()
    aws.main()
