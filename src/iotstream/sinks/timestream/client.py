"""`Client`: one WriteRecords call: endpoint, signature, HTTP, answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable

from iotstream.errors import ConfigurationError
from iotstream.sinks.calls.answers import Answer, Kind
from iotstream.sinks.calls.http import Pool
from iotstream.sinks.timestream.access import Access
from iotstream.sinks.timestream.answers import hint, read_answer
from iotstream.sinks.timestream.discovery import Endpoint, Place
from iotstream.sinks.timestream.request import Body
from iotstream.sinks.timestream.settings import TimestreamSettings
from iotstream.sinks.timestream.signing import Credentials, Signer

SIGNING_NAME = "timestream"
WRITE_RECORDS = "Timestream_20181101.WriteRecords"
USER_AGENT = "iotstream"


class Client:
    """Calls over keep-alive connections. Made, used and closed in one event loop.

    Args:
        access: endpoint, credentials, certificates.
        settings: how many connections, how long a call.
        clock: seconds since the epoch; for signatures.

    Raises:
        ConfigurationError: the file of certificates can't be read.
    """

    def __init__(self, access: Access, settings: TimestreamSettings, clock: Callable[[], float]) -> None:
        self._access = access
        self._clock = clock
        self._signer = Signer(access.region, SIGNING_NAME)
        self._endpoint = Endpoint(access.url, access.describe, time.monotonic)
        self._pool = Pool(_tls_context(access), settings.timeout_s)
        self.address = access.url
        self.credentials: Credentials | None = None

    async def call(self, body: Body) -> Answer:
        """Send it once. No error of the network or the service is raised."""
        try:
            place = await self._endpoint.current()
        except Exception as error:  # noqa: BLE001 - whatever botocore raises
            return _undiscovered(error)
        try:
            answer = await self._post(place, body)
        except (OSError, ValueError) as error:
            return Answer(Kind.AGAIN, str(error) or type(error).__name__)
        if answer.kind is Kind.ELSEWHERE:
            self._endpoint.forget(place)
            return answer._replace(kind=Kind.AGAIN)
        return await self._renew(answer) if answer.kind is Kind.EXPIRED else answer

    async def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    async def _post(self, place: Place, body: Body) -> Answer:
        self.address = place.url
        payload = body.payload
        assert self.credentials is not None
        headers = self._signer.headers(
            self.credentials,
            host=place.host,
            path=place.path,
            operation=WRITE_RECORDS,
            body=payload,
            now=self._clock(),
        )
        headers["user-agent"] = USER_AGENT
        response = await self._pool.post(place.url, headers, payload)
        return read_answer(response.status, response.headers, response.body, records=len(body))

    async def _renew(self, answer: Answer) -> Answer:
        """Try again with new credentials, if there are any."""
        old = self.credentials
        new = await asyncio.to_thread(self._access.credentials)
        if new == old:
            return Answer(Kind.FATAL, f"{answer.text} (renew the AWS credentials)")
        self.credentials = new
        return answer._replace(kind=Kind.AGAIN)


def _tls_context(access: Access) -> ssl.SSLContext | None:
    if access.describe is None and access.url.startswith("http:"):
        return None
    try:
        return ssl.create_default_context(cafile=access.ca_bundle)
    except OSError as error:
        raise ConfigurationError(
            f"AWS_CA_BUNDLE = {access.ca_bundle!r}: a readable file of PEM certificates ({error})"
        ) from error


def _undiscovered(error: Exception) -> Answer:
    response = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code", "")
    text = f"DescribeEndpoints: {error}{hint(code)}"
    return Answer(Kind.FATAL if hint(code) else Kind.AGAIN, text)
