"""The sink against a scripted server."""

import json
import subprocess
import sys
import threading

import botocore.session
import pytest
from aiohttp import web
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import EndpointConnectionError
from scripted_timestream import done, error

import iotstream
from iotstream.batch import Batch
from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.pipeline import to_batch
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.testing import raw_batch

SCHEMA = iotstream.Schema.load()
NOW = 1_734_604_200_000
QUICK = {"base_s": 0.001, "cap_s": 0.01}


def payload(row, device="d"):
    item = {"timestamp": NOW + row, "deviceId": device, "temperature": row, "humidity": 50}
    return json.dumps(item).encode()


def batch_of(rows, arrival_ms=NOW):
    payloads = [payload(row) for row in range(rows)] if isinstance(rows, int) else rows
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=arrival_ms), SCHEMA))


@pytest.fixture
def make(server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", server.url)
    made = []

    def make(*, session=None, **settings):
        chosen = {
            "database": "iot_timestream_db",
            "table": "iot_table",
            "deadline_s": 30.0,
            **QUICK,
            **settings,
        }
        made.append(TimestreamSink(SCHEMA, TimestreamSettings(**chosen), session=session))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def times(records):
    return sorted(int(record["Time"]) - NOW for record in records)


def reject(rows, *, reason="too old", version=None):
    """Rejects the records of these rows, wherever they are."""

    def script(body, number):
        index = [at for at, record in enumerate(body["Records"]) if int(record["Time"]) - NOW in rows]
        rejected = [{"RecordIndex": at, "Reason": reason, "ExistingVersion": version} for at in index]
        return error(419, "RejectedRecordsException", RejectedRecords=rejected) if index else done(body)

    return script


def test_every_row_is_written_once_in_calls_of_a_hundred(make, server):
    sink = make()
    assert len(sink.write(batch_of(1050))) == 0
    assert sorted(len(body["Records"]) for body in server.bodies) == [50] + [100] * 10
    assert times(server.records) == list(range(1050))
    assert (sink.points, sink.superseded, sink.name) == (1050, 0, "timestream")


def test_connections_are_kept_and_bounded(make, server):
    server.delay_s = 0.005
    sink = make(in_flight=4)
    for _ in range(3):
        sink.write(batch_of(1000))
    assert len(server.connections) <= 4
    assert 1 < server.most_under_way <= 4


def test_a_rejected_record_is_traced_to_its_source(make, server):
    server.script = reject({0, 199, 204})
    noise = b"not json"
    payloads = [noise, b"[" + payload(0) + b"," + payload(1) + b"]"] + [payload(row) for row in range(2, 205)]
    sink = make()
    rejects = sink.write(batch_of(payloads))
    assert [(one.record, one.item) for one in rejects] == [(1, 0), (199, 0), (204, 0)]
    assert {(one.reason, one.field, one.detail) for one in rejects} == {("sink", "", "too old")}
    assert [one.payload for one in rejects] == [payloads[1], payload(199), payload(204)]
    assert sink.points == 202


def test_a_row_is_traced_though_others_before_it_were_left_out(make, server):
    server.script = reject({7})
    payloads = [payload(5), payload(5), b'{"timestamp":%d,"deviceId":"","temperature":1,"humidity":1}' % NOW]
    rejects = make().write(batch_of([*payloads, payload(7)]))
    assert [(one.record, one.detail[:24]) for one in rejects] == [
        (2, "no dimension has a value"),
        (3, "too old"),
    ]


def test_a_later_version_that_is_there_is_counted_and_not_refused(make, server):
    sink = make()
    server.script = reject({1, 2}, version=NOW)
    assert len(sink.write(batch_of([payload(0), payload(1), payload(2), payload(2)]))) == 0
    assert (sink.points, sink.superseded) == (1, 3)
    server.script = reject({1}, version=NOW - 1)
    assert [one.record for one in sink.write(batch_of(3))] == [1]


def test_versions_are_arrival_times_and_equal_on_a_retry(make, server):
    sink = make()
    for _ in range(2):
        sink.write(batch_of(2, arrival_ms=[NOW + 5, NOW + 6]))
    assert [[one["Version"] for one in body["Records"]] for body in server.bodies] == [[NOW + 5, NOW + 6]] * 2


def test_without_an_origin_the_version_is_a_setting_and_rejects_name_the_row(make, server):
    server.script = reject({1})
    whole = batch_of(3)
    alone = Batch(data=whole.data, span=whole.span, records=3)
    rejects = make(version=77).write(alone)
    assert server.bodies[0]["CommonAttributes"]["Version"] == 77
    assert [(one.record, one.item, one.payload) for one in rejects] == [(1, 0, b"")]


def first_tries(answer):
    """Answers each call's first try so; a call is known by its first record."""
    seen, lock = set(), threading.Lock()

    def script(body, number):
        with lock:
            key = body["Records"][0]["Time"]
            new = key not in seen
            seen.add(key)
        return answer if new else done(body)

    return script


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "ThrottlingException"),
        error(500, "InternalServerException"),
        error(421, "InvalidEndpointException"),
        (429, {}),
        (503, {}),
        ConnectionResetError("aborted on purpose"),
    ],
    ids=["throttled", "internal", "endpoint", "429", "503", "reset"],
)
def test_what_may_pass_is_sent_again(make, server, answer):
    server.script = first_tries(answer)
    sink = make()
    assert len(sink.write(batch_of(1000))) == 0
    assert len(server.bodies) == 20
    assert {record["Time"] for record in server.records} == {str(NOW + row) for row in range(1000)}


