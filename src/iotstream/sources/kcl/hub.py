"""`Hub`: the parent's side of the reports: takes them from the shards' processes, shares out the memory."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from iotstream.logs import write_line
from iotstream.sources.kcl.memory import LEAST_SHARE_BYTES, MIB
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.reports import Ended, Joined, LogReport, Share, StatusReport, decode_report
from iotstream.sources.status import Status

_READ_BYTES = 1 << 16
log = logging.getLogger("iotstream.kcl.hub")


class _Process:
    """A shard's process, as far as it has told of itself."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.pid = 0
        self.shard_id = ""
        self.followed = False
        self.ended: Ended | None = None


class Hub:
    """Listens on a unix socket, in a thread of its own.

    Args:
        path: of the socket, in a private directory.
        status: learns how the shards are, and what has failed.
        memory_bytes: shared out evenly among the shards that are read.
    """

    def __init__(self, path: Path, status: Status, *, memory_bytes: int) -> None:
        self._status = status
        self._memory_bytes = memory_bytes
        self._processes: list[_Process] = []
        self._failures: list[str] = []
        self._abandoned: list[str] = []
        self._warned = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.fspath(path))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def processes(self) -> int:
        """How many processes are connected."""
        return len(self._processes)

    @property
    def failures(self) -> list[str]:
        """What went wrong in processes, in words."""
        return list(self._failures)

    @property
    def abandoned(self) -> list[str]:
        """Shards whose processes the daemon left before they had finished."""
        return list(self._abandoned)

    def kill(self) -> None:
        """End the processes that are still connected, at once."""
        for process in list(self._processes):
            if process.pid:
                log.error("process %d (%s) does not end: killed", process.pid, process.shard_id)
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Stop listening."""
        self._waker.close()
        self._thread.join()
        for one in (self._listener, self._woken, *(process.connection for process in self._processes)):
            one.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.data)

    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            process = _Process(connection)
            self._processes.append(process)
            self._selector.register(connection, selectors.EVENT_READ, process)

    def _read(self, process: _Process) -> None:
        try:
            part = process.connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        process.received += part
        *lines, rest = process.received.split(b"\n")
        process.received = bytearray(rest)
        for line in lines:
            try:
                self._take(process, bytes(line))
            except msgspec.MsgspecError as error:
                log.warning("process %d sent what is no report: %s", process.pid, error)
        if not part:
            self._leave(process)

    def _take(self, process: _Process, line: bytes) -> None:
        report = decode_report(line)
        match report:
            case Joined():
                process.pid = report.pid
            case StatusReport():
                self._hold(process, report.status.shard_id)
                if not process.followed:
                    self._status.update(report.status)
                    self._send_share(process)
            case LogReport():
                write_line(bytes(report.line) + b"\n")
            case Ended():
                process.ended = report
                if report.outcome is Outcome.DAEMON_GONE:
                    self._abandoned.append(process.shard_id or f"process {process.pid}")
                if report.error:
                    self._fail(report.error)

    def _hold(self, process: _Process, shard_id: str) -> None:
        """A shard may come again while its former process still writes: that one counts no more."""
        if process.shard_id:
            return
        for other in self._processes:
            if other.shard_id == shard_id and not other.followed:
                other.followed = True
                self._status.remove(shard_id)
        process.shard_id = shard_id
        if self._share < LEAST_SHARE_BYTES and not self._warned:
            self._warned = True
            log.warning(
                "consumer.memory_bytes = %d MiB is %d MiB for each shard here, and %d are needed: set "
                "IOTSTREAM_CONSUMER_MEMORY_BYTES higher, or start more consumers",
                *(one // MIB for one in (self._memory_bytes, self._share, LEAST_SHARE_BYTES)),
            )

    @property
    def _share(self) -> int:
        held = sum(1 for one in self._processes if one.shard_id and not one.followed)
        return self._memory_bytes // max(held, 1)

    def _send_share(self, process: _Process) -> None:
        with suppress(OSError):
            process.connection.send(msgspec.json.encode(Share(self._share)) + b"\n")

    def _leave(self, process: _Process) -> None:
        self._selector.unregister(process.connection)
        process.connection.close()
        self._processes.remove(process)
        if process.shard_id and not process.followed:
            self._status.remove(process.shard_id)
        if process.ended is None:
            self._fail(f"process {process.pid} of {process.shard_id or 'a shard'} ended without a word")

    def _fail(self, reason: str) -> None:
        self._failures.append(reason)
        self._status.fail(reason)
