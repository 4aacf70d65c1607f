"""Where and as whom devices publish: the local broker, AWS IoT Core, any other with client certificates."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from iotstream.errors import ConfigurationError
from iotstream.retry import Backoff

DEFAULT_PORT = 8883
DEFAULT_TOPIC = "topic/mqtt"
# https://docs.aws.amazon.com/general/latest/gr/iot-core.html (message broker limits)
MAX_PAYLOAD_BYTES = 128 * 1024


class CertificateFiles(Protocol):
    """The PEM files with which one device connects."""

    @property
    def ca(self) -> Path:
        """The certificate of the CA that signed the broker's (for AWS IoT Core: AmazonRootCA1.pem)."""

    @property
    def certificate(self) -> Path:
        """The device's certificate."""

    @property
    def key(self) -> Path:
        """The device's private key."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How the devices reach the broker.

    Attributes:
        host: the broker's name; its certificate must bear it.
        port: its port.
        credentials: device → its files. The device's name is its client id.
        topic: a device publishes on `<topic>/<its name>`.
        topics: devices that publish elsewhere, and where (the test client, on the bare topic).
        max_inflight: messages of a device that may be without acknowledgement at a time.
        keep_alive_s: MQTT's keep-alive time, seconds.
        connect_timeout_s: how long to wait for the broker's answer to CONNECT, seconds. A refused
            certificate shows as silence until then.
        timeout_s: how long to wait for an acknowledgement before the connection is made anew, seconds.
        backoff: the pauses between attempts to connect; when they are used up without a single
            acknowledgement in between, the device gives up.
    """

    host: str
    port: int = DEFAULT_PORT
    credentials: Mapping[str, CertificateFiles]
    topic: str = DEFAULT_TOPIC
    topics: Mapping[str, str] | None = None
    max_inflight: int = 20
    keep_alive_s: int = 60
    connect_timeout_s: float = 5.0
    timeout_s: float = 20.0
    backoff: Backoff = Backoff()  # noqa: RUF009 - frozen

    def topic_of(self, device: str) -> str:
        """Where `device` publishes."""
        return (self.topics or {}).get(device, f"{self.topic}/{device}")

    def context(self, device: str) -> ssl.SSLContext:
        """TLS 1.2 or later with the device's certificate.

        Raises:
            ConfigurationError: the device has no files, or they cannot be used.
        """
        files = self.credentials.get(device)
        if files is None:
            raise ConfigurationError(
                f"device {device!r} has no certificate; given are {len(self.credentials)}"
            )
        try:
            context = ssl.create_default_context(cafile=files.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(files.certificate, files.key)
        except (OSError, ssl.SSLError) as error:
            places = f"{files.ca}, {files.certificate}, {files.key}"
            raise ConfigurationError(f"device {device!r}: its files ({places}): {error}") from error
        return context
