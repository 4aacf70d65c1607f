"""`Client`: one WriteRecords call: endpoint, signature, HTTP, answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.request import getproxies

from iotstream.errors import MissingDependencyError
from iotstream.sinks.timestream.access import Access
from iotstream.sinks.timestream.answers import Answer, Kind, hint, read_answer
from iotstream.sinks.timestream.discovery import Endpoint, Place
from iotstream.sinks.timestream.request import Body
from iotstream.sinks.timestream.settings import TimestreamSettings
from iotstream.sinks.timestream.signing import Credentials, Signer

SIGNING_NAME = "timestream"
WRITE_RECORDS = "Timestream_20181101.WriteRecords"
KEEP_ALIVE_S = 60.0
USER_AGENT = "iotstream"


class Client:
    """Calls over keep-alive connections. Made, used and closed in one event loop.

    Args:
        access: endpoint, credentials, certificates.
        settings: how many connections, how long a call.
        clock: seconds since the epoch; for signatures.

    Raises:
        MissingDependencyError: aiohttp is not installed.
    """

    def __init__(self, access: Access, settings: TimestreamSettings, clock: Callable[[], float]) -> None:
        self._access = access
        self._clock = clock
        self._signer = Signer(access.region, SIGNING_NAME)
        self._endpoint = Endpoint(access.url, access.describe, time.monotonic)
        self._http = _open_http(access, settings)
        self._urls: dict[str, Any] = {}
        self.address = access.url
        self.credentials: Credentials | None = None

    async def call(self, body: Body) -> Answer:
        """Send it once. No error of the network or the service is raised."""
        import aiohttp  # noqa: PLC0415 - loaded by then

        try:
            place = await self._endpoint.current()
        except Exception as error:  # noqa: BLE001 - whatever botocore raises
            return _undiscovered(error)
        try:
            answer = await self._post(place, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(Kind.AGAIN, str(error) or type(error).__name__)
        if answer.kind is Kind.ELSEWHERE:
            self._endpoint.forget(place)
            return answer._replace(kind=Kind.AGAIN)
        return await self._renew(answer) if answer.kind is Kind.EXPIRED else answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

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
        async with self._http.post(
            self._url(place.url), data=payload, headers=headers, allow_redirects=False
        ) as response:
            return read_answer(response.status, response.headers, await response.read(), records=len(body))

    def _url(self, text: str) -> Any:
        if text not in self._urls:
            import yarl  # noqa: PLC0415 - aiohttp's own

            self._urls = {text: yarl.URL(text, encoded=True)}
        return self._urls[text]

    async def _renew(self, answer: Answer) -> Answer:
        """Try again with new credentials, if there are any."""
        old = self.credentials
        new = await asyncio.to_thread(self._access.credentials)
        if new == old:
            return Answer(Kind.FATAL, f"{answer.text} (renew the AWS credentials)")
        self.credentials = new
        return answer._replace(kind=Kind.AGAIN)


def _open_http(access: Access, settings: TimestreamSettings) -> Any:
    try:
        import aiohttp  # noqa: PLC0415 - a quarter of a second that only a sink's user spends
    except ImportError as error:
        raise MissingDependencyError(
            "the Timestream sink needs aiohttp: pip install 'iotstream[aws]'"
        ) from error
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=settings.in_flight,
            ssl=ssl.create_default_context(cafile=access.ca_bundle),
            keepalive_timeout=KEEP_ALIVE_S,
        ),
        timeout=aiohttp.ClientTimeout(total=settings.timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        # Looking for proxies costs each call as much as signing it.
        trust_env=bool(getproxies()),
    )


def _undiscovered(error: Exception) -> Answer:
    response = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code", "")
    text = f"DescribeEndpoints: {error}{hint(code)}"
    return Answer(Kind.FATAL if hint(code) else Kind.AGAIN, text)
