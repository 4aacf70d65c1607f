"""KCL's MultiLangDaemon as a process: Java and the jars found, the files written, started, its log read."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from iotstream.errors import ConfigurationError, MissingDependencyError
from iotstream.logs import line_of, write_line
from iotstream.sources.kcl import tether

MAIN_CLASS = "software.amazon.kinesis.multilang.MultiLangDaemon"
LEAST_JAVA = 17
EXECUTABLE = "/bin/sh ./processor"
"""Of a shard's process, relative to the daemon's directory. The daemon splits the command at blanks, with
no way to quote any, so paths are in the script; a shell reads it, in case files there may not be run."""
_JAVA_TIMEOUT_S = 20.0
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_LEVELS = {"WARN": "WARNING", "TRACE": "DEBUG"}
_PRINTED = "iotstream.kcl.output"
_QUIET = {"DEBUG": "INFO", "INFO": "WARN", "WARNING": "WARN"}
"""KCL says far more than its levels promise."""
_LOGBACK = """\
<configuration>
  <appender name="stderr" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.err</target>
    <encoder class="ch.qos.logback.classic.encoder.JsonEncoder"/>
  </appender>
  <!-- It logs what the shards' processes print, and prints it too. -->
  <logger name="software.amazon.kinesis.multilang.DrainChildSTDERRTask" level="OFF"/>
  <!-- It calls its own interrupting of that task an error, also when all ends in order. -->
  <logger name="software.amazon.kinesis.multilang.MultiLangShardRecordProcessor" level="OFF"/>
  <!-- It warns of metrics that are not sent, also when none are wanted. -->
  <logger name="software.amazon.kinesis.metrics" level="ERROR"/>
  <root level="{level}"><appender-ref ref="stderr"/></root>
</configuration>
"""
_PROCESSOR = """\
cd -- {directory} && exec {python} -m iotstream.sources.kcl
"""


def find_java(java: str) -> str:
    """The Java runtime, if it will do.

    Args:
        java: `consumer.java`: a path, or a name in PATH.

    Raises:
        ConfigurationError: it isn't there, or too old.
    """
    fix = f"install Java {LEAST_JAVA} or later, or set IOTSTREAM_CONSUMER_JAVA to the path of its `java`"
    try:
        said = subprocess.run(  # noqa: S603 - the user's own setting
            [java, "-version"], capture_output=True, text=True, timeout=_JAVA_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"consumer.java = {java!r} can't be run ({error}): {fix}") from error
    found = _VERSION.search(said.stderr + said.stdout)
    if found is None or int(found[1]) < LEAST_JAVA:
        version = (said.stderr + said.stdout).strip().partition("\n")[0]
        raise ConfigurationError(f"consumer.java = {java!r} is {version}: {fix}")
    return java


def find_jars() -> Path:
    """The directory of KCL's jars, which come with `amazon_kclpy`.

    Raises:
        MissingDependencyError: it isn't installed, or without them.
    """
    spec = importlib.util.find_spec("amazon_kclpy")
    places = spec.submodule_search_locations if spec is not None else None
    jars = Path(places[0]) / "jars" if places else None
    if jars is None or not list(jars.glob("amazon-kinesis-client-multilang-*.jar")):
        raise MissingDependencyError(
            "the Kinesis Client Library is not installed: pip install 'iotstream[kcl]' "
            "(its set-up downloads some 80 jars from Maven)"
        )
    return jars


class Daemon:
    """The running daemon. It ends when this process does, even if that is killed (on Linux).

    Make it in the main thread: the system takes the end of the thread that started it for the parent's.

    Args:
        directory: a private one, for its files.
        java: the runtime.
        jars: KCL's.
        heap: the JVM's, such as "512m".
        properties: text of the properties file.
        level: of logs, as in `log.level`.
        environ: its environment, and that of the shards' processes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        java: str,
        jars: Path,
        heap: str,
        properties: bytes,
        level: str,
        environ: Mapping[str, str],
    ) -> None:
        _write_files(directory, properties, level)
        command = [
            *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
            java,
            f"-Xmx{heap}",
            # A thread that ends for want of memory would leave a daemon behind that does half of its work.
            "-XX:+ExitOnOutOfMemoryError",
            *("-cp", f"{jars}/*"),
            MAIN_CLASS,
            *("--properties-file", "kcl.properties", "--log-configuration", "logback.xml"),
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches this process alone, which then asks the daemon to stop.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status; None if it still runs after that time. Below 0: the signal that ended it."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to end: it lets the shards finish and gives their leases back."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """Let go of its output, when it has ended."""
        self._process.wait()
        # A shard's process that still runs holds the pipe open.
        self._reader.join(timeout=1)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            write_line(line_of(log_fields(line)))


def log_fields(line: bytes) -> dict[str, Any]:
    """A line of the daemon's as fields of ours: logback's JSON, or what anything printed."""
    try:
        said = orjson.loads(line)
        fields = {
            "time": _time(said["timestamp"] / 1000),
            "level": _LEVELS.get(said["level"], said["level"]),
            "logger": said["loggerName"],
            "message": _filled_in(said["message"], said.get("arguments") or []),
        }
        if said.get("throwable"):
            fields["exception"] = "\n".join(_stack(said["throwable"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        text = line.decode(errors="replace").rstrip()
        return {"time": _time(time.time()), "level": "WARNING", "logger": _PRINTED, "message": text}
    return fields


def _filled_in(template: str, arguments: Sequence[object]) -> str:
    """As SLF4J does: each argument in place of the next pair of braces."""
    for argument in arguments:
        template = template.replace("{}", str(argument), 1)
    return template


def _stack(throwable: Mapping[str, Any]) -> Iterator[str]:
    yield f"{throwable['className']}: {throwable.get('message')}"
    for step in throwable.get("stepArray") or ():
        place = f"{step.get('fileName')}:{step.get('lineNumber')}"
        yield f"    at {step.get('className')}.{step.get('methodName')}({place})"
    if throwable.get("cause"):
        yield "caused by:"
        yield from _stack(throwable["cause"])


def _time(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_files(directory: Path, properties: bytes, level: str) -> None:
    (directory / "kcl.properties").write_bytes(properties)
    (directory / "logback.xml").write_text(_LOGBACK.format(level=_QUIET.get(level, "ERROR")), "utf-8")
    script = _PROCESSOR.format(directory=shlex.quote(str(Path.cwd())), python=shlex.quote(sys.executable))
    (directory / "processor").write_bytes(os.fsencode(script))
