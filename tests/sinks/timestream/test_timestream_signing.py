"""Signatures equal botocore's, byte for byte."""

import datetime as dt

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from iotstream.sinks.timestream.signing import Credentials, Signer

KEY = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def botocore_headers(credentials, region, *, url, operation, body, now):
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    request = AWSRequest(
        "POST",
        url,
        headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": operation},
        data=body,
    )
    theirs = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token or None)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
        SigV4Auth(theirs, "timestream", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    credentials=st.builds(Credentials, KEY, KEY, st.just("") | KEY),
    region=st.sampled_from(["us-east-1", "ap-southeast-2"]),
    host=st.sampled_from(
        ["ingest-cell1.timestream.us-east-1.amazonaws.com", "127.0.0.1:8080", "example.com"]
    ),
    path=st.sampled_from(["/", "/timestream"]),
    body=st.binary(max_size=300),
    now=st.integers(0, 4_102_444_800),
)
def test_headers_equal_botocores(credentials, region, host, path, body, now):  # noqa: PLR0917 - drawn
    operation = "Timestream_20181101.WriteRecords"
    ours = Signer(region, "timestream").headers(
        credentials, host=host, path=path, operation=operation, body=body, now=now
    )
    theirs = botocore_headers(
        credentials, region, url=f"https://{host}{path}", operation=operation, body=body, now=now
    )
    host_header = ours.pop("host")
    assert host_header == host
    assert ours == theirs


def test_the_kept_key_follows_the_day_and_the_secret():
    signer, body = Signer("us-east-1", "timestream"), b"{}"
    first, second = Credentials("a", "one"), Credentials("a", "two")
    for credentials, now in ((first, 0), (second, 0), (second, 86_400), (first, 86_400), (first, 0)):
        kept = signer.headers(credentials, host="h", path="/", operation="o", body=body, now=now)
        fresh = Signer("us-east-1", "timestream")
        assert kept == fresh.headers(credentials, host="h", path="/", operation="o", body=body, now=now)
