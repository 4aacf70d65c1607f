"""How the programs of the local stack are started, found ready and ended.

Each one is a module that runs by itself (`python -m iotstream.local.kinesis --port 0`). When it is
ready it prints one JSON line on stdout (its name, its port, whatever a client needs), logs to stderr,
and serves until SIGTERM, SIGINT, or, when it was started with `--watch-stdin`, the end of its standard
input. The last makes sure that no program outlives its parent, even when the parent is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from iotstream.errors import LocalStackError

STOP_TIMEOUT_S = 15.0
READY_TIMEOUT_S = 60.0
LOG_LINES_KEPT = 40
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_stopped_early = threading.Event()


def announce(name: str, **facts: Any) -> None:
    """Print the one line that tells the parent: ready, and how to reach it.

    A signal that follows at once is kept for `wait_for_stop`.
    """
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: _stopped_early.set())
    sys.stdout.write(json.dumps({"name": name, **facts}) + "\n")
    sys.stdout.flush()


async def wait_for_stop(*, watch_stdin: bool) -> bool:
    """Return on SIGTERM, SIGINT or, if asked, at the end of standard input.

    Returns:
        Whether it was the latter: the parent is gone, and the other programs with it.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    if _stopped_early.is_set():
        return False
    orphaned = asyncio.Event()

    def at_end() -> None:
        orphaned.set()
        stop.set()

    if watch_stdin:
        threading.Thread(target=_call_at_end_of_stdin, args=(loop, at_end), daemon=True).start()
    await stop.wait()
    return orphaned.is_set()


def _call_at_end_of_stdin(loop: asyncio.AbstractEventLoop, at_end: Callable[[], None]) -> None:
    while os.read(0, 4096):
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(at_end)


class ServiceProcess:
    """One started program of the local stack.

    Args:
        module: the module to run with `python -m`.
        arguments: its arguments; `--watch-stdin` is added.
        environment: variables added to this process's own.
        ready_timeout: seconds until it must have announced itself.

    Attributes:
        facts: what it announced.

    Raises:
        LocalStackError: it ended, or said nothing, before it was ready.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        log: IO[bytes] | None = None,
        ready_timeout: float = READY_TIMEOUT_S,
    ) -> None:
        self.module = module
        self._log = log
        self._last_lines: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--watch-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            # Ctrl-C reaches the parent alone, which ends the programs in their right order.
            start_new_session=True,
        )
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        self.facts: dict[str, Any] = self._wait_until_ready(ready_timeout)

    @property
    def port(self) -> int:
        """The port that it announced."""
        return int(self.facts["port"])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.poll()

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> int:
        """End it (SIGTERM, then SIGKILL after `timeout` seconds) and return its exit status."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
        status = self._process.wait()
        self._close_pipes()
        return status

    def last_log_lines(self) -> str:
        """The end of its stderr."""
        return "".join(self._last_lines)

    def _wait_until_ready(self, timeout: float) -> dict[str, Any]:
        timer = threading.Timer(timeout, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        try:
            facts: dict[str, Any] = json.loads(line)
        except ValueError:
            self.stop()
            status = self._process.returncode
            log = self.last_log_lines()
            raise LocalStackError(f"{self.module} did not start (exit status {status}):\n{log}") from None
        return facts

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._last_lines.append(line.decode(errors="replace"))
            if self._log is not None:
                self._log.write(line)
                self._log.flush()

    def _close_pipes(self) -> None:
        self._stderr_reader.join(timeout=2)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
