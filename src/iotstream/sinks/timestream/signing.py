"""Signature Version 4 for POSTs of JSON; what requests have in common is made once a second. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
CONTENT_TYPE = "application/x-amz-json-1.0"


class Credentials(NamedTuple):
    """What requests are signed with; `token` is "" for long-term credentials."""

    access_key: str
    secret_key: str
    token: str = ""


class _Frame(NamedTuple):
    """What is the same in all requests of a second: all but the body's hash and the signature."""

    asked: tuple[Credentials, str, str, str, int]
    signed: dict[str, str]
    request: bytes
    text: bytes
    authorization: str
    key: bytes


class Signer:
    """Signs requests of one service in one region.

    Args:
        region: the region's name.
        service: the service's signing name.
    """

    def __init__(self, region: str, service: str) -> None:
        self._region = region
        self._service = service
        self._frame: _Frame | None = None

    def headers(
        self, credentials: Credentials, *, host: str, path: str, operation: str, body: bytes, now: float
    ) -> dict[str, str]:
        """All headers of a signed POST but its length.

        Args:
            credentials: who asks.
            host: as in the `Host` header: with the port where it isn't the scheme's own.
            path: of the URL, percent-encoded; "/" at least.
            operation: the value of `X-Amz-Target`.
            body: as it is sent.
            now: seconds since the epoch.
        """
        asked = (credentials, host, path, operation, int(now))
        frame = self._frame
        if frame is None or frame.asked != asked:
            frame = self._frame = self._make_frame(asked)
        request = hashlib.sha256(frame.request + hashlib.sha256(body).hexdigest().encode()).hexdigest()
        signature = hmac.digest(frame.key, frame.text + request.encode(), "sha256").hex()
        return {**frame.signed, "authorization": frame.authorization + signature}

    def _make_frame(self, asked: tuple[Credentials, str, str, str, int]) -> _Frame:
        credentials, host, path, operation, second = asked
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        signed = {"content-type": CONTENT_TYPE, "host": host, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        signed["x-amz-target"] = operation
        names = ";".join(signed)
        lines = "\n".join(f"{name}:{value}" for name, value in signed.items())
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        return _Frame(
            asked=asked,
            signed=signed,
            request=f"POST\n{path}\n\n{lines}\n\n{names}\n".encode(),
            text=f"{ALGORITHM}\n{moment}\n{scope}\n".encode(),
            authorization=f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature=",
            key=self._key(credentials.secret_key, moment[:8]),
        )

    def _key(self, secret_key: str, day: str) -> bytes:
        key = f"AWS4{secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
