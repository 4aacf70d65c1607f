"""The sink against a scripted server that answers as v1, v2 and v3 document."""

import datetime as dt
import email.utils
import json
import subprocess
import sys
import threading
import time

import pytest
from aiohttp import web
from scripted_influxdb import Server, error

import iotstream
from iotstream.batch import Batch
from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.pipeline import to_batch
from iotstream.sinks.influxdb import InfluxSettings, InfluxSink
from iotstream.sinks.influxdb.access import Access
from iotstream.testing import raw_batch

SCHEMA = iotstream.Schema.load()
NOW = 1_734_604_200_000
QUICK = {"base_s": 0.001, "cap_s": 0.01}


def payload(row, device="d"):
    item = {"timestamp": NOW + row, "deviceId": device, "temperature": row, "humidity": 50}
    return json.dumps(item).encode()


def batch_of(rows):
    payloads = [payload(row) for row in range(rows)] if isinstance(rows, int) else rows
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=NOW), SCHEMA))


def settings_for(server, **more):
    chosen = {
        "url": server.url,
        "version": server.version,
        "database": "iot",
        "org": "my org" if server.version == "v2" else "",
        "token": "token",
        "deadline_s": 30.0,
        **QUICK,
        **more,
    }
    return InfluxSettings(**chosen)


@pytest.fixture
def make(server):
    made = []

    def make(**more):
        made.append(InfluxSink(SCHEMA, settings_for(server, **more)))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def times(server):
    return sorted(time_ms - NOW for _, time_ms in server.points)


def row_of(line):
    return line.time_ms - NOW


def test_every_row_is_written_once_in_calls_of_a_size(make, server):
    sink = make(lines_per_call=100)
    assert len(sink.write(batch_of(1050))) == 0
    assert sorted(map(len, server.calls)) == [50] + [100] * 10
    assert times(server) == list(range(1050))
    assert (sink.points, sink.superseded, sink.name) == (1050, 0, "influxdb")


def test_without_compression(make, server):
    server.gzip = False
    make(gzip=False).write(batch_of(3))
    assert times(server) == [0, 1, 2]


def test_connections_are_kept_and_bounded(make, server):
    server.delays_s = [0.005] * 60
    sink = make(in_flight=4, lines_per_call=50)
    for _ in range(3):
        sink.write(batch_of(1000))
    assert len(server.connections) <= 4
    assert 1 < server.most_under_way <= 4