def test_a_call_that_is_not_answered_is_sent_again(make, server):
    server.delays_s = [20.0]
    assert len(make(timeout_s=0.2).write(batch_of(1))) == 0
    assert len(server.bodies) == 1


def test_throttled_calls_keep_no_others_back(make, server):
    """One call is throttled over and over; with one slot all others get through before it does."""

    def script(body, number):
        throttle = body["Records"][0]["Time"] == str(NOW) and number < 10
        return error(400, "ThrottlingException") if throttle else done(body)

    server.script = script
    make(in_flight=1, base_s=0.05, cap_s=0.05).write(batch_of(400))
    firsts = [int(body["Records"][0]["Time"]) - NOW for body in server.bodies]
    assert firsts.index(300) < len(firsts) - 1 - firsts[::-1].index(0)


def test_past_the_deadline_the_sink_is_unavailable(make, server):
    server.script = lambda body, number: error(400, "ThrottlingException", "slow down")
    with pytest.raises(SinkUnavailable) as caught:
        make(deadline_s=0.3).write(batch_of(300))
    said = str(caught.value)
    assert all(part in said for part in ("iot_timestream_db.iot_table", server.url, "0.3 s", "slow down"))


def test_a_server_that_hangs_does_not_outlast_the_deadline(make, server):
    server.delay_s = 20.0
    with pytest.raises(SinkUnavailable, match="no call was answered"):
        make(deadline_s=0.2).write(batch_of(1))


def test_a_closed_port_is_named(make, server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", "http://127.0.0.1:1")
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1:1"):
        make(deadline_s=0.2).write(batch_of(1))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (error(403, "AccessDeniedException", "no"), "allow timestream:WriteRecords"),
        (
            error(404, "ResourceNotFoundException", "The table does not exist."),
            "create the database and the table",
        ),
        (error(403, "UnrecognizedClientException", "unknown"), "check the AWS credentials"),
        (error(403, "ExpiredTokenException", "old"), "renew the AWS credentials"),
        (error(418, "Teapot", "short and stout"), "Teapot: short and stout"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "HTTP status 302"),
    ],
)
def test_an_environment_that_is_wrong_is_said_at_once(make, server, answer, said):
    server.script = lambda body, number: answer
    with pytest.raises(SinkUnavailable) as caught:
        make(in_flight=1).write(batch_of(1))
    assert said in str(caught.value)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "status_and_code", [(400, "ValidationException"), (400, "SerializationException"), (413, "")]
)
def test_a_poisonous_record_is_found_and_the_others_are_written(make, server, status_and_code):
    poison, written = {3, 150, 151}, []

    def script(body, number):
        rows = {int(record["Time"]) - NOW for record in body["Records"]}
        if rows & poison:
            return error(*status_and_code, "Invalid time for record.")
        written.extend(rows)
        return done(body)

    server.script = script
    rejects = make().write(batch_of(250))
    assert [one.record for one in rejects] == [3, 150, 151]
    assert sorted(written) == sorted(set(range(250)) - poison)
    assert all(one.payload == payload(one.record) for one in rejects)


