"""Real servers, as programs of their own on free ports, with their data in a folder.

InfluxDB 1.6.7 is Debian's (scripts/install-influxdb); 2.7 is built from source where there is Go and Rust
(scripts/build-influxdb2), and found by INFLUXD2 or as `influxd2` on the path.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

READY_TIMEOUT_S = 60.0
USER, PASSWORD = "writer", "pa:ss wörd"

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
index-version = "inmem"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
auth-enabled = {auth}
log-enabled = false
max-body-size = {max_body_size}
[monitor]
store-enabled = false
[subscriber]
enabled = false
[continuous_queries]
enabled = false
"""


def find() -> str | None:
    """The path of influxd, if it is installed."""
    return shutil.which("influxd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def find_v2() -> str | None:
    """The path of an influxd 2.x, if there is one."""
    return os.environ.get("INFLUXD2") or shutil.which("influxd2")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class _Program:
    """A running server; `close` ends it."""

    def __init__(self, directory: Path, arguments: list[str], port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(arguments, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def request(self, path: str, data: bytes, **headers: str) -> dict:
        asked = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(asked, timeout=30) as response:
            return json.load(response)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait(self) -> None:
        ends = time.monotonic() + READY_TIMEOUT_S
        while True:
            assert self._process.poll() is None, Path(self._log.name).read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=5):
                    return
            except OSError:
                assert time.monotonic() < ends, "the server is not ready"
                time.sleep(0.05)


def _series(document: dict) -> list[dict]:
    (result,) = document["results"]
    assert "error" not in result, result
    return result.get("series", [])


def points(series: list[dict]) -> list[dict]:
    """Each point as a dict of what is not null, by time."""
    return [
        {key: value for key, value in zip(one["columns"], row, strict=True) if value is not None}
        for one in series
        for row in one["values"]
    ]


class Influxd(_Program):
    """InfluxDB 1.6.7."""

    def __init__(
        self, directory: Path, *, auth: bool = False, max_body_size: int = 25_000_000, port: int = 0
    ) -> None:
        influxd, port, config = find(), port or _free_port(), directory / "influxdb.conf"
        assert influxd is not None
        config.write_text(
            _CONFIG.format(
                directory=directory,
                http=port,
                rpc=_free_port(),
                auth=str(auth).lower(),
                max_body_size=max_body_size,
            )
        )
        self._auth = auth
        super().__init__(directory, [influxd, "-config", str(config)], port)
        if auth:
            self.query(f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")

    def query(self, text: str, database: str = "") -> list[dict]:
        """The series of an InfluxQL statement's answer."""
        form = {"q": text, "db": database, "epoch": "ms"}
        user = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {user}"} if self._auth else {}
        return _series(self.request("/query", urllib.parse.urlencode(form).encode(), **headers))


class Influxd2(_Program):
    """InfluxDB 2.x, set up with an organization, a bucket and a token."""

    org, token, bucket = "my org", "t0ken==", "iot"

    def __init__(self, directory: Path) -> None:
        influxd, port = find_v2(), _free_port()
        assert influxd is not None
        arguments = [
            influxd,
            *("--bolt-path", str(directory / "bolt")),
            *("--sqlite-path", str(directory / "sqlite")),
            *("--engine-path", str(directory / "engine")),
            *("--http-bind-address", f"127.0.0.1:{port}"),
            "--reporting-disabled",
        ]
        super().__init__(directory, arguments, port)
        setup = {
            "username": "u",
            "password": PASSWORD,
            "org": self.org,
            "bucket": self.bucket,
            "token": self.token,
        }
        answer = self.request("/api/v2/setup", json.dumps(setup).encode())
        self.org_id = answer["org"]["id"]

    def create_bucket(self, name: str, retention_s: int = 0) -> None:
        rules = [{"type": "expire", "everySeconds": retention_s}] if retention_s else []
        document = {"orgID": self.org_id, "name": name, "retentionRules": rules}
        self.request("/api/v2/buckets", json.dumps(document).encode(), Authorization=f"Token {self.token}")

    def query(self, text: str, database: str) -> list[dict]:
        """The series of an InfluxQL statement's answer."""
        form = {"q": text, "db": database, "epoch": "ms"}
        data = urllib.parse.urlencode(form).encode()
        return _series(self.request("/query", data, Authorization=f"Token {self.token}"))
