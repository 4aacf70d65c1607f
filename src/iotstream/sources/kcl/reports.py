"""What a shard's process and its parent tell each other: a line of JSON a message over a unix socket.

Nothing of the flow depends on it: a parent that is gone, or slow, never holds up a shard.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress

import msgspec

from iotstream.logs import fields_of, line_of, write_line
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.status import ShardStatus

SOCKET_VARIABLE = "IOTSTREAM_REPORT_SOCKET"
"""Where the parent listens. Not a setting: the parent sets it for the processes that it starts."""
EVERY_S = 1.0
"""Between reports of a shard's status."""
MAX_UNSENT_BYTES = 1 << 20
"""Beyond this, messages to a parent that doesn't read are dropped."""
_LAST_WORDS_S = 2.0


class Joined(msgspec.Struct, tag_field="kind", tag="joined"):
    """The process is there.

    Attributes:
        pid: its id.
    """

    pid: int


class StatusReport(msgspec.Struct, tag_field="kind", tag="status"):
    """How the shard is doing. The parent answers with a `Share`."""

    status: ShardStatus


class LogReport(msgspec.Struct, tag_field="kind", tag="log"):
    """A record of the log, as `iotstream.logs` writes it."""

    line: msgspec.Raw


class Ended(msgspec.Struct, tag_field="kind", tag="ended"):
    """The process ends now.

    Attributes:
        outcome: how its work ended.
        error: what went wrong; empty: nothing.
    """

    outcome: Outcome
    error: str = ""


class Share(msgspec.Struct):
    """The shard's share of the memory, bytes."""

    share_bytes: int


Report = Joined | StatusReport | LogReport | Ended
decode_report = msgspec.json.Decoder(Report).decode
decode_share = msgspec.json.Decoder(Share).decode


class Reporter:
    """The process's side. Its methods may be called from any thread, and never wait for the parent.

    Args:
        path: of the parent's socket; empty: there is none, and logs go to stderr.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._received = bytearray()
        self._status: ShardStatus | None = None
        self._share: int | None = None
        self._socket = _connect(path)
        self._send(Joined(os.getpid()))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def share_bytes(self) -> int | None:
        """The shard's share of the memory, bytes; None: the parent hasn't said it."""
        return self._share

    def update(self, status: ShardStatus) -> None:
        """Take the shard's status; it is sent every second."""
        first = self._status is None
        self._status = status
        if first:
            self._report()

    def log(self, line: bytes) -> None:
        """Send a line of the log, or write it to stderr if there is no parent."""
        if not self._send(LogReport(msgspec.Raw(line.rstrip()))):
            write_line(line)

    def end(self, outcome: Outcome, error: str = "") -> None:
        """Say how the work ended, and close. Waits a moment for what isn't sent yet."""
        self._stop.set()
        self._thread.join()
        self._report()
        self._send(Ended(outcome, error))
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.settimeout(_LAST_WORDS_S)
                    self._socket.sendall(self._unsent)
                self._socket.close()
                self._socket = None

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._report()

    def _report(self) -> None:
        status = self._status
        if status is not None:
            self._send(StatusReport(msgspec.structs.replace(status, updated=time.time())))
        self._receive()

    def _send(self, report: Report) -> bool:
        """Whether there is a parent to send it to."""
        line = msgspec.json.encode(report) + b"\n"
        with self._lock:
            if self._socket is None:
                return False
            if len(self._unsent) + len(line) <= MAX_UNSENT_BYTES:
                self._unsent += line
            try:
                del self._unsent[: self._socket.send(self._unsent)]
            except BlockingIOError:
                pass
            except OSError:
                self._socket.close()
                self._socket = None
                return False
            return True

    def _receive(self) -> None:
        with self._lock:
            if self._socket is None:
                return
            with suppress(OSError):
                self._received += self._socket.recv(1 << 16)
            *lines, rest = self._received.split(b"\n")
            self._received = bytearray(rest)
        if lines:
            self._share = decode_share(lines[-1]).share_bytes


class ReportHandler(logging.Handler):
    """Sends what is logged to the parent, with the process and its shard.

    Args:
        reporter: sends it.

    Attributes:
        shard_id: the shard, as soon as it is known.
    """

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter
        self.shard_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record; what can't be sent is lost, since a log must not stop the work."""
        try:
            fields = {"pid": os.getpid(), "shard": self.shard_id}
            self._reporter.log(line_of({**fields_of(record), **fields}))
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)


def _connect(path: str) -> socket.socket | None:
    if not path:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    connection.setblocking(False)
    return connection
