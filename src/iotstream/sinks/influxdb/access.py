"""`Access`: the header by which a write is authorized; what Secrets Manager holds, read when it is needed."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from typing import Any

import orjson

from iotstream.aws_region import region_of
from iotstream.errors import ConfigurationError, MissingDependencyError, SinkUnavailable
from iotstream.sinks.influxdb.settings import TOKEN, InfluxSettings, Version

_SCHEMES = {Version.V1: "Token", Version.V2: "Token", Version.V3: "Bearer"}
"""https://docs.influxdata.com/influxdb3/core/api/v3/#section/Authentication"""


class Access:
    """The `Authorization` of this moment. Threads may share it.

    Args:
        settings: the credentials, or where they are.
        read_secret: reads the secret; None = from Secrets Manager.

    Raises:
        ConfigurationError: no region, or the SDK's configuration is wrong.
        MissingDependencyError: a secret is named and botocore is not installed.
    """

    def __init__(self, settings: InfluxSettings, read_secret: Callable[[], str] | None = None) -> None:
        self._version = Version(settings.version)
        self._secret = settings.token_secret
        self._lock = threading.Lock()
        self._read: Callable[[], str] | None = None
        self._current: str | None = None
        if self._secret:
            self._read = read_secret or _secret_reader(self._secret)
        else:
            self._current = _header(self._version, settings.token, settings.username, settings.password)

    def authorization(self) -> str:
        """The header's value; "" = none.

        Raises:
            SinkUnavailable: the secret can't be read, or holds no token.
        """
        with self._lock:
            if self._current is None:
                self._current = self._fetch()
            return self._current

    def renewed(self, refused: str) -> str:
        """The header's value after the server refused one: another, if there is another.

        Raises:
            SinkUnavailable: as above.
        """
        with self._lock:
            # Calls in flight are refused together: the first one reads, the others get what it read.
            if self._read is not None and self._current in (refused, None):
                self._current = self._fetch()
            return self._current or ""

    def _fetch(self) -> str:
        assert self._read is not None
        text = self._read().strip()
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            document = {"token": text}
        keys = ("token", "username", "password")
        token, username, password = (str(document.get(key) or "").strip() for key in keys)
        if not (TOKEN.fullmatch(token) or (self._version is Version.V1 and username and not token)):
            raise SinkUnavailable(
                f"secret {self._secret!r} holds no token: store the token itself, or JSON with the key token"
                + (", or username and password" if self._version is Version.V1 else "")
            )
        return _header(self._version, token, username, password)


def _header(version: Version, token: str, username: str, password: str) -> str:
    if token:
        return f"{_SCHEMES[version]} {token}"
    if username:
        return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
    return ""


def _secret_reader(secret: str) -> Callable[[], str]:
    try:
        import botocore.session  # noqa: PLC0415 - a third of a second that only a secret's user spends
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "influxdb.token_secret needs botocore: pip install 'iotstream[aws]'"
        ) from error
    region = secret.split(":")[3] if secret.startswith("arn:") and secret.count(":") > 3 else ""
    config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    try:
        client: Any = botocore.session.Session().create_client(
            "secretsmanager", region_name=region or region_of(os.environ), config=config
        )
    except BotoCoreError as error:
        raise ConfigurationError(f"influxdb.token_secret = {secret!r}: {error} Set AWS_REGION.") from error

    def read() -> str:
        try:
            return str(client.get_secret_value(SecretId=secret).get("SecretString") or "")
        except (BotoCoreError, ClientError) as error:
            raise SinkUnavailable(
                f"secret {secret!r} can't be read: {error} (allow secretsmanager:GetSecretValue on it, and "
                "kms:Decrypt on its key)"
            ) from error

    return read
