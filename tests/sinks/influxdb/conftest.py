"""A scripted InfluxDB, the real one where it is installed, and an environment that is nobody's account."""

import pytest
from influxd import Influxd, Influxd2, find, find_v2
from scripted_influxdb import Server

import needs


@pytest.fixture(params=["v1", "v2", "v3"])
def server(request):
    server = Server(request.param)
    yield server
    server.close()
    assert server.wrong == []


@pytest.fixture(scope="session")
def influxd(tmp_path_factory):
    if find() is None:
        needs.missing("influxd is not installed (scripts/install-influxdb)")
    one = Influxd(tmp_path_factory.mktemp("influxd"))
    yield one
    one.close()


@pytest.fixture(scope="session")
def influxd2(tmp_path_factory):
    if find_v2() is None:
        pytest.skip("no influxd 2.x (scripts/build-influxdb2; needs Go and Rust)")
    one = Influxd2(tmp_path_factory.mktemp("influxd2"))
    yield one
    one.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No one's own AWS settings."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
