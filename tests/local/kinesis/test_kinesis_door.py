from __future__ import annotations

import http.client
import json
import logging
import socket
from datetime import UTC, datetime

import cbor2
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from iotstream.local.kinesis import Fault, Kinesis, Settings

FIRST = "shardId-000000000000"
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"


def call(running, operation, body, content_type=JSON, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    headers = {"Content-Type": content_type, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def admin(running, method, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request(method, "/_iotstream/faults", None if body is None else json.dumps(body))
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def test_boto3_puts_and_gets(client):
    records = [{"Data": b"\x00%d" % n, "PartitionKey": f"k{n}"} for n in range(500)]
    put = client.put_records(StreamName="s", Records=records)
    assert put["FailedRecordCount"] == 0
    got = {}
    for shard in client.list_shards(StreamName="s")["Shards"]:
        request = {"StreamName": "s", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = client.get_records(ShardIterator=client.get_shard_iterator(**request)["ShardIterator"])
        got |= {record["SequenceNumber"]: record for record in answer["Records"]}
    for sent, written in zip(records, put["Records"], strict=True):
        record = got[written["SequenceNumber"]]
        assert (record["Data"], record["PartitionKey"]) == (sent["Data"], sent["PartitionKey"])
        assert abs(datetime.now(UTC) - record["ApproximateArrivalTimestamp"]).total_seconds() < 60


def test_boto3_knows_every_field_and_the_waiters_work(client):
    client.create_stream(StreamName="t", ShardCount=1, Tags={"a": "b"})
    client.get_waiter("stream_exists").wait(StreamName="t")
    described = client.describe_stream(StreamName="t")["StreamDescription"]
    assert described["StreamCreationTimestamp"].tzinfo is not None
    assert client.describe_stream_summary(StreamName="t")["StreamDescriptionSummary"]["OpenShardCount"] == 1
    assert [page["StreamNames"] for page in client.get_paginator("list_streams").paginate()] == [["s", "t"]]
    arn = described["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    answer = client.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    assert answer["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    client.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    client.delete_stream(StreamName="t")
    client.get_waiter("stream_not_exists").wait(StreamName="t")


def test_times_in_requests(client):
    client.put_record(StreamName="s", Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    for when in (datetime(2020, 1, 1, tzinfo=UTC), 1_600_000_000):
        token = client.get_shard_iterator(
            StreamName="s", ShardId=FIRST, ShardIteratorType="AT_TIMESTAMP", Timestamp=when
        )["ShardIterator"]
        assert len(client.get_records(ShardIterator=token)["Records"]) == 1


def test_boto3_raises_the_services_exceptions(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.describe_stream(StreamName="nope")
    assert caught.value.response["Error"]["Message"] == "Stream nope under account 123456789012 not found."
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(client.exceptions.InvalidArgumentException):
        client.get_records(ShardIterator="nonsense")


def test_boto3_subscribes_over_http_1(client, running):
    arn = client.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    client.put_record(StreamName="s", Data=b"1", PartitionKey="k", ExplicitHashKey="0")
    stream = client.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=FIRST, StartingPosition={"Type": "TRIM_HORIZON"}
    )["EventStream"]
    events = (event["SubscribeToShardEvent"] for event in stream)
    assert [record["Data"] for record in next(events)["Records"]] == [b"1"]
    running.kinesis.call(
        "PutRecord", {"StreamName": "s", "Data": b"2", "PartitionKey": "k", "ExplicitHashKey": "0"}
    )
    # Written behind the door's back: the idle look finds it.
    assert [record["Data"] for record in next(events)["Records"]] == [b"2"]
    client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey="100")
    last = next(events)
    assert len(last["ChildShards"]) == 2
    assert "ContinuationSequenceNumber" not in last
    assert next(events, None) is None
    assert client.list_streams()["StreamNames"] == ["s"]


def test_an_error_ends_a_subscription(client):
    arn = client.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    stream = client.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=FIRST, StartingPosition={"Type": "LATEST"}
    )["EventStream"]
    events = iter(stream)
    next(events)
    client.deregister_stream_consumer(ConsumerARN=consumer)
    with pytest.raises(ClientError) as caught:
        list(events)
    stream.close()
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_client_that_leaves_frees_its_subscription(client, running):
    arn = client.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    request = {"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    headers = {"Content-Type": JSON, "X-Amz-Target": "Kinesis_20131202.SubscribeToShard"}
    connection.request("POST", "/", json.dumps(request), headers)
    response = connection.getresponse()
    assert b"initial-response" in response.read1()
    subscription = running.kinesis.account.consumer(consumer, running.kinesis.now()).subscriptions[FIRST]
    assert not subscription.ended
    response.close()
    connection.close()
    # The server learns of it with the connection's end; other calls make sure that it has had a turn.
    for _ in range(100):
        client.list_streams()
        if subscription.ended:
            break
    assert subscription.ended


def test_cbor_round_trip(running):
    body = cbor2.dumps({"StreamName": "s", "Records": [{"Data": b"\x00\xff", "PartitionKey": "é"}]})
    response, content = call(running, "PutRecords", body, CBOR)
    assert response.headers["Content-Type"] == CBOR
    written = cbor2.loads(content)["Records"][0]
    request = {
        "StreamName": "s",
        "ShardId": written["ShardId"],
        "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": cbor2.CBORTag(1, 1_600_000_000_000),
    }
    _, content = call(running, "GetShardIterator", cbor2.dumps(request), CBOR)
    _, content = call(running, "GetRecords", content, CBOR)
    tagged = cbor2.loads(content, semantic_decoders={1: lambda value, _: ("milliseconds", value)})
    [record] = tagged["Records"]
    arrival = record.pop("ApproximateArrivalTimestamp")
    assert record == {
        "SequenceNumber": written["SequenceNumber"],
        "Data": b"\x00\xff",
        "PartitionKey": "é",
    }
    assert arrival[0] == "milliseconds"
    assert abs(arrival[1] / 1000 - datetime.now(UTC).timestamp()) < 60


def test_cbor_errors(running):
    response, content = call(running, "DescribeStream", cbor2.dumps({"StreamName": "nope"}), CBOR)
    assert response.status == 400
    assert cbor2.loads(content)["__type"] == "ResourceNotFoundException"
    for wrong in (b"\xff\xff", cbor2.dumps([1]), b"\x82"):
        response, content = call(running, "DescribeStream", wrong, CBOR)
        assert response.status == 400
        assert cbor2.loads(content)["__type"] == "SerializationException"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b'{"StreamName":"s","Data":"%%%","PartitionKey":"k"}', "SerializationException"),
        (b'{"StreamName":"s","Data":7,"PartitionKey":"k"}', "SerializationException"),
        (b"", "ValidationException"),
        (b'{"StreamName":"s","Data":"","PartitionKey":""}', "ValidationException"),
    ],
)
def test_what_cannot_be_read_is_answered_with_400(running, body, code):
    response, content = call(running, "PutRecord", body)
    assert response.status == 400
    error = json.loads(content)
    assert error["__type"] == code
    assert error["message"]


def test_data_comes_out_as_its_base64_went_in(running):
    body = b'{"StreamName":"s","Data":"AP8=","PartitionKey":"k","ExplicitHashKey":"0","Unknown":1}'
    call(running, "PutRecord", body)
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    _, content = call(running, "GetShardIterator", json.dumps(request))
    _, content = call(running, "GetRecords", content)
    assert json.loads(content)["Records"][0]["Data"] == "AP8="


def test_what_is_not_kinesis(running):
    response, content = call(running, "Fly", b"{}")
    assert (response.status, json.loads(content)["__type"]) == (400, "UnknownOperationException")
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert json.loads(connection.getresponse().read())["__type"] == "UnknownOperationException"
    connection.request("GET", "/")
    assert json.loads(connection.getresponse().read())["status"] == "ok"
    connection.request("HEAD", "/")
    response = connection.getresponse()
    response.read()
    assert response.status == 405
    connection.close()


def test_a_fault_of_our_own_is_a_500(running, monkeypatch, caplog):
    monkeypatch.setattr(running.kinesis, "handle", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        response, content = call(running, "ListStreams", b"{}")
    assert (response.status, json.loads(content)["__type"]) == (500, "InternalFailureException")
    assert "ZeroDivisionError" in caplog.text


def test_a_request_pipelined_behind_a_subscription_waits_for_its_end(client, running):
    arn = client.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    subscribe = {"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        for operation, request in (("SubscribeToShard", subscribe), ("ListStreams", {})):
            body = json.dumps(request).encode()
            head = f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n"
            raw.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        received = raw.recv(65536)
        client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey="100")
        while b"StreamNames" not in received:
            data = raw.recv(65536)
            assert data
            received += data
    assert received.index(b"ChildShards") < received.index(b"StreamNames")


def test_what_is_not_http_is_refused(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
        assert raw.recv(1000) == b""


def test_a_body_in_chunks_and_a_pipelined_one(running):
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        raw.sendall(request + request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        received = b""
        while data := raw.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b'"StreamNames":["s"]') == 2


def test_a_body_that_is_too_large_is_refused(running):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        raw.sendall(head)
        try:
            for _ in range(30):
                raw.sendall(b" " * 1_000_000)
        except OSError:
            return  # closed while we were still sending
        assert raw.recv(1000).startswith(b"HTTP/1.1 413")


def test_faults_by_the_admin_path(running, client):
    status, _ = admin(
        running,
        "POST",
        {"operation": "PutRecord", "error": "ProvisionedThroughputExceededException", "count": 2},
    )
    assert status == 200
    request = {"StreamName": "s", "Data": b"x", "PartitionKey": "k"}
    for _ in range(2):
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
            client.put_record(**request)
    client.put_record(**request)
    assert admin(running, "GET")[1]["faults"][0]["struck"] == 2
    assert admin(running, "DELETE")[1] == {"faults": []}
    for wrong in ({}, {"operation": "PutRecord", "times": 2}, {"operation": "PutRecord", "probability": 2}):
        assert admin(running, "POST", wrong)[0] == 400


def test_internal_failures_are_500(running, client):
    running.kinesis.faults.inject(Fault(operation="*", count=1))
    with pytest.raises(client.exceptions.InternalFailureException) as caught:
        client.list_streams()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_a_lost_answer_leaves_the_record_written(running, client):
    running.kinesis.faults.inject(Fault(operation="PutRecord", error="ConnectionLost", after=True, count=1))
    with pytest.raises(ConnectionClosedError):
        client.put_record(StreamName="s", Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    request = {"StreamName": "s", "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    token = client.get_shard_iterator(**request)["ShardIterator"]
    assert len(client.get_records(ShardIterator=token)["Records"]) == 1


def test_throttled_records_over_http(serve, connect):
    kinesis = Kinesis(lambda: 1_700_000_000.0, Settings())
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    client = connect(serve(kinesis))
    entry = {"Data": b"x", "PartitionKey": "k"}
    client.put_records(StreamName="s", Records=[entry] * 499)
    client.put_records(StreamName="s", Records=[entry] * 500)
    answer = client.put_records(StreamName="s", Records=[entry] * 2)
    assert answer["FailedRecordCount"] == 1
    assert answer["Records"][1]["ErrorCode"] == "ProvisionedThroughputExceededException"
    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
        client.put_record(StreamName="s", **entry)
