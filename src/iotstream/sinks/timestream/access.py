"""`Access`: what the SDK's own settings say: region, endpoint, credentials, certificates.

Of boto3 only botocore is needed, and of its client only the endpoint and `DescribeEndpoints`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from iotstream.aws_region import region_of
from iotstream.errors import ConfigurationError, MissingDependencyError, SinkUnavailable
from iotstream.sinks.timestream.signing import Credentials

SERVICE = "timestream-write"
_REGIONAL_HOSTS = ("ingest.timestream", "timestream-ingest")
"""How the hosts that only DescribeEndpoints is for begin; any other was set by the user."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach Timestream.

    Attributes:
        region: the region's name.
        url: the configured endpoint, or the region's.
        ca_bundle: file of the authorities that a server's certificate is checked against.
        credentials: the credentials of this moment, renewed where they can be; raises SinkUnavailable.
        describe: DescribeEndpoints: an address and the seconds for which it holds, raising botocore's
            errors; None where `url` itself takes the records.
    """

    region: str
    url: str
    ca_bundle: str
    credentials: Callable[[], Credentials]
    describe: Callable[[], tuple[str, float]] | None


def open_access(session: Any = None) -> Access:
    """What the environment and the SDK's files say.

    Endpoints are discovered by DescribeEndpoints, but not where one is configured
    (`AWS_ENDPOINT_URL_TIMESTREAM_WRITE`, `AWS_ENDPOINT_URL`, or `endpoint_url` in the profile), and not
    if `AWS_ENABLE_ENDPOINT_DISCOVERY` (or botocore's `AWS_ENDPOINT_DISCOVERY_ENABLED`) is false.

    Args:
        session: a `botocore.session.Session`; None = a new one.

    Raises:
        ConfigurationError: no region or no credentials, or the SDK's configuration is wrong.
        MissingDependencyError: botocore is not installed.
    """
    try:
        import botocore.session  # noqa: PLC0415 - a third of a second that only a sink's user spends
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.httpsession import get_cert_path  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "the Timestream sink needs botocore: pip install 'iotstream[aws]'"
        ) from error
    session = session or botocore.session.Session()
    config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    try:
        client = session.create_client(SERVICE, region_name=region_of(os.environ), config=config)
        provider = session.get_credentials()
        discovery = _discovery(session.get_config_variable("endpoint_discovery_enabled"))
        bundle = session.get_config_variable("ca_bundle") or get_cert_path(True)
    except BotoCoreError as error:
        raise ConfigurationError(f"Timestream: {error}{_advice(error)}") from error
    if provider is None:
        raise ConfigurationError(
            "Timestream: no AWS credentials: give the Lambda function, task or instance a role, or set "
            "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    url = client.meta.endpoint_url
    return Access(
        region=client.meta.region_name,
        url=url,
        ca_bundle=bundle,
        credentials=lambda: _freeze(provider),
        describe=(lambda: _describe(client)) if discovery and _is_regional(url) else None,
    )


def _discovery(configured: object) -> bool:
    # botocore reads another variable than the other SDKs:
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoint-discovery.html
    general = os.environ.get("AWS_ENABLE_ENDPOINT_DISCOVERY", "")
    return "false" not in {general.strip().lower(), str(configured).strip().lower()}


def _advice(error: Exception) -> str:
    return " Set AWS_REGION." if type(error).__name__ == "NoRegionError" else ""


def _is_regional(url: str) -> bool:
    return (urlsplit(url).hostname or "").startswith(_REGIONAL_HOSTS)


def _freeze(provider: Any) -> Credentials:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        frozen = provider.get_frozen_credentials()
    # RuntimeError: botocore's, where renewed credentials are out of date already.
    except (BotoCoreError, ClientError, RuntimeError, OSError) as error:
        raise SinkUnavailable(f"Timestream: the AWS credentials can't be renewed: {error}") from error
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def _describe(client: Any) -> tuple[str, float]:
    endpoint = client.describe_endpoints()["Endpoints"][0]
    return endpoint["Address"], endpoint["CachePeriodInMinutes"] * 60.0
