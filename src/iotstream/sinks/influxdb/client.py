"""`Client`: one write call: authorization, compression, HTTP, answer."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from iotstream.errors import SinkUnavailable
from iotstream.sinks.calls.answers import Answer, Kind
from iotstream.sinks.calls.http import Pool
from iotstream.sinks.influxdb.access import Access
from iotstream.sinks.influxdb.answers import read_answer
from iotstream.sinks.influxdb.lines import Body
from iotstream.sinks.influxdb.settings import InfluxSettings, Version

GZIP_LEVEL = 1
USER_AGENT = "iotstream"


class Client:
    """Calls over keep-alive connections. Made, used and closed in one event loop.

    Args:
        access: the authorization.
        settings: where to, how many connections, how long a call.
    """

    def __init__(self, access: Access, settings: InfluxSettings) -> None:
        self._access = access
        self._version = Version(settings.version)
        self._gzip = settings.gzip
        self._url = write_url(settings)
        self._headers = _headers(settings)
        encrypted = settings.url.startswith("https:")
        self._pool = Pool(ssl.create_default_context() if encrypted else None, settings.timeout_s)

    async def call(self, body: Body) -> Answer:
        """Send it once. No error of the network or the service is raised.

        Raises:
            SinkUnavailable: the secret with the token can't be read.
        """
        authorization = await asyncio.to_thread(self._access.authorization)
        headers = {**self._headers, **({"authorization": authorization} if authorization else {})}
        payload = await asyncio.to_thread(self._compressed, body)
        try:
            response = await self._pool.post(self._url, headers, payload)
        except (OSError, ValueError) as error:
            return Answer(Kind.AGAIN, str(error) or type(error).__name__)
        answer = read_answer(
            response.status,
            response.headers,
            response.body,
            version=self._version,
            lines=len(body),
            now=time.time(),
        )
        return await self._renew(answer, authorization) if answer.kind is Kind.EXPIRED else answer

    async def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _compressed(self, body: Body) -> bytes:
        return gzip.compress(body.payload, GZIP_LEVEL, mtime=0) if self._gzip else bytes(body.payload)

    async def _renew(self, answer: Answer, refused: str) -> Answer:
        """Try again with another token, if there is one."""
        try:
            other = await asyncio.to_thread(self._access.renewed, refused)
        except SinkUnavailable as error:
            return Answer(Kind.FATAL, f"{answer.text}; {error}")
        return answer._replace(kind=Kind.FATAL if other == refused else Kind.AGAIN)


def write_url(settings: InfluxSettings) -> str:
    """The write API's URL, with the precision of our times, ms."""
    paths: Mapping[str, tuple[str, dict[str, str]]] = {
        Version.V1: ("/write", {"db": settings.database, "precision": "ms"}),
        Version.V2: (
            "/api/v2/write",
            {"org": settings.org, "bucket": settings.database, "precision": "ms"},
        ),
        # The short names of precisions came later than the long ones.
        Version.V3: (
            "/api/v3/write_lp",
            {"db": settings.database, "precision": "millisecond", "accept_partial": "true"},
        ),
    }
    path, query = paths[settings.version]
    return f"{settings.url.rstrip('/')}{path}?{urlencode(query)}"


def _headers(settings: InfluxSettings) -> dict[str, str]:
    headers = {
        "host": urlsplit(settings.url).netloc,
        "content-type": "text/plain; charset=utf-8",
        "accept": "application/json",
        "user-agent": USER_AGENT,
    }
    return headers | ({"content-encoding": "gzip"} if settings.gzip else {})
