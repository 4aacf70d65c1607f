"""The program: its arguments, its state, its end; and HTTP as no SDK speaks it."""

import http.client
import json
import os
import signal
import time

import pytest

from iotstream.errors import LocalStackError
from iotstream.local.process import ServiceProcess
from iotstream.local.timestream import Timestream, limits
from iotstream.local.timestream.server import serve

NAMES = {"DatabaseName": "db_one", "TableName": "t_one"}
COUNT = {"QueryString": "SELECT count(*) AS n FROM db_one.t_one"}


def post(port, body, target=None, path="/", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if target is not None:
        headers = {"X-Amz-Target": f"Timestream_20181101.{target}", **(headers or {})}
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection.request("POST", path, body, headers or {})
    with connection.getresponse() as response:
        answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def record(at=None, value="1", version=1):
    return {
        "Dimensions": [{"Name": "device_id", "Value": "d"}],
        "MeasureName": "telemetry",
        "MeasureValueType": "MULTI",
        "MeasureValues": [{"Name": "temperature", "Value": value, "Type": "DOUBLE"}],
        "Time": str(round((at or time.time()) * 1000)),
        "Version": version,
    }


def arguments(directory, *more):
    return ["--directory", str(directory), "--database", "db_one", "--table", "t_one", *more]


def test_the_state_outlives_the_program(tmp_path):
    at = time.time()
    first = ServiceProcess("iotstream.local.timestream", arguments(tmp_path, "--memory-hours", "24"))
    status, _ = post(first.port, {**NAMES, "Records": [record(at, version=7)]}, "WriteRecords")
    assert status == 200
    assert first.stop() == 0
    second = ServiceProcess("iotstream.local.timestream", arguments(tmp_path, "--magnetic-days", "9"))
    assert post(second.port, COUNT, "Query")[1]["Rows"] == [{"Data": [{"ScalarValue": "1"}]}]
    status, answer = post(second.port, {**NAMES, "Records": [record(at, "2", 7)]}, "WriteRecords")
    assert (status, answer["RejectedRecords"][0]["ExistingVersion"]) == (419, 7)
    table = post(second.port, NAMES, "DescribeTable")[1]["Table"]
    # The arguments are what holds, whatever held before.
    assert table["RetentionProperties"] == {
        "MemoryStoreRetentionPeriodInHours": 6,
        "MagneticStoreRetentionPeriodInDays": 9,
    }
    assert second.stop() == 0


def test_a_killed_program_has_stored_what_was_asked_for(tmp_path):
    first = ServiceProcess("iotstream.local.timestream", arguments(tmp_path))
    post(first.port, {**NAMES, "Records": [record()]}, "WriteRecords")
    post(first.port, COUNT, "Query")
    os.kill(first.pid, signal.SIGKILL)
    assert first.stop() == -signal.SIGKILL
    second = ServiceProcess("iotstream.local.timestream", arguments(tmp_path))
    assert post(second.port, COUNT, "Query")[1]["Rows"] == [{"Data": [{"ScalarValue": "1"}]}]
    assert second.stop() == 0


def test_a_killed_program_has_stored_what_is_older_than_a_second(tmp_path):
    first = ServiceProcess("iotstream.local.timestream", arguments(tmp_path))
    file = tmp_path / "timestream.duckdb.wal"
    post(first.port, {**NAMES, "Records": [record()]}, "WriteRecords")
    before = file.stat().st_size
    deadline = time.monotonic() + 60
    while file.stat().st_size == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    second = ServiceProcess("iotstream.local.timestream", arguments(tmp_path))
    assert post(second.port, COUNT, "Query")[1]["Rows"] == [{"Data": [{"ScalarValue": "1"}]}]
    assert second.stop() == 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (["--database", "no/such"], "no/such"),
        (["--database", "db_one", "--table", "t_one", "--memory-hours", "0"], ">= 1"),
    ],
    ids=["name", "retention"],
)
def test_wrong_arguments_are_named(wrong, reason):
    with pytest.raises(LocalStackError, match="exit status 2") as caught:
        ServiceProcess("iotstream.local.timestream", wrong)
    assert reason in str(caught.value)


@pytest.fixture
def port():
    service = Timestream()
    server = serve(service, 0)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    service.close()


@pytest.mark.parametrize(
    ("body", "target", "headers", "expected"),
    [
        (b"{}", "Dance", {}, (400, "UnknownOperationException")),
        (b"{}", None, {"X-Amz-Target": "Kinesis_20131202.ListStreams"}, (400, "UnknownOperationException")),
        (b"{", "WriteRecords", {}, (400, "SerializationException")),
        (b"{}", "WriteRecords", {}, (400, "ValidationException")),
        (b"", "DescribeDatabase", {}, (400, "ValidationException")),
        (b"{}", "DescribeTable", {"Content-Length": "many"}, (400, "SerializationException")),
        (
            b"",
            "WriteRecords",
            {"Content-Length": str(limits.MAX_BODY_BYTES + 1)},
            (413, "RequestEntityTooLargeException"),
        ),
    ],
    ids=str,
)
def test_requests_that_no_sdk_would_send(port, body, target, headers, expected):
    answered, answer = post(port, body, target, headers=headers)
    assert (answered, answer["__type"].partition("#")[2]) == expected
    assert answer["Message"] == answer["message"]


def test_a_bug_is_answered_and_not_left_hanging(monkeypatch, port, capfd):
    monkeypatch.setattr(Timestream, "call", lambda *_: 1 / 0)
    status, answer = post(port, {}, "ListDatabases")
    assert (status, answer["__type"].partition("#")[2]) == (500, "InternalServerException")
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_connection_is_kept(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sockets = set()
    for target in ("ListDatabases", "Dance", "ListDatabases"):
        connection.request("POST", "/", b"{}", {"X-Amz-Target": f"Timestream_20181101.{target}"})
        with connection.getresponse() as response:
            response.read()
        sockets.add(connection.sock)
    assert len(sockets) == 1
    assert None not in sockets
    connection.close()


def test_faults_over_http(port):
    faults = "/_iotstream/faults"
    for kind, status, code in [
        ("throttle", 429, "ThrottlingException"),
        ("internal", 500, "InternalServerException"),
        ("unavailable", 503, "ServiceUnavailable"),
        ("denied", 403, "AccessDeniedException"),
    ]:
        fault = {"operation": "ListDatabases", "kind": kind, "times": 1}
        assert post(port, fault, path=faults) == (200, {})
        answered, answer = post(port, {}, "ListDatabases")
        assert (answered, answer["__type"].partition("#")[2]) == (status, code)
        assert post(port, {}, "ListDatabases")[0] == 200
    post(port, {"seed": 3}, path=faults)
    post(port, {"operation": "ListDatabases", "kind": "throttle"}, path=faults)
    assert [post(port, {}, "ListDatabases")[0] for _ in range(3)] == [429] * 3
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("DELETE", faults)
    assert connection.getresponse().status == 200
    connection.close()
    assert post(port, {}, "ListDatabases")[0] == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "Query", "kind": "bang"},
        {"kind": "throttle"},
        {"operation": "Query", "kind": "throttle", "time": 3},
        {"operation": "Query", "kind": "throttle", "times": 0},
        {"operation": "Query", "kind": "throttle", "probability": 2},
        {"operation": "Query", "kind": "latency", "seconds": "x"},
        {"seed": "x"},
        [],
        b"{",
    ],
    ids=str,
)
def test_wrong_faults_are_refused(port, fault):
    status, answer = post(port, fault, path="/_iotstream/faults")
    assert (status, answer["__type"].partition("#")[2]) == (400, "ValidationException")
