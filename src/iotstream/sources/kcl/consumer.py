"""`iotstream consume` by KCL: the parent of the daemon, which is the parent of a process for each shard.

parent   health, metrics, logs, signals, memory
 └─ Java: KCL's MultiLangDaemon   leases, reading, resharding
     ├─ python -m iotstream.sources.kcl   shard 0: its pipeline
     └─ …                                 reports to the parent
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType

from iotstream.assembly import Assembly
from iotstream.aws_region import region_of
from iotstream.errors import ConfigurationError
from iotstream.settings import CONFIG_VARIABLE, Settings
from iotstream.sources.kcl import properties
from iotstream.sources.kcl.daemon import EXECUTABLE, Daemon, find_jars, find_java
from iotstream.sources.kcl.hub import Hub
from iotstream.sources.kcl.leader import give_back_leadership
from iotstream.sources.kcl.reports import SOCKET_VARIABLE
from iotstream.sources.status import Status, StatusLog, StatusServer

LOOK_S = 0.1
"""Between looks at the daemon."""
LINGER_S = 3.0
"""When the daemon ends it waits all of its grace for a shard whose process has failed, or that was read to
its end; meanwhile it may even take the other shards again. So much is left to it when all that there were
have ended."""
_LONGEST_SOCKET_PATH = 100
"""Of unix sockets, some 104 to 108 bytes (unix(7))."""

log = logging.getLogger("iotstream.kcl")


def run(settings: Settings) -> int:
    """Consume the stream until told to stop, by SIGTERM or SIGINT, or until something fails.

    To be called in the main thread.

    Args:
        settings: `lake.uri` and `journal.uri` must be set.

    Returns:
        The exit status: 0 after a clean stop on request, else 1.

    Raises:
        ConfigurationError: a setting is wrong, or Java isn't there.
        MissingDependencyError: KCL isn't installed.
        SinkUnavailable: the lake or the journal can't be reached.
    """
    settings.require("lake.uri", "journal.uri")
    if settings.journal.uri == "memory:":
        raise ConfigurationError(
            "journal.uri = 'memory:': each shard has a process of its own; set IOTSTREAM_JOURNAL_URI to "
            "dynamodb://table, or on one machine to sqlite:///path/of/file"
        )
    java, jars = find_java(settings.consumer.java), find_jars()
    # What is wrong shows here, at once, rather than in a process of a process.
    Assembly(settings).close()
    with ExitStack() as stack:
        directory = stack.enter_context(_private_directory())
        status = Status()
        consumer = settings.consumer
        hub = Hub(directory / "reports", status, memory_bytes=consumer.memory_bytes)
        stack.callback(hub.close)
        environ = {**os.environ, **variables(settings), SOCKET_VARIABLE: str(directory / "reports")}
        # The host's name is for people; a worker that starts anew is another worker.
        worker = f"{socket.gethostname()}-{uuid.uuid4()}"
        place = region(environ)
        text = _properties(settings, worker, place, environ)
        server = StatusServer(status, consumer.host, consumer.port)
        stack.callback(server.close)
        stop = stack.enter_context(_stop_signals())
        daemon = Daemon(
            directory,
            java=java,
            jars=jars,
            heap=consumer.java_heap,
            properties=text,
            level=settings.log.level,
            environ=environ,
        )
        stack.callback(give_back_leadership, properties.application_name(settings), worker, place)
        stack.callback(daemon.close)
        stack.callback(daemon.kill)
        stack.enter_context(_metrics(status, settings))
        log.info(
            "consuming %s as %s; /health and /metrics on port %d",
            settings.stream.name,
            settings.application,
            server.port,
            extra={"port": server.port, "daemon": daemon.pid},
        )
        return _watch(daemon, hub, stop, settings.consumer.shutdown_s)


def variables(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, so that another process has the very same."""
    values = {CONFIG_VARIABLE: ""}
    for section in fields(settings):
        table = getattr(settings, section.name)
        for key in fields(table):
            value = getattr(table, key.name)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            values[f"IOTSTREAM_{section.name}_{key.name}".upper()] = text
    return values


def region(environ: Mapping[str, str]) -> str:
    """The AWS region, as the SDKs find it.

    Raises:
        ConfigurationError: none is set.
    """
    named = region_of(environ)
    if not named:
        import botocore.session  # noqa: PLC0415 - it costs a second

        named = botocore.session.Session().get_config_variable("region")
    if not named:
        raise ConfigurationError("the AWS region is not set: set AWS_REGION, for example to us-east-1")
    return str(named)


def _properties(settings: Settings, worker: str, place: str, environ: Mapping[str, str]) -> bytes:
    path = settings.consumer.kcl_properties
    try:
        further = Path(path).read_bytes() if path else b""
    except OSError as error:
        raise ConfigurationError(f"consumer.kcl_properties = {path!r} can't be read: {error}") from error
    chosen = properties.properties(
        settings, executable=EXECUTABLE, worker=worker, region=place, environ=environ
    )
    return properties.encode(chosen, further)


def _watch(daemon: Daemon, hub: Hub, stop: threading.Event, shutdown_s: float) -> int:
    """Wait for the daemon's end, and hasten it where nothing is left to wait for."""
    stopping_at = alone_at = float("inf")
    while (status := daemon.wait(LOOK_S)) is None:
        now = time.monotonic()
        if stop.is_set() and stopping_at == float("inf"):
            log.info("stopping: shards get %g s to finish", shutdown_s)
            stopping_at = now
            daemon.stop()
        if (stop.is_set() or hub.failures) and not hub.processes:
            alone_at = min(alone_at, now)
        if now - alone_at > LINGER_S or now - stopping_at > shutdown_s:
            daemon.kill()
    _see_off(hub)
    unfinished = hub.abandoned if alone_at == float("inf") else []
    if stop.is_set() and not unfinished and not hub.failures:
        log.info("the end: stopped on request")
        return 0
    reasons = [*hub.failures, *(f"{shard} is not finished" for shard in unfinished)]
    log.error("the end: %s", "; ".join(reasons) or f"the daemon ended with status {status}")
    return 1


def _see_off(hub: Hub) -> None:
    """Wait for the shards' processes, which see the daemon's end at once, unless they hang."""
    until = time.monotonic() + LINGER_S
    while hub.processes and time.monotonic() < until:
        time.sleep(LOOK_S / 10)
    hub.kill()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _metrics(status: Status, settings: Settings) -> Iterator[None]:
    written = StatusLog(
        status,
        namespace=settings.metrics.namespace,
        application=settings.application,
        stream=settings.stream.name,
        every_s=settings.consumer.metrics_every_s,
    )
    try:
        yield
    finally:
        written.close()


@contextmanager
def _private_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="iotstream-kcl-") as name:
        if len(os.fsencode(name)) + len("/reports") <= _LONGEST_SOCKET_PATH:
            yield Path(name)
            return
    with tempfile.TemporaryDirectory(prefix="iotstream-kcl-", dir="/tmp") as name:
        yield Path(name)
