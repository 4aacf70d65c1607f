"""Endpoints as the SDK finds them, and certificates as it checks them."""

import asyncio
import json
import ssl

import pytest
from scripted_timestream import Server, done, error

import iotstream
from iotstream.errors import SinkUnavailable
from iotstream.local.pki import Pki
from iotstream.pipeline import to_batch
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.sinks.timestream import access as access_module
from iotstream.sinks.timestream.access import open_access
from iotstream.sinks.timestream.discovery import RETRY_S, Endpoint, place_of
from iotstream.testing import raw_batch

SCHEMA = iotstream.Schema.load()
NOW = 1_734_604_200_000


def write(sink, rows=1):
    item = {"timestamp": NOW, "temperature": 1, "humidity": 1}
    payloads = [json.dumps(item | {"deviceId": f"d{row}"}).encode() for row in range(rows)]
    return sink.write(to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=NOW), SCHEMA)))


def make(deadline_s=30.0):
    names = {"database": "iot_timestream_db", "table": "iot_table"}
    return TimestreamSink(
        SCHEMA, TimestreamSettings(**names, deadline_s=deadline_s, base_s=0.001, cap_s=0.01)
    )


@pytest.fixture
def front(server, monkeypatch):
    """A server that knows where `server` is, and is asked as if it were the region's."""
    front = Server()
    front.described = 200, {"Endpoints": [{"Address": server.url, "CachePeriodInMinutes": 1440}]}
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", front.url)
    monkeypatch.setattr(access_module, "_is_regional", lambda url: True)
    yield front
    front.close()


def test_records_go_where_the_service_says_and_it_is_asked_once(front, server):
    sink = make()
    for _ in range(3):
        assert len(write(sink, 500)) == 0
    sink.close()
    assert front.times_described == 1
    assert front.bodies == []
    assert len(server.records) == 1500


def test_an_endpoint_past_its_time_is_asked_for_again_and_used_on_when_there_is_no_answer(front, server):
    front.described[1]["Endpoints"][0]["CachePeriodInMinutes"] = 0
    sink = make()
    write(sink)
    write(sink)
    assert front.times_described == 2
    front.described = error(503, "ServiceUnavailable")
    write(sink)
    asked = front.times_described
    write(sink)
    sink.close()
    assert asked > 2
    assert front.times_described == asked
    assert len(server.records) == 4


def test_an_endpoint_that_is_not_valid_any_more_is_asked_for_again(front, server):
    def script(body, number):
        return error(421, "InvalidEndpointException") if number == 0 else done(body)

    server.script = script
    sink = make()
    assert len(write(sink)) == 0
    sink.close()
    assert front.times_described == 2


def test_no_endpoint_within_the_deadline(front):
    front.described = error(503, "ServiceUnavailable", "not now")
    sink = make(deadline_s=5.0)
    with pytest.raises(SinkUnavailable, match=r"for 5 s; .*DescribeEndpoints.*not now"):
        write(sink)
    sink.close()


def test_no_right_to_ask_for_the_endpoint_is_said_at_once(front):
    front.described = error(403, "AccessDeniedException", "not authorized")
    sink = make()
    with pytest.raises(SinkUnavailable, match=r"not authorized.*timestream:DescribeEndpoints on \*"):
        write(sink)
    sink.close()
    assert front.times_described == 1


@pytest.mark.parametrize("name", ["AWS_ENABLE_ENDPOINT_DISCOVERY", "AWS_ENDPOINT_DISCOVERY_ENABLED"])
def test_without_an_endpoint_of_ones_own_it_is_discovered(monkeypatch, name):
    found = open_access()
    assert (found.region, found.url) == ("us-east-1", "https://ingest.timestream.us-east-1.amazonaws.com")
    assert found.describe is not None
    monkeypatch.setenv(name, "false")
    assert open_access().describe is None


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_TIMESTREAM_WRITE"])
def test_an_endpoint_of_ones_own_is_taken_as_it_is(monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:4566")
    found = open_access()
    assert (found.url, found.describe) == ("http://127.0.0.1:4566", None)


def test_an_endpoint_in_the_profile_is_taken(tmp_path):
    (tmp_path / "config").write_text(
        "[default]\nendpoint_url = http://127.0.0.1:1234/x\nregion = eu-west-1\n"
    )
    found = open_access()
    assert (found.url, found.describe) == ("http://127.0.0.1:1234/x", None)


CELL = "ingest-cell1.timestream.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (CELL, (f"https://{CELL}/", CELL, "/")),
        ("https://a.example:443", ("https://a.example:443/", "a.example", "/")),
        ("http://127.0.0.1:8080/x", ("http://127.0.0.1:8080/x", "127.0.0.1:8080", "/x")),
    ],
)
def test_places(address, place):
    assert place_of(address) == place


def test_the_endpoints_times():
    now, answers = [0.0], [("a", 100.0), OSError("down"), ("b", 100.0)]
    asked = []

    def describe():
        asked.append(now[0])
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def follow():
        endpoint, found = Endpoint("https://front", describe, lambda: now[0]), []
        for moment in (0.0, 99.0, 100.0, 100.0 + RETRY_S - 1, 100.0 + RETRY_S):
            now[0] = moment
            # At the same moment one asks and the others wait for the answer.
            places = await asyncio.gather(*(endpoint.current() for _ in range(3)))
            found.append({place.host for place in places})
        return found

    assert asyncio.run(follow()) == [{"a"}, {"a"}, {"a"}, {"a"}, {"b"}]
    assert asked == [0.0, 100.0, 100.0 + RETRY_S]


@pytest.fixture
def tls(tmp_path):
    pki = Pki(tmp_path / "pki")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    server = Server(context)
    server.ca = str(pki.ca)
    yield server
    server.close()


def test_tls_by_the_sdks_certificates(tls, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", tls.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", tls.ca)
    sink = make()
    assert len(write(sink)) == 0
    sink.close()
    assert len(tls.records) == 1


def test_a_server_that_nobody_vouches_for_gets_no_records(tls, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", tls.url)
    sink = make(deadline_s=0.3)
    with pytest.raises(SinkUnavailable, match="certificate verify failed"):
        write(sink)
    sink.close()
    assert tls.records == []
