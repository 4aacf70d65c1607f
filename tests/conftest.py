"""What all tests share."""

import gc
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from iotstream.local.process import ServiceProcess

sys.path.append(str(Path(__file__).parent))  # for tests in folders: `import needs`

# Machines are shared: how long an example takes says nothing.
settings.register_profile(
    "iotstream", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("iotstream")


@pytest.fixture(autouse=True, scope="module")
def _leaks_are_told_where_they_are():
    """A socket or file left open fails its own module, not one that runs when the collector does."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def aws():
    """The variables of a local AWS: S3, DynamoDB, Glue; names in it must be a test's own."""
    service = ServiceProcess("iotstream.local.aws")
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{service.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
    service.stop()


@pytest.fixture
def kinesis(monkeypatch):
    """A local Kinesis with a stream `s`, which the SDKs find by their variables."""
    from kinesis_stand import CREDENTIALS, Stand

    one = Stand()
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_KINESIS": one.endpoint}.items():
        monkeypatch.setenv(name, value)
    yield one
    one.close()
