"""What commands about a lake have in common: where it is, its journal, how far they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iotstream.errors import ConfigurationError, StreamUnavailable

if TYPE_CHECKING:
    from iotstream.journal.base import Journal, ShardKey
    from iotstream.retry import Backoff
    from iotstream.settings import Settings
    from iotstream.sinks.objects import Store

LakeOption = Annotated[
    str,
    typer.Option(help="s3://bucket/prefix or file:///directory. Default: `lake.uri`.", show_default=False),
]
QuarantineOption = Annotated[
    str,
    typer.Option(
        help="Where its dead letters are. Default: `quarantine.uri`; with --lake: `quarantine` in it.",
        show_default=False,
    ),
]
RunOption = Annotated[
    str, typer.Option(help="A run's own lake, below `runs/NAME`. Default: `journal.run`.", show_default=False)
]
MEMORY = "memory:"


def settings_of(lake: str, quarantine: str, run: str) -> Settings:
    """The settings, with what was given on the command line.

    Raises:
        ConfigurationError: a setting is wrong, or there is no lake.
    """
    from iotstream.settings import QuarantineSettings, Settings

    settings = Settings.load(os.environ)
    if lake:
        # What the settings say of dead letters is of their own lake.
        where = QuarantineSettings(uri=quarantine)
        settings = replace(settings, lake=replace(settings.lake, uri=lake), quarantine=where)
    elif quarantine:
        settings = replace(settings, quarantine=QuarantineSettings(uri=quarantine))
    if run:
        settings = replace(settings, journal=replace(settings.journal, run=run))
    settings.require("lake.uri")
    return settings


def open_stores(settings: Settings, backoff: Backoff) -> tuple[Store, Store]:
    """Lake and quarantine, of the run if there is one.

    Raises:
        ConfigurationError: there is no such directory.
    """
    from iotstream.sinks.objects import open_store

    scheme, _, path = settings.lake_uri.partition("://")
    if scheme == "file" and not Path(path).is_dir():
        raise ConfigurationError(f"there is no lake at {settings.lake_uri}: no such directory")
    return open_store(settings.lake_uri, backoff=backoff), open_store(
        settings.quarantine_uri, backoff=backoff
    )


@contextmanager
def journal_of(settings: Settings, backoff: Backoff) -> Iterator[Journal | None]:
    """The journal, if one is set that other processes can see."""
    from iotstream.journal import open_journal

    if settings.journal.uri in {"", MEMORY}:
        yield None
        return
    journal = open_journal(settings.journal.uri, backoff=backoff)
    try:
        yield journal
    finally:
        journal.close()


def stream_of(settings: Settings, backoff: Backoff) -> ShardKey | None:
    """Some shard of the configured stream, for its items in the journal; None: it can't be reached."""
    from iotstream.journal.base import ShardKey
    from iotstream.stream_reader import StreamReader

    try:
        stream = StreamReader.open(backoff=backoff).describe(settings.stream.name)
    except (ConfigurationError, StreamUnavailable):
        return None
    return ShardKey(settings.application, stream.arn, stream.created_ms, "")


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int], None]]:
    """A line for each thing that is looked at, on stderr, while it is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:>12,} {task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks = {}

        def show(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.update(tasks[what], completed=done)

        yield show