def test_threads_share_it(make, server):
    sink = make(lines_per_call=10)
    payloads = {name: [payload(row, name) for row in range(200)] for name in "abcd"}
    threads = [threading.Thread(target=sink.write, args=(batch_of(one),)) for one in payloads.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.points == len(server.points) == 800


def test_a_refused_line_is_traced_to_its_source(make, server):
    server.refuse = lambda line: "input field is type float" if row_of(line) in {0, 199, 204} else None
    noise = b"not json"
    payloads = [noise, b"[" + payload(0) + b"," + payload(1) + b"]"] + [payload(row) for row in range(2, 205)]
    sink = make()
    rejects = sink.write(batch_of(payloads))
    assert [(one.record, one.item) for one in rejects] == [(1, 0), (199, 0), (204, 0)]
    assert {(one.reason, one.field) for one in rejects} == {("sink", "")}
    assert all("input field is type float" in one.detail for one in rejects)
    assert [one.payload for one in rejects] == [payloads[1], payload(199), payload(204)]
    assert times(server) == sorted(set(range(205)) - {0, 199, 204})
    assert sink.points == 202


def test_a_row_is_traced_though_others_before_it_were_left_out(make, server):
    server.refuse = lambda line: "too old" if row_of(line) == 7 else None
    payloads = [payload(5), payload(5), payload(6, "a\nb"), payload(6), payload(7)]
    sink = make()
    rejects = sink.write(batch_of(payloads))
    assert [(one.record, one.field) for one in rejects] == [(2, "device_id"), (4, "")]
    assert (sink.points, sink.superseded) == (2, 1)


def test_every_line_refused_takes_no_halving(make, server):
    server.refuse = lambda line: "no such type"
    assert len(make(lines_per_call=500).write(batch_of(2000))) == 2000
    assert len(server.calls) == 4


@pytest.mark.parametrize("step", [2, 3, 50])
def test_many_refused_lines_are_found(make, server, step):
    server.refuse = lambda line: "no" if row_of(line) % step == 0 else None
    rejects = make().write(batch_of(500))
    assert [one.record for one in rejects] == list(range(0, 500, step))
    assert times(server) == [row for row in range(500) if row % step]


def test_without_an_origin_rejects_name_the_row(make, server):
    server.refuse = lambda line: "no" if row_of(line) == 1 else None
    whole = batch_of(3)
    rejects = make().write(Batch(data=whole.data, span=whole.span, records=3))
    assert [(one.record, one.item, one.payload) for one in rejects] == [(1, 0, b"")]


def test_a_call_that_is_too_large_is_halved(make, server):
    def script(lines, number):
        return error(server.version, 413, "Request Entity Too Large") if len(lines) > 30 else None

    server.script = script
    assert len(make(lines_per_call=100).write(batch_of(200))) == 0
    assert times(server) == list(range(200))
    server.script = lambda lines, number: error(server.version, 413, "Request Entity Too Large")
    (one,) = make().write(batch_of(1))
    assert "413: Request Entity Too Large" in one.detail


def test_lines_that_cannot_be_parsed_are_found(make, server):
    """v2 writes nothing of a call with such a line, v1 the others; v3 names it in another form."""

    def script(lines, number):
        bad = [place for place, line in enumerate(lines) if f" {NOW + 42}" in line]
        if not bad:
            return None
        why = f"unable to parse '{lines[bad[0]]} dropped={len(lines)}': bad timestamp"
        if server.version == "v3":
            data = {"error_message": why, "line_number": bad[0] + 1, "original_line": ""}
            return web.json_response({"error": "line protocol parsing error", "data": data}, status=400)
        return error(server.version, 400, why)

    server.script = script
    (one,) = make().write(batch_of(100))
    assert one.record == 42
    assert "bad timestamp" in one.detail
    assert times(server) == [row for row in range(100) if row != 42]


@pytest.mark.parametrize("server", ["v3"], indirect=True)
def test_a_list_that_may_be_cut_short_is_not_believed(server, make):
    """v3's distributed editions name 100 lines at most."""

    def script(lines, number):
        bad = [place for place, line in enumerate(lines) if int(line.rpartition(" ")[2]) % 2]
        data = [{"error_message": "no", "line_number": place + 1, "original_line": ""} for place in bad[:100]]
        return web.json_response({"error": "partial write", "data": data}, status=400) if data else None

    server.script = script
    assert [one.record for one in make().write(batch_of(600))] == list(range(1, 600, 2))


@pytest.mark.parametrize("server", ["v3"], indirect=True)
@pytest.mark.parametrize("number", [0, 4, "1", None])
def test_numbers_that_are_none_of_the_lines_are_not_believed(server, make, number):
    data = [{"error_message": "no", "line_number": number, "original_line": ""}]
    document = {"error": "partial write of line protocol occurred", "data": data}
    server.script = lambda lines, _: web.json_response(document, status=400)
    assert len(make().write(batch_of(3))) == 3
    assert len(server.calls) == 5


def first_tries(answer):
    """Answers each call's first try so; a call is known by its first line."""
    seen, lock = set(), threading.Lock()

    def script(lines, number):
        with lock:
            new = lines[0] not in seen
            seen.add(lines[0])
        return answer() if new else None

    return script


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=429),
        lambda: web.Response(status=503, text="<html>busy</html>"),
        lambda: web.json_response({"error": "timeout", "message": "timeout"}, status=500),
        lambda: web.Response(status=408),
        lambda: ConnectionResetError("aborted on purpose"),
    ],
    ids=["429", "503", "500", "408", "reset"],
)
def test_what_may_pass_is_sent_again(make, server, answer):
    server.script = first_tries(answer)
    assert len(make(lines_per_call=100).write(batch_of(1000))) == 0
    assert len(server.calls) == 20
    assert times(server) == list(range(1000))


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(make, server, status, as_date):
    def answer():
        after = "1"
        if as_date:
            moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
            after = email.utils.format_datetime(moment, usegmt=True)
        return error(server.version, status, "later", **{"Retry-After": after})

    server.script = first_tries(answer)
    began = time.monotonic()
    make().write(batch_of(1))
    # A date has no fractions: up to a second of the two may be gone.
    assert 0.9 < time.monotonic() - began < 10
    assert len(server.calls) == 2


