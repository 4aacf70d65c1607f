"""Firehose's side of a transformation: the event, the judgement, the retries; with the real runtime too."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.errors import ConfigurationError
from iotstream.local.firehose import (
    DROPPED,
    OK,
    PROCESSING_FAILED,
    Outcome,
    SourceRecord,
    StreamPosition,
    Transformation,
    TransformationSettings,
    event,
    outcomes,
)
from iotstream.local.lambda_runtime import InvokeResult, LambdaFunction

A, B = SourceRecord(data=b"a", arrival_ms=1), SourceRecord(data=b"b", arrival_ms=2)
SENT = {"1": A, "2": B}
HANDLER = """
import base64, os, time

def upper(event, context):
    records = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        result = "Dropped" if not data else "ProcessingFailed" if data == b"bad" else "Ok"
        records.append({"recordId": record["recordId"], "result": result,
                        "data": base64.b64encode(data.upper()).decode()})
    return {"records": records}

def slow(event, context):
    time.sleep(30)

def crash(event, context):
    os._exit(1)

def large(event, context):
    return "x" * 7_000_000
"""


class Scripted:
    """Answers each event by the next of some functions of it; a text is an error's type."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events = []

    def invoke(self, body):
        self.events.append(json.loads(body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            document = json.dumps({"errorType": answer, "errorMessage": f"{answer} it is"}).encode()
            return InvokeResult(
                payload=document, function_error="Unhandled", duration_s=0, init_s=None, log=()
            )
        payload = json.dumps(answer(self.events[-1])).encode()
        return InvokeResult(payload=payload, function_error=None, duration_s=0, init_s=None, log=())


def echo(event):
    return {
        "records": [
            {"recordId": one["recordId"], "result": OK, "data": one["data"]} for one in event["records"]
        ]
    }


def answer(*records):
    return json.dumps({"records": list(records)}).encode()


def good(record_id, data="Yg=="):
    return {"recordId": record_id, "result": OK, "data": data}


def test_the_event_of_direct_puts():
    found = json.loads(event(SENT, TransformationSettings()))
    assert found.pop("invocationId")
    assert found == {
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/telemetry",
        "region": "us-east-1",
        "records": [
            {"recordId": "1", "approximateArrivalTimestamp": 1, "data": "YQ=="},
            {"recordId": "2", "approximateArrivalTimestamp": 2, "data": "Yg=="},
        ],
    }


def test_the_event_of_a_stream_says_where_each_record_lies():
    position = StreamPosition("shardId-000000000000", "device-1", "495")
    settings = TransformationSettings(source_stream_arn="arn:aws:kinesis:us-east-1:123456789012:stream/s")
    found = json.loads(event({"1": SourceRecord(data=b"a", arrival_ms=7, position=position)}, settings))
    assert found["sourceKinesisStreamArn"] == settings.source_stream_arn
    assert found["records"][0]["kinesisRecordMetadata"] == {
        "shardId": "shardId-000000000000",
        "partitionKey": "device-1",
        "approximateArrivalTimestamp": 7,
        "sequenceNumber": "495",
        "subsequenceNumber": "",
    }


def test_outcomes_are_in_the_order_of_the_records_sent():
    assert outcomes(answer(good("2", "Qg=="), good("1", "QQ==")), SENT) == [
        Outcome("1", OK, b"A"),
        Outcome("2", OK, b"B"),
    ]


@pytest.mark.parametrize("result", [DROPPED, PROCESSING_FAILED])
def test_what_the_function_gives_up_keeps_its_payload_and_needs_no_data(result):
    given_up = outcomes(answer({"recordId": "1", "result": result}, good("2")), SENT)[0]
    assert given_up == Outcome("1", result, b"a")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"no json", "Lambda.JsonProcessingException"),
        (b"null", "Lambda.JsonProcessingException"),
        (b"[]", "Lambda.JsonProcessingException"),
        (b"{}", "Lambda.JsonProcessingException"),
        (b'{"records":{}}', "Lambda.JsonProcessingException"),
        (b'{"records":["1","2"]}', "Lambda.JsonProcessingException"),
        (answer(), "Lambda.MissingRecordId"),
        (answer(good("1")), "Lambda.MissingRecordId"),
        (answer(good("1"), good(2)), "Lambda.MissingRecordId"),
        (answer(good("1"), good("3")), "Lambda.MissingRecordId"),
        (answer(good("1"), good("2"), good("2")), "Lambda.DuplicatedRecordId"),
        (answer(good("1"), good("2"), good("3")), "Lambda.JsonProcessingException"),
    ],
)
def test_an_answer_with_other_ids_or_none_fails_every_record(payload, code):
    found = outcomes(payload, SENT)
    assert [(one.record_id, one.result, one.data, one.error_code) for one in found] == [
        ("1", PROCESSING_FAILED, b"a", code),
        ("2", PROCESSING_FAILED, b"b", code),
    ]
    assert all(one.error_message for one in found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"result": "ok", "data": "YQ=="},
        {"result": None, "data": "YQ=="},
        {"result": [OK], "data": "YQ=="},
        {"data": "YQ=="},
        {"result": OK},
        {"result": OK, "data": None},
        {"result": OK, "data": "Y"},
        {"result": OK, "data": "Y!Q="},
        {"result": OK, "data": "ü"},
    ],
)
def test_a_wrong_record_fails_alone(wrong):
    first, second = outcomes(answer({"recordId": "1", **wrong}, good("2")), SENT)
    assert first[:3] == ("1", PROCESSING_FAILED, b"a")
    assert first.error_code == "Lambda.JsonProcessingException"
    assert second == Outcome("2", OK, b"b")


