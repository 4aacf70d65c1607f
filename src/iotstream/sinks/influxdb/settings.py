"""`InfluxSettings`: where the rows go and how hard the sink tries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from iotstream.errors import ConfigurationError

MAX_IN_FLIGHT = 256
MAX_LINES = 10_000
"""https://docs.influxdata.com/influxdb3/core/write-data/best-practices/optimize-writes/#batch-writes"""
_URL = re.compile(r"https?://[^/@?#\s]+(/[^@?#\s]*)?")
TOKEN = re.compile(r"[!-~]+")
"""What may stand in a header: https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
_SECRETS = ("token", "password")


class Version(StrEnum):
    """InfluxDB's write APIs: `/write`, `/api/v2/write`, `/api/v3/write_lp`."""

    V1 = "v1"
    V2 = "v2"
    V3 = "v3"


@dataclass(frozen=True, kw_only=True)
class InfluxSettings:
    """Where the rows go and how hard the sink tries.

    Attributes:
        url: of the server; what comes after the host is put before the API's path.
        version: of the write API.
        database: must exist (v3 makes it); for v2 it is the bucket.
        org: v2: the organization.
        token: v2, v3, and v1 where the server takes one.
        token_secret: Secrets Manager's name or ARN of the token, or of JSON with `token`, or with `username`
            and `password`; read when it is first needed, and again when the server refuses what it held.
        username, password: v1.
        in_flight: write calls under way at once, at most.
        lines_per_call: points in one call, at most.
        gzip: whether bodies are compressed.
        deadline_s: how long one `write` may take with all its retries, seconds.
        timeout_s: how long one call may take, seconds.
        base_s, cap_s: of the backoff between tries of a call, seconds; see `iotstream.retry.Backoff`.

    Raises:
        ConfigurationError: a value is out of its bounds, or doesn't go with another. Secrets are not in it.
    """

    url: str
    database: str
    version: str = Version.V2
    org: str = ""
    token: str = field(default="", repr=False)
    token_secret: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    in_flight: int = 4
    lines_per_call: int = 5_000
    gzip: bool = True
    deadline_s: float = 60.0
    timeout_s: float = 10.0
    base_s: float = 0.1
    cap_s: float = 5.0

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            self._refuse("url", "http://host:port or https://host:port, without a user, ? or #")
        if self.version not in list(Version):
            self._refuse("version", f"one of {', '.join(Version)}")
        for key in ("database", *(("org",) if self.version == Version.V2 else ())):
            if not getattr(self, key):
                self._refuse(key, f"its name, which {self.version} needs")
        self._check_credentials()
        if not 1 <= self.in_flight <= MAX_IN_FLIGHT:
            self._refuse("in_flight", f"a whole number from 1 to {MAX_IN_FLIGHT:,}")
        if not 1 <= self.lines_per_call <= MAX_LINES:
            self._refuse("lines_per_call", f"a whole number from 1 to {MAX_LINES:,}")
        for key in ("deadline_s", "timeout_s", "base_s", "cap_s"):
            if not 0 < getattr(self, key) < math.inf:
                self._refuse(key, "seconds, a number above 0")

    def _check_credentials(self) -> None:
        if self.token and not TOKEN.fullmatch(self.token):
            self._refuse("token", "printable ASCII without spaces")
        given = [key for key in ("token", "token_secret", "username") if getattr(self, key)]
        if len(given) > 1:
            self._refuse(given[1], f"empty where influxdb.{given[0]} is set")
        if self.password and not self.username:
            self._refuse("password", "empty without influxdb.username")
        if self.username and self.version != Version.V1:
            self._refuse("username", f"empty: {self.version} takes a token (influxdb.token, token_secret)")
        if not given and self.version == Version.V2:
            self._refuse("token", "a token with write access to the bucket, or set influxdb.token_secret")

    def _refuse(self, key: str, allowed: str) -> NoReturn:
        value = getattr(self, key)
        shown = "…" if value and key in _SECRETS else repr(value)
        if key == "url":  # it may hold a password
            shown = re.sub(r"[^/@]*@", "…@", shown)
        raise ConfigurationError(f"influxdb.{key} = {shown}: {allowed}")