def test_a_wait_beyond_the_deadline_is_not_waited_for(make, server):
    server.script = lambda lines, number: error(server.version, 503, "later", **{"Retry-After": "3600"})
    began = time.monotonic()
    with pytest.raises(SinkUnavailable, match=r"later \(it asks to wait for 3600 s\)"):
        make().write(batch_of(1))
    assert time.monotonic() - began < 5


def test_a_call_that_is_not_answered_is_sent_again(make, server):
    server.delays_s = [20.0]
    assert len(make(timeout_s=0.2).write(batch_of(1))) == 0
    assert len(server.calls) == 1


def test_past_the_deadline_the_sink_is_unavailable(make, server):
    server.script = lambda lines, number: error(server.version, 429, "slow down")
    with pytest.raises(SinkUnavailable) as caught:
        make(deadline_s=0.3).write(batch_of(300))
    said = str(caught.value)
    assert all(part in said for part in ("database iot", server.url, "0.3 s", "429: slow down"))


def test_a_closed_port_is_named(make):
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1:1"):
        make(url="http://127.0.0.1:1", deadline_s=0.2).write(batch_of(1))


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (403, "insufficient permissions for write", "right to write"),
        (404, 'bucket "iot" not found', "create the database"),
        (418, "short and stout", "418: short and stout"),
    ],
)
def test_an_environment_that_is_wrong_is_said_at_once(make, server, status, text, said):
    server.script = lambda lines, number: error(server.version, status, text)
    with pytest.raises(SinkUnavailable) as caught:
        make(in_flight=1).write(batch_of(1))
    assert said in str(caught.value)
    assert text in str(caught.value)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=400, text="<html>Bad Request</html>"),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        lambda: web.Response(status=422),
        lambda: web.Response(status=400, text='["x"]'),
    ],
)
def test_what_is_not_influxdbs_answer_blames_no_row(make, server, answer):
    server.script = lambda lines, number: answer()
    with pytest.raises(SinkUnavailable, match="HTTP status"):
        make().write(batch_of(10))
    assert len(server.calls) == 1


@pytest.mark.parametrize("server", ["v3"], indirect=True)
def test_a_limit_of_the_database_blames_no_row(make, server):
    """v3: 422, with the lines that were too much."""
    data = [{"error_message": "Update to schema would exceed number of columns", "line_number": 1}]
    server.script = lambda lines, number: web.json_response({"error": "partial", "data": data}, status=422)
    with pytest.raises(SinkUnavailable, match="a limit of the server's"):
        make().write(batch_of(10))


def test_a_wrong_token_is_said_and_not_shown(make, server):
    server.tokens = {"other"}
    with pytest.raises(SinkUnavailable, match=r"401.*check influxdb\.token") as caught:
        make(token="s3cr3t").write(batch_of(1))
    assert "s3cr3t" not in str(caught.value)
    assert len(server.authorizations) == 1


def test_user_and_password():
    server = Server("v1")
    server.user = "Basic d3JpdGVyOnBhOnNz"
    sink = InfluxSink(SCHEMA, settings_for(server, token="", username="writer", password="pa:ss"))
    try:
        sink.write(batch_of(2))
        assert times(server) == [0, 1]
    finally:
        sink.close()
        server.close()
    assert server.wrong == []


@pytest.fixture(scope="module")
def secrets_manager(aws):
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    endpoint = aws["AWS_ENDPOINT_URL"]
    client = boto3.client("secretsmanager", region_name="eu-west-1", endpoint_url=endpoint, **keys)
    client.create_secret(Name="influx", SecretString="token")
    yield client
    client.close()


def test_the_token_comes_from_secrets_manager_and_is_read_anew_when_refused(
    make, server, secrets_manager, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets_manager.meta.endpoint_url)
    secrets_manager.put_secret_value(SecretId="influx", SecretString="token\n")
    # The region is the ARN's.
    arn = secrets_manager.describe_secret(SecretId="influx")["ARN"]
    sink = make(token="", token_secret=arn, lines_per_call=10)
    sink.write(batch_of(1))
    # Rotated: many calls are refused at once, and go through with the new one.
    server.tokens = {"new"}
    secrets_manager.put_secret_value(SecretId="influx", SecretString='{"org": "x", "token": "new"}')
    assert len(sink.write(batch_of(100))) == 0
    assert times(server) == list(range(100))
    # Revoked: what the secret holds is refused, and not tried over and over.
    server.tokens = {"newest"}
    before = len(server.authorizations)
    with pytest.raises(SinkUnavailable, match=r"check influxdb\.token"):
        sink.write(batch_of(1))
    assert len(server.authorizations) == before + 1


