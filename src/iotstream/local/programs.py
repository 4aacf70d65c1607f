"""What the stack's programs are started with, the variables by which they are used, how busy they are."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from iotstream.local.process import ServiceProcess

if TYPE_CHECKING:
    from iotstream.local.stack import Stack

# The certificates live for seven days; a state directory may be older.
CERTIFICATES_RENEWED_AFTER_S = 6 * 86_400
PACKAGE = "iotstream.local"


class Program(NamedTuple):
    """A module of `iotstream.local` with what it is started with."""

    module: str
    arguments: list[str]
    environment: Mapping[str, str] = {}


Builder = Callable[["Stack"], Program]


def _kinesis(stack: Stack) -> Program:
    create = f"{stack.names.stream}={stack.options.shards}"
    limits = "on" if stack.options.limits else "off"
    return Program(f"{PACKAGE}.kinesis", ["--create", create, "--limits", limits])


def _timestream(stack: Stack) -> Program:
    options, names = stack.options, stack.names
    arguments = [
        *("--directory", str(stack.directory / "timestream")),
        *("--database", names.timestream_database),
        *("--table", names.timestream_table),
        *("--memory-hours", str(options.memory_hours)),
        *("--magnetic-days", str(options.magnetic_days)),
    ]
    return Program(f"{PACKAGE}.timestream", arguments + ["--magnetic-writes"] * options.magnetic_writes)


def _aws(_: Stack) -> Program:
    return Program(f"{PACKAGE}.aws", [])


def _broker(stack: Stack) -> Program:
    directory = stack.directory / "certificates"
    authority = directory / "ca.pem"
    if authority.exists() and time.time() - authority.stat().st_mtime > CERTIFICATES_RENEWED_AFTER_S:
        shutil.rmtree(directory)
    return Program(f"{PACKAGE}.broker", ["--directory", str(directory), "--backend", stack.options.backend])


def _rules(stack: Stack) -> Program:
    broker = stack.services["broker"]
    arguments = [
        *("--broker-port", str(broker.port)),
        *("--directory", broker.facts["directory"]),
        *("--stream", stack.names.stream),
        *("--error-directory", str(stack.directory / "rule-errors")),
    ]
    return Program(f"{PACKAGE}.rules", arguments, stack.environment())


def _event_source(stack: Stack) -> Program:
    options = stack.options
    from iotstream.local.stack import handlers_directory  # noqa: PLC0415 - it needs this module

    arguments = [
        *("--stream", stack.names.stream),
        *("--handler", options.handler),
        *("--task-root", str(options.task_root or handlers_directory())),
        *("--function-name", stack.names.function),
        *("--batch-window", str(options.batch_window_s)),
        *("--stats-port", "0"),
    ]
    return Program(f"{PACKAGE}.event_source", arguments, stack.environment())


FIRST: Mapping[str, Builder] = {
    "aws": _aws,
    "kinesis": _kinesis,
    "timestream": _timestream,
    "broker": _broker,
}
"""They need nothing."""
THEN: Mapping[str, Builder] = {"rules": _rules}
"""They use the others."""
CONSUMERS: Mapping[str, Mapping[str, Builder]] = {"lambda": {"event_source": _event_source}, "none": {}}
"""What reads the stream."""


def environment(stack: Stack) -> dict[str, str]:
    """The variables by which SDKs, the handlers and the command line use the stack."""
    names, options = stack.names, stack.options
    endpoint = {name: f"http://127.0.0.1:{service.port}" for name, service in stack.services.items()}
    broker = stack.services["broker"]
    certificates = Path(broker.facts["directory"])
    return {
        "AWS_ENDPOINT_URL": endpoint["aws"],
        "AWS_ENDPOINT_URL_KINESIS": endpoint["kinesis"],
        "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": endpoint["timestream"],
        "AWS_ENDPOINT_URL_TIMESTREAM_QUERY": endpoint["timestream"],
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": names.region,
        "AWS_DEFAULT_REGION": names.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A configuration file of the user's is for the cloud.
        "IOTSTREAM_CONFIG": "",
        "IOTSTREAM_STREAM_NAME": names.stream,
        "IOTSTREAM_LAKE_URI": names.lake,
        "IOTSTREAM_QUARANTINE_URI": names.quarantine,
        "IOTSTREAM_JOURNAL_URI": f"dynamodb://{names.journal}",
        "IOTSTREAM_TIMESTREAM_DATABASE": names.timestream_database,
        "IOTSTREAM_TIMESTREAM_TABLE": names.timestream_table,
        "IOTSTREAM_TIMESTREAM_ENABLED": "true",
        "IOTSTREAM_SCHEMA_PATH": str(options.schema.absolute()) if options.schema else "",
        "IOTSTREAM_MQTT_HOST": "127.0.0.1",
        "IOTSTREAM_MQTT_PORT": str(broker.port),
        "IOTSTREAM_MQTT_CA_FILE": broker.facts["ca"],
        "IOTSTREAM_MQTT_CERTIFICATE_DIRECTORY": str(certificates / "clients"),
    }


class Work(NamedTuple):
    """How far the programs between devices and lake are; counts since they began.

    Attributes:
        received: messages that the rules took from the broker.
        acknowledged: of them, those that the rules are done with.
        forwarded: records that the rules put into the stream.
        failed: results of the rules that went to the error action.
        processed: records that the handler is done with, or that were given up.
        waiting: records in the stream that it is not done with.
        iterator_age_ms: of the last record read.
        failures: invocations that failed.
    """

    received: int
    acknowledged: int
    forwarded: int
    failed: int
    processed: int
    waiting: int
    iterator_age_ms: int
    failures: int = 0

    @property
    def idle(self) -> bool:
        """Whether everything that was taken has gone through."""
        return self.received == self.acknowledged and not self.waiting


def progress(stack: Stack) -> Work:
    """How far the stack is."""
    rules, source = (stats(stack.services[name]) for name in ("rules", "event_source"))
    processed = source["processed"] + source["discarded"]
    return Work(
        received=rules["received"],
        acknowledged=rules["done"],
        forwarded=rules["forwarded"],
        failed=rules["failed"],
        processed=processed,
        waiting=max(rules["forwarded"] - processed, source["buffered"]),
        iterator_age_ms=source["iterator_age_ms"],
        failures=source["failures"],
    )


def stats(service: ServiceProcess) -> dict[str, Any]:
    """The figures of a program that serves them.

    Raises:
        OSError: it can't be reached.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/stats", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