@given(st.lists(st.binary(max_size=300_000), max_size=12), st.floats(0.2, 3))
def test_every_record_comes_back_once_in_order_and_batches_fit_the_buffer(payloads, buffer_mb):
    function = Scripted(echo)
    settings = TransformationSettings(buffer_mb=buffer_mb)
    records = [SourceRecord(data=data, arrival_ms=0) for data in payloads]
    found = Transformation(function, settings).transform(records)
    assert [(one.result, one.data) for one in found] == [(OK, data) for data in payloads]
    assert len({one.record_id for one in found}) == len(payloads)
    for sent in function.events:
        sizes = [len(base64.b64decode(one["data"])) for one in sent["records"]]
        assert len(sizes) == 1 or sum(sizes) <= round(buffer_mb * 1024 * 1024)


def test_an_invocation_that_fails_is_tried_three_times_more():
    waits = []
    function = Scripted("Sandbox.Timedout", "ValueError", "Runtime.ExitError", echo)
    (outcome,) = Transformation(function, sleep=waits.append).transform([A])
    assert (outcome.result, outcome.attempts, len(function.events), len(waits)) == (OK, 4, 4, 3)


@pytest.mark.parametrize(
    ("error", "code"),
    [("Sandbox.Timedout", "Lambda.FunctionTimedOut"), ("ValueError", "Lambda.FunctionError")],
)
def test_after_the_last_try_the_batch_is_skipped(error, code):
    waits = []
    function = Scripted(error)
    found = Transformation(function, sleep=waits.append).transform([A, B])
    assert [one[1:] for one in found] == [
        (PROCESSING_FAILED, b"a", 4, code, f"{error} it is"),
        (PROCESSING_FAILED, b"b", 4, code, f"{error} it is"),
    ]
    assert (len(function.events), len(waits)) == (4, 3)


def test_a_malformed_answer_is_no_failed_invocation():
    function = Scripted(lambda _: {"records": []})
    (outcome,) = Transformation(function).transform([A])
    assert (outcome.error_code, outcome.attempts) == ("Lambda.MissingRecordId", 1)


def test_records_that_are_too_large():
    direct = SourceRecord(data=b"x" * 1_024_001, arrival_ms=0)
    with pytest.raises(ValueError, match="record 1 has 1024001 bytes: Firehose takes 1024000"):
        Transformation(Scripted(echo)).transform([A, direct])
    position = StreamPosition("shardId-000000000000", "k", "1")
    with pytest.raises(ValueError, match="Lambda takes 6291456"):
        Transformation(Scripted(echo)).transform(
            [SourceRecord(data=b"x" * 5_000_000, arrival_ms=0, position=position)]
        )


def test_nothing_to_transform_invokes_nothing():
    function = Scripted(echo)
    assert Transformation(function).transform([]) == []
    assert function.events == []


@pytest.mark.parametrize("wrong", [{"buffer_mb": 0.1}, {"buffer_mb": 3.1}, {"retries": -1}])
def test_a_setting_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        TransformationSettings(**wrong)


@pytest.fixture
def function(tmp_path, request):
    (tmp_path / "sample.py").write_text(HANDLER)
    handler, settings = request.param
    with LambdaFunction(handler=handler, task_root=tmp_path, **settings) as started:
        yield started


@pytest.mark.parametrize("function", [("sample.upper", {})], indirect=True)
def test_a_handler_in_the_real_runtime(function):
    records = [SourceRecord(data=data, arrival_ms=0) for data in (b"good", b"", b"bad")]
    found = Transformation(function).transform(records)
    assert [(one.result, one.data, one.attempts) for one in found] == [
        (OK, b"GOOD", 1),
        (DROPPED, b"", 1),
        (PROCESSING_FAILED, b"bad", 1),
    ]


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        (("sample.slow", {"timeout_s": 1}), "Lambda.FunctionTimedOut", "timed out"),
        (("sample.crash", {}), "Lambda.FunctionError", "exit status 1"),
        (("sample.large", {}), "Lambda.FunctionError", "exceeded maximum allowed payload size"),
    ],
    indirect=["function"],
)
def test_a_handler_that_fails_in_the_real_runtime(function, code, message):
    settings = TransformationSettings(retries=1)
    (outcome,) = Transformation(function, settings, sleep=lambda _: None).transform([A])
    assert (outcome.result, outcome.data, outcome.attempts) == (PROCESSING_FAILED, b"a", 2)
    assert outcome.error_code == code
    assert message in outcome.error_message


def test_the_projects_own_handler():
    handlers = Path(__file__).parent.parent.parent / "handlers"
    good = b'{"timestamp":"2026-01-02T03:04:05Z","deviceId":"d1","temperature":21.5,"humidity":40}'
    records = [SourceRecord(data=data, arrival_ms=1_767_323_045_000) for data in (good, b"{")]
    with LambdaFunction(handler="firehose_transform.handler", task_root=handlers) as function:
        first, second = Transformation(function).transform(records)
    assert first.result == OK
    assert json.loads(first.data)["device_id"] == "d1"
    assert (second.result, second.data, second.error_code) == (PROCESSING_FAILED, b"{", None)
