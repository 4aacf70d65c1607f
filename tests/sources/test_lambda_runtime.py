"""The loop that hands a handler its event's bytes, started by the wrapper script as Lambda starts it."""

from pathlib import Path

import orjson
import pyarrow.dataset as ds
import pytest

from iotstream.local.lambda_runtime.environment import Environment, FunctionConfiguration
from iotstream.testing import kinesis_event

HANDLERS = Path(__file__).parents[2] / "handlers"
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"a","temperature":1,"humidity":2}'
ARRIVAL_MS = 1_734_604_200_000

HANDLER = """
import os

def shows(event, context):
    return {
        "kind": type(event).__name__, "event": event.decode(), "request": context.aws_request_id,
        "left": context.get_remaining_time_in_millis(), "name": context.function_name,
        "arn": context.invoked_function_arn, "trace": os.environ["_X_AMZN_TRACE_ID"],
    }

def fails(event, context):
    if event == b'"bad"':
        raise ValueError("the field 'x' is missing")
    return "well"

def ends(event, context):
    os._exit(3)

def unfit(event, context):
    return object()
"""


@pytest.fixture
def started(tmp_path):
    environments = []

    def start(handler, task_root=tmp_path, **variables):
        environment = Environment(
            FunctionConfiguration(
                handler=handler,
                task_root=task_root,
                timeout_s=20,
                environment={"AWS_LAMBDA_EXEC_WRAPPER": str(HANDLERS / "raw-runtime"), **variables},
            )
        )
        environments.append(environment)
        return environment

    (tmp_path / "function.py").write_text(HANDLER)
    yield start
    for one in environments:
        one.close()


def test_a_handler_gets_the_bytes_and_the_context(started):
    environment = started("function.shows")
    for event in (b'{"a": [1, 2.0]}', b"null"):
        result = environment.invoke(event)
        assert result.function_error is None, result.log
        answer = orjson.loads(result.payload)
        assert (answer["kind"], answer["event"]) == ("bytes", event.decode())
        assert 0 < answer["left"] <= 20_000
        assert answer["name"] == "transform-function"
        assert answer["arn"].endswith(":function:transform-function")
        assert answer["trace"].startswith("Root=1-")


@pytest.mark.parametrize("handler", ["function.fails", "function.unfit"])
def test_an_exception_is_the_invocations_and_the_next_one_goes_on(started, handler):
    environment = started(handler)
    result = environment.invoke(b'"bad"')
    assert result.function_error == "Unhandled"
    error = orjson.loads(result.payload)
    if handler == "function.fails":
        assert (error["errorType"], error["errorMessage"]) == ("ValueError", "the field 'x' is missing")
        assert 'raise ValueError("the field' in "".join(error["stackTrace"])
        assert any("ValueError" in line for line in result.log)
        assert orjson.loads(environment.invoke(b'"good"').payload) == "well"
    else:
        assert "not JSON serializable" in error["errorMessage"]


@pytest.mark.parametrize(
    ("handler", "kind"), [("nowhere.handler", "ModuleNotFoundError"), ("function.nothing", "AttributeError")]
)
def test_a_handler_that_is_not_there_fails_the_init(started, handler, kind):
    result = started(handler).invoke(b"{}")
    assert result.function_error == "Unhandled"
    assert orjson.loads(result.payload)["errorType"] == kind


def test_a_handler_that_ends_the_process(started):
    result = started("function.ends").invoke(b"{}")
    assert orjson.loads(result.payload)["errorMessage"].endswith("exit status 3")


def test_the_projects_handler_writes_the_same_from_bytes(started, tmp_path):
    environment = started(
        "kinesis_lambda.handler", task_root=HANDLERS, IOTSTREAM_LAKE_URI=f"file://{tmp_path}/lake"
    )
    event = kinesis_event([GOOD, b"bad", GOOD], arrival_ms=ARRIVAL_MS)
    for _ in range(2):
        result = environment.invoke(orjson.dumps(event))
        assert result.function_error is None, result.log
        assert orjson.loads(result.payload) == {"batchItemFailures": []}
    rows = ds.dataset(tmp_path / "lake/data", format="parquet", partitioning="hive").to_table()
    assert rows.num_rows == 2
    refused = environment.invoke(b'{"Records": 5}')
    assert "not an event of a Kinesis event source mapping" in orjson.loads(refused.payload)["errorMessage"]