@pytest.mark.parametrize(
    "listed", [[], None, [{"RecordIndex": 100, "Reason": "beyond"}], [{"Reason": "no index"}]]
)
def test_a_rejection_that_names_no_record_is_traced_by_halving(make, server, listed):
    def script(body, number):
        poisonous = any(record["Time"] == str(NOW + 42) for record in body["Records"])
        return error(419, "RejectedRecordsException", RejectedRecords=listed) if poisonous else done(body)

    server.script = script
    assert [one.record for one in make().write(batch_of(100))] == [42]


def test_a_service_that_echoes_the_call_does_not_fill_the_dead_letters(make, server):
    server.script = lambda body, number: error(400, "ValidationException", "x" * 100_000)
    (one,) = make().write(batch_of(1))
    assert len(one.detail) < 1000


def test_nothing_is_sent_for_no_rows(make, server):
    assert len(make().write(batch_of([b"bad"]))) == 0
    assert server.bodies == []


def test_a_write_in_a_running_event_loop(make, server):
    import asyncio

    async def write():
        return make().write(batch_of(3))

    assert len(asyncio.run(write())) == 0
    assert len(server.records) == 3


def test_after_an_error_the_sink_goes_on(make, server):
    sink = make()
    server.script = lambda body, number: error(403, "AccessDeniedException")
    with pytest.raises(SinkUnavailable):
        sink.write(batch_of(500))
    server.script = lambda body, number: done(body)
    assert len(sink.write(batch_of(500))) == 0
    assert sink.points == 500


def test_closing_ends_the_thread_and_closes_the_sink(make):
    before = threading.active_count()
    sink = make()
    sink.close()
    sink.close()
    assert threading.active_count() == before
    with pytest.raises(SinkUnavailable, match="closed"):
        sink.write(batch_of(1))


def session_with(refresh):
    session = botocore.session.Session()
    credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, "test", 0, 0)
    session._credentials = credentials
    return session


def test_credentials_are_renewed_when_they_run_out(make, server):
    generation = iter(range(10))

    def refresh():
        number = next(generation)
        server.secrets[f"KEY{number}"] = f"secret{number}"
        expiry = "2000-01-01T00:00:00Z" if number == 0 else "2100-01-01T00:00:00Z"
        return {
            "access_key": f"KEY{number}",
            "secret_key": f"secret{number}",
            "token": f"token{number}",
            "expiry_time": expiry,
        }

    sink = make(session=session_with(refresh))
    sink.write(batch_of(1))
    assert server.access_keys == ["KEY1"]


def test_a_token_that_is_called_expired_is_renewed_and_the_call_sent_again(make, server):
    session = botocore.session.Session()
    keys = iter(["OLD", "NEW", "NEWER"])

    class Provider(Credentials):
        def get_frozen_credentials(self):
            return ReadOnlyCredentials(next(keys), "s", None)

    server.secrets |= {"OLD": "s", "NEW": "s"}
    session._credentials = Provider("a", "s")
    server.script = lambda body, number: error(403, "ExpiredTokenException") if number == 0 else done(body)
    assert len(make(session=session).write(batch_of(1))) == 0
    assert server.access_keys == ["OLD", "NEW"]


def test_credentials_that_cannot_be_renewed_make_the_sink_unavailable(make):
    session = botocore.session.Session()

    class Provider(Credentials):
        def get_frozen_credentials(self):
            raise EndpointConnectionError(endpoint_url="http://169.254.170.2")

    session._credentials = Provider("a", "s")
    with pytest.raises(SinkUnavailable, match=r"can't be renewed.*169\.254\.170\.2"):
        make(session=session).write(batch_of(1))


def test_no_credentials_says_how_to_set_them(make, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match=r"no AWS credentials: .*AWS_ACCESS_KEY_ID"):
        make()


def test_no_region_says_how_to_set_it(make, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="Set AWS_REGION"):
        make()


def test_a_profile_that_is_not_there_is_named(make, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match="nobody"):
        make()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database", "a"),
        ("table", "a b c"),
        ("in_flight", 0),
        ("deadline_s", 0),
        ("timeout_s", float("inf")),
        ("version", 0),
    ],
)
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(ConfigurationError, match=f"timestream.{key} = "):
        TimestreamSettings(**{"database": "iot_timestream_db", "table": "iot_table", key: value})


def test_importing_it_imports_neither_the_sdk_nor_the_http_client():
    heavy = ["boto3", "botocore", "aiohttp", "asyncio"]
    code = f"import sys, iotstream.sinks.timestream; print(*[m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
