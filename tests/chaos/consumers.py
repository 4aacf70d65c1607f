"""What reads the stream, as processes that can be killed: directly, by KCL, by the Lambda handler."""

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Protocol

import psutil

from iotstream.local.process import ServiceProcess
from iotstream.local.stack import handlers_directory

GONE_S = 45.0


class Consumer(Protocol):
    """One that is started, killed in parts, and ended."""

    def start(self) -> None: ...
    def running(self) -> bool: ...
    def victims(self) -> dict[str, list[int]]:
        """The process ids that may be killed together, by a name for the log."""
        ...

    def after_kill(self, who: str = "all") -> None:
        """Wait until what was hit is gone, so that it can be started anew."""
        ...

    def stop(self) -> int:
        """End it cleanly; its exit status."""
        ...


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Only what these tests have started."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(number)


def descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


@dataclass
class Command:
    """`iotstream consume` in a process of its own.

    Attributes:
        source: kcl or direct.
        environment: all of it.
        log: takes what it says.
        release: removes what a killed leader holds on to; KCL only.
    """

    source: str
    environment: Mapping[str, str]
    log: IO[bytes]
    release: Callable[[], None] = lambda: None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "iotstream", "consume", "--source", self.source],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def victims(self) -> dict[str, list[int]]:
        assert self.process is not None
        below = descendants(self.process.pid)
        java = [one.pid for one in below if "java" in _name(one)]
        python = [one.pid for one in below if "python" in _name(one)]
        found = {"parent": [self.process.pid], "all": [self.process.pid, *java, *python]}
        if java:
            found["daemon"] = java
        if python:
            found["child"] = python[:1]
            found["children"] = python
        return found

    def after_kill(self, who: str = "all") -> None:
        assert self.process is not None
        try:
            self.process.wait(GONE_S)
        except subprocess.TimeoutExpired:
            # A shard's process that was ending by itself when it was hit leaves the others as they are.
            if who not in {"child", "children"}:
                raise AssertionError(f"{self.source} went on for {GONE_S} s although it was hit") from None
        else:
            self.release()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(GONE_S)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


@dataclass
class Lambda:
    """The event source mapping and the handler in its runtime; the batches are cut anew at each start."""

    environment: Mapping[str, str]
    stream: str
    log: IO[bytes]
    seed: int
    service: ServiceProcess | None = None
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def start(self) -> None:
        if self.running():
            return
        arguments = [
            *("--stream", self.stream),
            *("--handler", "kinesis_lambda.handler"),
            *("--task-root", str(handlers_directory())),
            *("--batch-size", str(self._random.choice((7, 50, 300, 10_000)))),
            *("--batch-window", str(self._random.choice((0, 0, 0.3)))),
        ]
        self.service = ServiceProcess(
            "iotstream.local.event_source", arguments, environment=self.environment, log=self.log
        )

    def running(self) -> bool:
        return self.service is not None and self.service.poll() is None

    def victims(self) -> dict[str, list[int]]:
        assert self.service is not None
        functions = [one.pid for one in descendants(self.service.pid)]
        found = {"mapping": [self.service.pid], "all": [self.service.pid, *functions]}
        if functions:
            found["function"] = functions
        return found

    def after_kill(self, who: str = "all") -> None:
        # The mapping starts a function that has died by itself; a mapping that has died is started anew.
        time.sleep(0.1)
        if not self.running() and self.service is not None:
            self.service.stop()

    def stop(self) -> int:
        assert self.service is not None
        return self.service.stop(GONE_S)
