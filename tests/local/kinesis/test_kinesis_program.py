from __future__ import annotations

import boto3
import pytest

from iotstream.errors import LocalStackError
from iotstream.local.process import ServiceProcess

PROGRAM = "iotstream.local.kinesis"


def test_the_program_announces_itself_serves_and_ends():
    process = ServiceProcess(PROGRAM, ["--create", "a=3", "--create", "b=1", "--limits", "off"])
    try:
        client = boto3.client(
            "kinesis",
            endpoint_url=process.facts["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        assert process.facts["name"] == "kinesis"
        assert client.list_streams()["StreamNames"] == ["a", "b"]
        summary = client.describe_stream_summary(StreamName="a")["StreamDescriptionSummary"]
        assert summary["OpenShardCount"] == 3
        for _ in range(3):
            batch = [{"Data": b"x", "PartitionKey": "k"}] * 500
            assert client.put_records(StreamName="b", Records=batch)["FailedRecordCount"] == 0
        client.close()
    finally:
        status = process.stop()
    assert status == 0


@pytest.mark.parametrize("wrong", ["a", "a=", "a=0", "=1", "a=b"])
def test_a_wrong_stream_is_named(wrong):
    with pytest.raises(LocalStackError, match="NAME=SHARDS"):
        ServiceProcess(PROGRAM, ["--create", wrong])
