"""`Stack`: the whole system on this machine, as one thing that is started, watched and ended.

    with Stack.start(Path("state")) as stack:
        client = boto3.client("kinesis", ...)  # with stack.environment()

Broker with client certificates → topic rules → Kinesis → event source mapping → the Lambda handler →
Timestream, S3 and the Glue catalogue: each is a program of `iotstream.local` on 127.0.0.1 with a port of
its own. The names are those of the pipeline in the cloud. The Lambda handler can be left out: then the
stream waits for a consumer.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from iotstream.errors import LocalStackError
from iotstream.local import programs
from iotstream.local.mirror import Mirror
from iotstream.local.process import ServiceProcess
from iotstream.local.provision import provision
from iotstream.retry import Backoff
from iotstream.schema import Schema
from iotstream.sinks.objects import open_store

STOP_ORDER = ("rules", "event_source", "broker", "timestream", "kinesis", "aws")
"""What feeds comes first, so that nothing is sent to a program that has ended."""
STUCK_S = 15.0
STUCK_FAILURES = 3
"""So many failed invocations, and no record done in STUCK_S: waiting longer does not help."""
DRAIN_S = 15.0
"""The stream lives in memory: what the handler has not done by then is gone."""


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What to start.

    Attributes:
        shards: of the stream.
        schema: the schema file; None: the default schema.
        backend: of the broker: auto, mosquitto or embedded.
        memory_hours, magnetic_days: Timestream's retention.
        magnetic_writes: whether Timestream takes points older than `memory_hours`.
        limits: whether the stream keeps the service's limits of rate.
        consumer: what reads the stream: "lambda", or "none", so that another may.
        batch_window_s: how long the event source collects records for an invocation.
        handler: the Lambda's handler, `module.function`.
        task_root: the directory that holds its module; None: the handlers that come with iotstream.
    """

    shards: int = 2
    schema: Path | None = None
    backend: str = "auto"
    memory_hours: int = 24
    magnetic_days: int = 365
    magnetic_writes: bool = False
    limits: bool = True
    consumer: str = "lambda"
    batch_window_s: float = 1.0
    handler: str = "kinesis_lambda.handler"
    task_root: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Names:
    """What things are called, here as in the cloud."""

    stream: str = "kinesis-stream"
    function: str = "transform-function"
    timestream_database: str = "iot_timestream_db"
    timestream_table: str = "iot_table"
    glue_database: str = "iot_database"
    glue_table: str = "iot_table"
    lake: str = "s3://iot-lake/telemetry"
    quarantine: str = "s3://iot-quarantine/telemetry"
    journal: str = "iotstream-journal"
    results_bucket: str = "athena-temp-results-bucket-local"
    region: str = "us-east-1"


