"""Small handlers, run by the real runtime interface client."""

import json
import os
import threading
import time

import pytest

from iotstream.local.lambda_runtime import MAX_PAYLOAD_BYTES, LambdaFunction

HANDLERS = """
import json, os, sys, time
print("loaded", flush=True)
calls = 0

def echo(event, context):
    global calls
    calls += 1
    print("event", event)
    print("to stderr", file=sys.stderr)
    return {"event": event, "calls": calls, "pid": os.getpid(), "name": context.function_name,
            "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
            "id": context.aws_request_id, "remaining": context.get_remaining_time_in_millis(),
            "own": os.environ.get("OWN"), "secret": os.environ.get("NOT_PASSED_ON")}

def fail(event, context):
    raise ValueError("no good")

def crash(event, context):
    os._exit(3)

def slow(event, context):
    time.sleep(30 if event else 0)
    return os.getpid()

def spawn(event, context):
    import subprocess
    if event:
        os.kill(os.getpid(), 9)
    return [os.getpid(), subprocess.Popen(["sleep", "60"]).pid, sys.stdin.read()]

def large(event, context):
    return "x" * 7_000_000
"""


@pytest.fixture
def make(tmp_path):
    (tmp_path / "sample.py").write_text(HANDLERS)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    made = []

    def function(handler, **settings):
        made.append(LambdaFunction(handler=handler, task_root=tmp_path, **settings))
        return made[-1]

    yield function
    for one in made:
        one.close()


def gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_an_answer_and_what_the_function_sees(make, monkeypatch):
    monkeypatch.setenv("NOT_PASSED_ON", "1")
    lines = []
    function = make(
        "sample.echo", environment={"OWN": "yes"}, memory_mb=256, timeout_s=20, on_log=lines.append
    )
    first = function.invoke(b'{"a":1}')
    assert first.function_error is None
    seen = json.loads(first.payload)
    assert seen["event"] == {"a": 1}
    assert (seen["calls"], seen["name"], seen["own"], seen["secret"]) == (
        1,
        "transform-function",
        "yes",
        None,
    )
    assert seen["memory"] == "256"
    assert seen["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:transform-function"
    assert 0 < seen["remaining"] <= 20_000
    assert first.init_s > 0
    second = function.invoke(b"2")
    again = json.loads(second.payload)
    assert (again["calls"], again["pid"]) == (2, seen["pid"])
    assert again["id"] != seen["id"]
    assert second.init_s is None
    function.close()
    assert gone(seen["pid"])
    # What it said comes by pipes of its own, and may come late.
    deadline = time.monotonic() + 10
    while lines.count("to stderr") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [line for line in lines if line in {"loaded", "to stderr"}] == ["loaded", "to stderr", "to stderr"]


def test_an_error_is_unhandled_and_the_environment_lives_on(make):
    function = make("sample.fail")
    for _ in range(2):
        result = function.invoke(b"{}")
        assert result.function_error == "Unhandled"
        document = json.loads(result.payload)
        assert (document["errorType"], document["errorMessage"]) == ("ValueError", "no good")


def test_a_crash_is_an_error_and_the_next_invocation_starts_anew(make):
    function = make("sample.crash")
    for _ in range(2):
        result = function.invoke(b"{}")
        assert result.function_error == "Unhandled"
        assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"
        assert result.init_s > 0


def test_a_timeout_ends_the_environment(make):
    function = make("sample.slow", timeout_s=1)
    pid = json.loads(function.invoke(b"null").payload)
    result = function.invoke(b"1")
    assert result.function_error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in json.loads(result.payload)["errorMessage"]
    assert gone(pid)
    assert json.loads(function.invoke(b"null").payload) != pid


def test_a_module_that_does_not_load_is_an_init_error(make):
    result = make("broken.handler").invoke(b"{}")
    assert result.function_error == "Unhandled"
    assert "nothing_of_that_name" in json.loads(result.payload)["errorMessage"]


def test_payloads_have_limits(make):
    with pytest.raises(ValueError, match=str(MAX_PAYLOAD_BYTES)):
        make("sample.echo").invoke(b" " * (MAX_PAYLOAD_BYTES + 1))
    result = make("sample.large").invoke(b"{}")
    assert result.function_error == "Unhandled"
    assert json.loads(result.payload)["errorType"] == "Function.ResponseSizeTooLarge"


def test_an_event_of_the_full_size_passes(make):
    event = json.dumps({"x": "y" * 5_900_000}).encode()
    assert len(make("sample.echo").invoke(event).payload) > 5_900_000


def test_invocations_at_once_have_an_environment_each(make):
    function = make("sample.slow", concurrency=2)
    pids = []
    threads = [threading.Thread(target=lambda: pids.append(function.invoke(b"0").payload)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 4
    assert len(set(pids)) <= 2


def test_nothing_that_the_handler_started_is_left(make):
    function = make("sample.spawn")
    _, child, stdin = json.loads(function.invoke(b"null").payload)
    assert stdin == ""
    function.close()
    assert gone(child)


def test_an_environment_that_ended_between_two_invocations_is_replaced(make):
    function = make("sample.spawn")
    pid, *_ = json.loads(function.invoke(b"null").payload)
    os.kill(pid, 9)
    (environment,) = function._alive
    deadline = time.monotonic() + 10
    while environment.alive:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    result = function.invoke(b"null")
    assert result.function_error is None
    assert result.init_s > 0
