"""`iotstream local`: the whole system on this machine, in the foreground, for whoever wants to use it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from iotstream.local.stack import Stack


def local(
    *,
    env_file: Annotated[
        Path, typer.Option(help="Gets the variables, NAME=value a line, when everything is ready.")
    ],
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Holds the state, and keeps it. Default: a temporary directory."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=500, help="Of the stream.")] = 2,
    schema: Annotated[Path | None, typer.Option(help="The schema file. Default: the default schema.")] = None,
    backend: Annotated[str, typer.Option(help="The broker: auto, mosquitto or embedded.")] = "auto",
    memory_hours: Annotated[int, typer.Option(min=1, help="Timestream's memory store.")] = 24,
    magnetic_days: Annotated[int, typer.Option(min=1, help="Timestream's magnetic store.")] = 365,
    magnetic_writes: Annotated[
        bool, typer.Option(help="Let Timestream take points older than the memory store keeps.")
    ] = False,
    limits: Annotated[bool, typer.Option(help="Keep the limits of rate that Kinesis has.")] = True,
    window: Annotated[float, typer.Option(min=0, max=300, help="Batching window, seconds.")] = 1.0,
    consumer: Annotated[
        str, typer.Option(help="What reads the stream: `lambda`, or `none`, which leaves it to you.")
    ] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Say on stdout, as JSON, what is where.")] = False,
) -> None:
    """Run the local stack: broker, topic rules, Kinesis, DynamoDB, Timestream, S3, Glue.

    With `--consumer lambda` also the Lambda handler behind its event source mapping. Without it the
    stream waits for a consumer of yours, for example `iotstream consume`. A lake has one consumer.

    For example, in one shell:

        iotstream local --consumer lambda --env-file .local/env --dir .local/stack

    and in another, once the file is there:

        set -a; . .local/env; set +a

        iotstream simulate --devices 20 --duration 30

        iotstream query 'SELECT count(*) FROM iot_database.iot_table'

        aws kinesis describe-stream --stream-name kinesis-stream

    Everything listens on 127.0.0.1. Ctrl-C or SIGTERM ends it: what is in flight is finished, the lake is
    kept in `--dir`, and the file is removed.
    """
    from iotstream.errors import ConfigurationError
    from iotstream.local.programs import CONSUMERS
    from iotstream.local.stack import Stack, StackOptions

    if consumer not in CONSUMERS:
        raise ConfigurationError(f"--consumer {consumer!r}: allowed is {' or '.join(sorted(CONSUMERS))}")
    options = StackOptions(
        shards=shards,
        schema=schema,
        backend=backend,
        memory_hours=memory_hours,
        magnetic_days=magnetic_days,
        magnetic_writes=magnetic_writes,
        limits=limits,
        consumer=consumer,
        batch_window_s=window,
    )
    stop = stop_on_signals()
    with _state(directory) as place, Stack.start(place, options) as stack, _written(env_file, stack):
        _say_ready(stack, env_file, as_json=as_json)
        stack.wait(stop)
        typer.echo("ending …", err=True)


def stop_on_signals() -> threading.Event:
    """An event that SIGINT, SIGTERM and SIGHUP set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _state(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="iotstream-") as temporary:
        yield Path(temporary)


@contextmanager
def _written(path: Path, stack: Stack) -> Iterator[None]:
    """The variables in a file that is there, whole, exactly while the stack can be used."""
    text = "".join(f"{name}={value}\n" for name, value in stack.environment().items())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        # Another stack may have taken the file over.
        if path.exists() and path.read_text(encoding="utf-8") == text:
            path.unlink()


def _say_ready(stack: Stack, env_file: Path, *, as_json: bool) -> None:
    facts = {name: service.facts for name, service in stack.services.items()}
    if as_json:
        typer.echo(json.dumps({"env_file": str(env_file), "directory": str(stack.directory), **facts}))
        return
    for name, one in facts.items():
        typer.echo(f"{name:14} 127.0.0.1:{one['port']}" if "port" in one else name, err=True)
    typer.echo(f"state in {stack.directory}; variables in {env_file}; Ctrl-C ends it", err=True)