@dataclass
class Stack:
    """See the module. Made by `Stack.start`; used as a context manager, or ended by `stop`.

    Attributes:
        directory: holds everything: `lake`, `quarantine`, `timestream`, `certificates`, `logs`.
        options: what was started.
        names: what things are called.
        services: the programs by name.
    """

    directory: Path
    options: StackOptions
    names: Names = field(default_factory=Names)
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    _logs: list[IO[bytes]] = field(default_factory=list)
    _stopped: bool = False

    @classmethod
    def start(cls, directory: Path, options: StackOptions | None = None) -> Stack:
        """Start everything and return when it is ready. What lies in `directory` from before is used.

        Raises:
            LocalStackError: a program did not start; the others are ended.
            SchemaError: the schema file is wrong.
        """
        directory = directory.absolute()
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        stack = cls(directory, options or StackOptions())
        schema = Schema.load(stack.options.schema)
        try:
            stack._start_together(programs.FIRST)
            provision(stack.environment(), stack.names, schema)
            stack._open_mirrors()
            stack._start_together({**programs.THEN, **programs.CONSUMERS[stack.options.consumer]})
        except BaseException:
            stack._end_programs()
            raise
        return stack

    def environment(self) -> dict[str, str]:
        """The variables with which SDKs, the handlers and the command line use this stack."""
        return programs.environment(self)

    def check(self) -> None:
        """Make sure that every program runs.

        Raises:
            LocalStackError: one has ended by itself; its last log lines are in the message.
        """
        for name, service in self.services.items():
            status = service.poll()
            if status is not None:
                log = self.directory / "logs" / f"{name}.log"
                last = service.last_log_lines().rstrip()
                raise LocalStackError(f"{name} ended by itself (exit status {status}), see {log}:\n{last}")

    def wait(self, stop: threading.Event, *, every_s: float = 0.5) -> None:
        """Return when `stop` is set; copy new objects to the directory meanwhile.

        Raises:
            LocalStackError: a program has ended by itself.
        """
        while not stop.wait(every_s):
            self.check()
            for mirror in self.mirrors.values():
                mirror.poll()

    def settle(
        self, timeout_s: float = 60.0, *, published: int = 0, on_wait: Callable[[], None] | None = None
    ) -> bool:
        """Wait until all that was published has gone through; False when time ran out.

        Args:
            timeout_s: how long to wait, seconds.
            published: messages that the broker has acknowledged: so many at least must have come through.
            on_wait: called between looks, for progress.

        Raises:
            LocalStackError: a program has ended by itself, or the handler fails again and again.
        """
        began = moved = time.monotonic()
        quiet, failures, before = 0, 0, None
        while (now := time.monotonic()) < began + timeout_s:
            self.check()
            state = programs.progress(self)
            if before is None or state.processed != before.processed:
                moved, failures = now, state.failures
            if now - moved > STUCK_S and state.failures - failures >= STUCK_FAILURES:
                raise LocalStackError(self._why_stuck())
            # Twice the same and nothing under way: a record may be between two programs at one look.
            quiet = quiet + 1 if state.idle and state == before and state.received >= published else 0
            if quiet >= 2:
                return True
            before = state
            if on_wait is not None:
                on_wait()
            time.sleep(0.2)
        return False

    def stop(self, *, drain_s: float = DRAIN_S) -> None:
        """End every program in the right order, and keep the lake. Harmless when repeated.

        Args:
            drain_s: how long to let the handler finish what is in the stream, seconds.

        Raises:
            LocalStackError: the copy of the lake is not complete.
        """
        if self._stopped:
            return
        self._stopped = True
        try:
            self._end_programs("rules")
            self._drain(drain_s)
            self._end_programs("event_source")
            if self.services["aws"].poll() is None:
                for mirror in self.mirrors.values():
                    mirror.finish()
        finally:
            self._end_programs()

    def _why_stuck(self) -> str:
        lines = self.services["event_source"].last_log_lines().splitlines()
        # The runtime interface client writes an error and its traceback as one line.
        errors = [line for line in lines if line.startswith("[ERROR]")]
        last = (errors or lines or ["it logged nothing"])[-1].partition("Traceback")[0].strip()
        log = self.directory / "logs" / "event_source.log"
        return f"the Lambda handler fails again and again, see {log}: {last}"

    def _drain(self, timeout_s: float) -> None:
        """Wait until the handler is done with all that was in the stream when this began."""
        began, deadline = time.time(), time.monotonic() + timeout_s
        source = self.services.get("event_source")
        if source is None:
            return
        while source.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if programs.stats(source)["idle_since"] > began:
                    return
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_together(self, builders: Mapping[str, programs.Builder]) -> None:
        """Start programs side by side; when one fails the rest is still registered, to be ended."""
        with ThreadPoolExecutor(len(builders)) as pool:
            futures = {name: pool.submit(self._launch, name, build) for name, build in builders.items()}
        errors = []
        for name, future in futures.items():
            error = future.exception()
            if error is None:
                self.services[name] = future.result()
            else:
                errors.append(error)
        if errors:
            raise errors[0]

    def _launch(self, name: str, build: programs.Builder) -> ServiceProcess:
        log = (self.directory / "logs" / f"{name}.log").open("ab")
        self._logs.append(log)
        program = build(self)
        return ServiceProcess(program.module, program.arguments, environment=program.environment, log=log)

    def _open_mirrors(self) -> None:
        for name, uri in (("lake", self.names.lake), ("quarantine", self.names.quarantine)):
            store = open_store(uri, backoff=Backoff(), environ=self.environment()).store
            self.mirrors[name] = Mirror(store, self.directory / name)
            self.mirrors[name].restore()

    def _end_programs(self, *names: str) -> None:
        for name in names or STOP_ORDER:
            if name in self.services:
                self.services[name].stop()
        if not names:
            for log in self._logs:
                with contextlib.suppress(OSError):
                    log.close()


def handlers_directory() -> Path:
    """Where the handlers are: in the package when it is installed, beside it in a checkout.

    Raises:
        LocalStackError: they are in neither place.
    """
    package = Path(__file__).parent.parent
    for place in (package / "_handlers", package.parent.parent / "handlers"):
        if (place / "kinesis_lambda.py").is_file():
            return place
    raise LocalStackError(f"the Lambda handlers are not there: neither in {package} nor beside it{os.sep}")
