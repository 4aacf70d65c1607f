"""Mosquitto 2 as the broker: its configuration from our policy, and the process.

It differs from the embedded broker, and from AWS IoT Core, in two points that MQTT 3.1.1 leaves open:
a message that its policy forbids is acknowledged and dropped, the connection stays open; and a client
id that is not the certificate's name is replaced by it rather than refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
import socket
import time
from pathlib import Path

from iotstream.errors import LocalStackError
from iotstream.local.broker.embedded import HOST
from iotstream.local.broker.packets import MAX_PAYLOAD_BYTES
from iotstream.local.broker.policy import Policy
from iotstream.local.broker.session import MAX_INFLIGHT
from iotstream.local.pki import ClientFiles

# Debian keeps it where only root's PATH looks.
_PATHS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0


def find() -> str | None:
    """The path of `mosquitto`; None when it isn't installed."""
    found = (shutil.which("mosquitto", path=path) for path in (None, *_PATHS))
    return next((path for path in found if path), None)


def configuration(*, port: int, server: ClientFiles, acl: Path, user: str) -> str:
    """The text of mosquitto.conf: one listener on 127.0.0.1, TLS 1.2 and later, certificates required."""
    return "\n".join(
        (
            f"listener {port} {HOST}",
            f"cafile {server.ca}",
            f"certfile {server.certificate}",
            f"keyfile {server.key}",
            "tls_version tlsv1.2",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "max_qos 1",
            # Else acknowledgements wait for the peer: 40 ms each.
            "set_tcp_nodelay true",
            "allow_anonymous false",
            f"acl_file {acl}",
            # Without it root's mosquitto becomes another user, who cannot read the keys.
            f"user {user}",
            f"message_size_limit {MAX_PAYLOAD_BYTES}",
            f"max_inflight_messages {MAX_INFLIGHT}",
            # The messages of an absent rule engine wait for it, however many.
            "max_queued_messages 0",
            "max_queued_bytes 0",
            "persistence false",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "",
        )
    )


def access_list(policy: Policy) -> str:
    """The text of the ACL file: `%u` is the certificate's common name.

    A user's own section comes before the patterns, and what neither allows is denied.
    """
    return "\n".join(
        (
            f"user {policy.test_client}",
            f"topic write {policy.topic}",
            "",
            f"user {policy.rule_engine}",
            "topic read #",
            f"topic deny {policy.device_topic(policy.rule_engine)}",
            "",
            f"pattern write {policy.topic}/%u",
            "",
        )
    )


class Mosquitto:
    """A running Mosquitto.

    Args:
        directory: where its configuration goes.
        server: the server's certificate and key.
        policy: who may do what.
    """

    def __init__(self, directory: Path, server: ClientFiles, policy: Policy) -> None:
        self._configuration, self._acl = directory / "mosquitto.conf", directory / "mosquitto.acl"
        self._server, self._policy = server, policy
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, port: int = 0) -> int:
        """Start it, wait until it listens, and return the port.

        Raises:
            LocalStackError: it isn't installed, or ended at once; its log went to stderr.
        """
        program = find()
        if program is None:
            raise LocalStackError(
                "mosquitto was not found on PATH or in /usr/sbin: apt-get install mosquitto"
            )
        # Mosquitto has no port 0 of its own; should someone take the port meanwhile, it ends and says so.
        port = port or _free_port()
        self._acl.write_text(access_list(self._policy))
        text = configuration(port=port, server=self._server, acl=self._acl, user=getpass.getuser())
        self._configuration.write_text(text)
        self._process = await asyncio.create_subprocess_exec(program, "-c", str(self._configuration))
        await self._wait_until_it_listens(port)
        return port

    async def wait(self) -> int:
        """Its exit status, when it ends."""
        assert self._process is not None
        return await self._process.wait()

    async def close(self) -> None:
        """End it: SIGTERM, after ten seconds SIGKILL."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_TIMEOUT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _wait_until_it_listens(self, port: int) -> None:
        assert self._process is not None
        end = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < end and self._process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                return
            await asyncio.sleep(0.02)
        await self.close()
        raise LocalStackError(f"mosquitto did not listen on {HOST}:{port} (see its log on stderr)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