def test_a_secret_that_cannot_be_read_says_what_to_allow(make, secrets_manager, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets_manager.meta.endpoint_url)
    with pytest.raises(SinkUnavailable, match=r"'nowhere' can't be read: .*GetSecretValue"):
        make(token="", token_secret="nowhere").write(batch_of(1))


@pytest.mark.parametrize(
    ("version", "secret", "header"),
    [
        ("v2", " abc== \n", "Token abc=="),
        ("v3", '{"token": "abc"}', "Bearer abc"),
        ("v1", '{"username": "u", "password": "p"}', "Basic dTpw"),
        ("v1", "12345", "Token 12345"),
        ("v2", "", None),
        ("v2", '{"username": "u", "password": "p"}', None),
        ("v3", "two words", None),
        ("v1", '{"token": "a\\nb", "username": "u"}', None),
    ],
)
def test_what_a_secret_may_hold(version, secret, header):
    settings = InfluxSettings(url="http://x", version=version, database="d", org="o", token_secret="s")
    access = Access(settings, read_secret=lambda: secret)
    if header is None:
        with pytest.raises(SinkUnavailable, match="holds no token") as caught:
            access.authorization()
        assert not secret or secret not in str(caught.value)
    else:
        assert access.authorization() == header


def test_a_secret_without_a_region_says_how_to_set_it(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match=r"influxdb\.token_secret = 's'.*Set AWS_REGION"):
        InfluxSink(SCHEMA, InfluxSettings(url="http://x", version="v1", database="d", token_secret="s"))


def test_nothing_is_sent_for_no_rows(make, server):
    assert len(make().write(batch_of([b"bad"]))) == 0
    assert len(make().write(batch_of([payload(1, "a\n")]))) == 1
    assert server.calls == []


def test_after_an_error_the_sink_goes_on(make, server):
    sink = make()
    server.script = lambda lines, number: error(server.version, 403, "no")
    with pytest.raises(SinkUnavailable):
        sink.write(batch_of(500))
    server.script = lambda lines, number: None
    assert len(sink.write(batch_of(500))) == 0
    assert sink.points == 500


def test_closing_ends_the_thread_and_closes_the_sink(make):
    before = threading.active_count()
    sink = make()
    sink.write(batch_of(1))
    sink.close()
    sink.close()
    assert threading.active_count() <= before
    with pytest.raises(SinkUnavailable, match="closed"):
        sink.write(batch_of(1))


GOOD = {"url": "http://127.0.0.1:8086", "database": "iot", "org": "o", "token": "t"}


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("url", {"url": "127.0.0.1:8086"}),
        ("url", {"url": "http://writer:s3cr3t@127.0.0.1:8086"}),
        ("url", {"url": "http://127.0.0.1:8086/?org=x"}),
        ("version", {"version": "v4"}),
        ("database", {"database": ""}),
        ("org", {"org": ""}),
        ("token", {"token": ""}),
        ("token", {"token": "s3cr3t s3cr3t"}),
        ("token_secret", {"token": "s3cr3t", "token_secret": "x"}),
        ("username", {"token": "", "username": "u", "password": "s3cr3t"}),
        ("username", {"version": "v1", "token": "s3cr3t", "username": "u"}),
        ("password", {"version": "v1", "token": "", "password": "s3cr3t"}),
        ("in_flight", {"in_flight": 0}),
        ("lines_per_call", {"lines_per_call": 10_001}),
        ("deadline_s", {"deadline_s": 0}),
        ("timeout_s", {"timeout_s": float("inf")}),
    ],
)
def test_a_wrong_setting_is_named_and_a_secret_not_shown(key, more):
    with pytest.raises(ConfigurationError, match=f"influxdb.{key} = ") as caught:
        InfluxSettings(**{**GOOD, **more})
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in repr(InfluxSettings(**{**GOOD, "token": "s3cr3t"}))


def test_importing_it_imports_neither_the_sdk_nor_asyncio():
    heavy = ["boto3", "botocore", "aiohttp", "asyncio"]
    code = f"import sys, iotstream.sinks.influxdb; print(*[m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
