"""The local AWS that Terraform is tested against does the work of an invocation once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from iotstream.local.process import ServiceProcess

INVOCATION = "amz-sdk-invocation-id"


@pytest.fixture(scope="module")
def endpoint():
    aws = ServiceProcess("moto_plus", environment={"PYTHONPATH": str(Path(__file__).parent)})
    yield aws.facts["endpoint"]
    assert aws.stop() == 0


def client(service: str, endpoint: str, invocation: str = ""):
    """A client all of whose requests bear one invocation's id, if it is given."""
    made = boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    if invocation:
        made.meta.events.register(
            "before-send", lambda request, **_: request.headers.update({INVOCATION: invocation})
        )
    return made


def create_table(dynamodb, name: str) -> datetime:
    key = {"AttributeName": "key"}
    answer = dynamodb.create_table(
        TableName=name,
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return answer["TableDescription"]["CreationDateTime"]


def test_an_answer_that_was_lost_is_given_again(endpoint):
    once = client("dynamodb", endpoint, "one")
    assert create_table(once, "asked-twice") == create_table(once, "asked-twice")
    with pytest.raises(ClientError, match="ResourceInUseException"):
        create_table(client("dynamodb", endpoint, "another"), "asked-twice")
    with pytest.raises(ClientError, match="ResourceInUseException"):
        create_table(client("dynamodb", endpoint), "asked-twice")
